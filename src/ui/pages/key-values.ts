import type { Budget } from './customer-parts.tsx'

/** `GET /key/list`, each of its `keys`, as far as pages show it. */
export type Key = {
  /** Names it everywhere; the secret is in no answer but the first. */
  readonly token: string
  readonly key_name: string
  readonly key_alias: string | null
  readonly customer_id: string | null
  readonly key_type: 'llm_api' | 'read_only'
  readonly models: readonly string[]
  readonly budget_id: string | null
  readonly spend: number
  readonly held: number
  readonly max_budget: number | null
  readonly soft_budget: number | null
  readonly budget_duration: string | null
  readonly budget_reset_at: string | null
  readonly rpm_limit: number | null
  readonly tpm_limit: number | null
  readonly max_parallel_requests: number | null
  readonly litellm_budget_table: Budget | null
  readonly expires: string | null
  readonly blocked: boolean
  readonly created_at: string
}

/** The fields of a key that are typed as text; empty: none. */
export const LIMITS = [
  'max_budget',
  'budget_duration',
  'soft_budget',
  'rpm_limit',
  'tpm_limit',
  'max_parallel_requests',
] as const

export type LimitName = (typeof LIMITS)[number]

/** A key as its form has it, under the server's names, so that a refusal is shown at its field. */
export type KeyValues = Readonly<Record<LimitName, string>> & {
  readonly key_alias: string
  readonly key_type: Key['key_type']
  readonly customer_id: string
  /** Empty: all. */
  readonly models: readonly string[]
  /** What limits it: nothing, a shared budget, or limits of its own. */
  readonly limited: 'no' | 'shared' | 'own'
  readonly budget_id: string
  readonly duration: string
}

export const NEW_KEY: KeyValues = {
  key_alias: '',
  key_type: 'llm_api',
  customer_id: '',
  models: [],
  limited: 'no',
  budget_id: '',
  duration: '',
  max_budget: '',
  budget_duration: '',
  soft_budget: '',
  rpm_limit: '',
  tpm_limit: '',
  max_parallel_requests: '',
}

export const nameOf = ({ key_alias, key_name }: Key): string => key_alias ?? key_name

export function valuesOf(key: Key): KeyValues {
  const limits = LIMITS.map((name) => [name, key[name] === null ? '' : String(key[name])])
  const hasOwn = LIMITS.some((name) => key[name] !== null)
  const ofOwn = hasOwn ? 'own' : 'no'
  return {
    ...NEW_KEY,
    ...(Object.fromEntries(limits) as Record<LimitName, string>),
    key_alias: key.key_alias ?? '',
    key_type: key.key_type,
    customer_id: key.customer_id ?? '',
    models: key.models,
    limited: key.budget_id === null ? ofOwn : 'shared',
    budget_id: key.budget_id ?? '',
  }
}

/** What is sent; null clears. Text that is no number goes as it is, for the server to refuse. */
export function bodyOf(values: KeyValues) {
  const text = (name: Exclude<keyof KeyValues, 'models'>) => values[name].trim() || null
  const isForCalls = values.key_type === 'llm_api'
  const limits = Object.fromEntries(LIMITS.map((name) => [name, text(name)]))
  return {
    key_alias: text('key_alias'),
    key_type: values.key_type,
    customer_id: isForCalls ? text('customer_id') : null,
    models: isForCalls ? values.models : [],
    budget_id: isForCalls && values.limited === 'shared' ? text('budget_id') : null,
    ...(isForCalls && values.limited === 'own' ? limits : {}),
    ...(text('duration') === null ? {} : { duration: text('duration') }),
  }
}
