import { ApiError } from '../api.ts'
import { isUnlimited, type Limits, type LimitValues, limitValues, NO_LIMITS } from '../limits.ts'
import { type Binding, bindingJson } from './binding.tsx'

/** `GET /key/list`, each of its `keys`, as far as pages show it. */
export type Key = Omit<Limits, 'models'> & {
  /** Names it everywhere; the secret is in no answer but the first. */
  readonly token: string
  readonly key_name: string
  readonly key_alias: string | null
  readonly customer_id: string | null
  readonly key_type: 'llm_api' | 'read_only'
  /** Empty: all. */
  readonly models: readonly string[]
  readonly budget_id: string | null
  readonly spend: number
  readonly held: number
  readonly budget_reset_at: string | null
  readonly expires: string | null
  readonly blocked: boolean
  readonly created_at: string
}

/** A key as its form has it, under the server's names, so that a refusal is shown at its field. */
export type KeyValues = LimitValues &
  Binding & {
    readonly key_alias: string
    readonly key_type: Key['key_type']
    readonly customer_id: string
    readonly duration: string
  }

export const NEW_KEY: KeyValues = {
  ...NO_LIMITS,
  key_alias: '',
  key_type: 'llm_api',
  customer_id: '',
  duration: '',
  binding: 'none',
  budget_id: '',
}

export const nameOf = ({ key_alias, key_name }: Key): string => key_alias ?? key_name

const ownLimits = (key: Key): LimitValues => limitValues({ ...key, models: null })

/** Whether it has limits of its own: then they are changed, and else made. */
const hasOwn = (key: Key): boolean => key.budget_id === null && !isUnlimited(ownLimits(key))

export function valuesOf(key: Key): KeyValues {
  const own = hasOwn(key) ? 'own' : 'none'
  return {
    ...ownLimits(key),
    models: key.models.length === 0 ? null : key.models,
    key_alias: key.key_alias ?? '',
    key_type: key.key_type,
    customer_id: key.customer_id ?? '',
    duration: '',
    binding: key.budget_id === null ? own : 'tier',
    budget_id: key.budget_id ?? '',
  }
}

/**
 * What is sent to make a key, or to change one; null clears. Throws for a list of no models: sent,
 * it would be all of them, which is what LiteLLM means by an empty one.
 */
export function bodyOf(values: KeyValues, of: Key | null = null): Record<string, unknown> {
  const text = (typed: string) => typed.trim() || null
  const { key_type, models } = values
  const duration = text(values.duration)
  const always = {
    key_alias: text(values.key_alias),
    key_type,
    ...(duration === null ? {} : { duration }),
  }
  if (key_type === 'read_only') {
    return { ...always, customer_id: null, models: [], budget_id: null }
  }
  if (models?.length === 0) throw new ApiError(400, 'Choose a model, or all of them', 'models')
  return {
    ...always,
    ...bindingJson(values, of !== null && hasOwn(of)),
    customer_id: text(values.customer_id),
    models: models ?? [],
  }
}
