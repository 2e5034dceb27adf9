import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { type Limits, NO_LIMITS } from '../ledger/budget.ts'
import { type KeyProfile, type KeyRole, NEW_KEY } from '../ledger/key.ts'
import { fromDollars, type Nanos } from '../ledger/money.ts'
import { laterBy } from '../ledger/period.ts'
import { LIMIT_FIELDS, limitsAnything, readLimits } from './budget-json.ts'
import { given, NullableDollars, NullableId, NullableText } from './fields.ts'
import { shown } from './misfit.ts'

/** What clients say of a virtual key, and the way from that to ours. */

export const KEY_PROFILE = {
  key_alias: NullableId({
    description: 'A name for people, and in refusals. No two keys have the same.',
    examples: ['backend'],
  }),
  customer_id: NullableId({
    description:
      'The customer whose tab its calls are on, whatever they say in `user` or in a header. ' +
      'Null: the calls name it.',
    examples: ['alice'],
  }),
  budget_id: NullableId({
    description: 'The budget it is on. Not together with limits of its own.',
    examples: ['pro'],
  }),
}

/** LiteLLM's key may belong to these. Here they are kept and shown, and change nothing. */
const label = (of: string) =>
  NullableText({
    description: `LiteLLM's ${of}: kept and shown, without effect. See \`customer_id\`.`,
    examples: ['ours'],
    maxLength: 256,
  })
const ID_LABELS = {
  user_id: label('internal user'),
  team_id: label('team'),
  organization_id: label('organization'),
  project_id: label('project'),
  agent_id: label('agent'),
}
const Tags = Type.Unsafe<string[] | null>({
  type: ['array', 'null'],
  items: Type.String(),
  description: "LiteLLM's tags: kept and shown, without effect.",
  examples: [['backend']],
})

export const KEY_LABELS = { ...ID_LABELS, tags: Tags }

export const LABEL_NAMES = Object.keys(KEY_LABELS) as (keyof typeof KEY_LABELS)[]

const { models: _, ...LIMITS } = LIMIT_FIELDS

const Models = Type.Unsafe<string[] | null>({
  type: ['array', 'null'],
  items: Type.String({ minLength: 1 }),
  description: 'The only models that may be called. Empty or null: all.',
  examples: [['demo']],
})

const KEY_TYPES = ['default', 'llm_api', 'read_only', 'management'] as const

const FIELDS = {
  ...Type.Partial(Type.Object(KEY_PROFILE)).properties,
  key_type: Type.Optional(
    Type.Unsafe<(typeof KEY_TYPES)[number] | null>({
      type: ['string', 'null'],
      enum: [...KEY_TYPES, null],
      description:
        'What it is good for: `llm_api` (or `default`) for calls, `read_only` for reports. ' +
        '`management` is refused: that is what the master key is for.',
      examples: ['llm_api'],
    }),
  ),
  models: Type.Optional(Models),
  duration: Type.Optional(
    NullableText({
      description:
        'How long it is good for, from now: a whole number with s, m, h, d, w or mo. ' +
        'Null or "-1": for ever.',
      examples: ['30d'],
    }),
  ),
  blocked: Type.Optional(
    Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'Whether it is refused. Null: not.',
      examples: [false],
    }),
  ),
  metadata: Type.Optional(
    Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      description: 'Anything of your own; kept, never read.',
      examples: [{ service: 'search' }],
    }),
  ),
  spend: Type.Optional(
    NullableDollars({
      description: 'What the spend of the current period shall be. Null: as it is.',
      examples: [0],
    }),
  ),
  ...LIMITS,
  ...Type.Partial(Type.Object(KEY_LABELS)).properties,
}

/** The body of a route that makes or changes a key; `own` are its further fields. */
export const keyFields = <Own extends Type.TProperties>(own: Own, example: unknown) =>
  Type.Object({ ...own, ...FIELDS }, { additionalProperties: false, examples: [example] })

export type KeyFields = Type.Static<Type.TObject<typeof FIELDS>>

/** What a body changes. A field that is not there changes nothing; null clears. */
export type KeyChange = {
  /** Of `labels` only those that were sent. */
  readonly profile: Partial<KeyProfile>
  /** Own limits. Null: none were given. */
  readonly limits: Partial<Limits> | null
  /** What the spend of this period shall be. Null: as it is. */
  readonly spent: Nanos | null
}

/** LiteLLM's word for "all models" in a list of them. */
const ALL_MODELS = 'all-proxy-models'

/** Throws `invalid_request` for a duration that is none, and for a budget with limits beside it. */
export function readKeyChange(fields: KeyFields, now: number): KeyChange {
  const { models, ...others } = fields
  const limits = readLimits(withoutEmptyLimits(others))
  const own = limitsAnything(limits)
  if (typeof fields.budget_id === 'string' && own) throw bothBudgets(fields.budget_id)
  const isAll = models?.length === 0 || models?.includes(ALL_MODELS)
  const profile = given({
    alias: fields.key_alias,
    customerId: fields.customer_id,
    role: readRole(fields.key_type),
    blocked: fields.blocked === null ? NEW_KEY.blocked : fields.blocked,
    expiresAt: readExpiry(fields.duration, now),
    models: isAll ? null : models,
    metadata: fields.metadata === null ? NEW_KEY.metadata : fields.metadata,
    labels: readLabels(fields),
  })
  const spent = typeof fields.spend === 'number' ? fromDollars(fields.spend) : null
  if (fields.budget_id === undefined) {
    return { profile, limits: Object.keys(limits).length === 0 ? null : limits, spent }
  }
  // Off the tier and on to limits of its own: whole ones, so that nothing of the tier's is kept.
  if (fields.budget_id === null && own) {
    return { profile, limits: { ...NO_LIMITS, ...limits }, spent }
  }
  return { profile: { ...profile, budgetId: fields.budget_id }, limits: null, spent }
}

/** LiteLLM's scripts say "no limits for single models" with an empty map of them. */
function withoutEmptyLimits({
  model_max_budget: models,
  ...fields
}: Omit<KeyFields, 'models'>): Omit<KeyFields, 'models'> {
  if (models === undefined) return fields
  const isEmpty = models === null || Object.keys(models).length === 0
  return { ...fields, model_max_budget: isEmpty ? null : models }
}

/** Those that were sent; undefined: none was. */
function readLabels(fields: KeyFields): KeyProfile['labels'] | undefined {
  const sent = LABEL_NAMES.filter((name) => fields[name] !== undefined)
  if (sent.length === 0) return undefined
  return Object.fromEntries(sent.map((name) => [name, fields[name]]))
}

function readRole(type: KeyFields['key_type']): KeyRole | undefined {
  if (type === undefined) return undefined
  if (type === 'management') {
    throw new Refusal(
      'invalid_request',
      'key_type management is not supported: only the master key manages. Send llm_api for calls ' +
        'or read_only for reports',
      { param: 'key_type' },
    )
  }
  return type === 'read_only' ? 'reports' : 'calls'
}

function readExpiry(duration: KeyFields['duration'], now: number): number | null | undefined {
  if (duration === undefined || duration === null) return duration
  // LiteLLM's way to lift an expiry.
  if (duration === '-1') return null
  const expiresAt = laterBy(duration, now)
  if (expiresAt !== null) return expiresAt
  throw new Refusal(
    'invalid_request',
    `duration must be a whole number with s, m, h, d, w or mo, such as 30d, got ${shown(duration)}`,
    { param: 'duration' },
  )
}

const bothBudgets = (id: string) =>
  new Refusal(
    'invalid_request',
    `Send either budget_id or limits of the key's own, not both: got budget_id=${id} and limits`,
    { param: 'budget_id' },
  )
