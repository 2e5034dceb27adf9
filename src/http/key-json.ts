import * as Type from 'typebox'
import { type Budget, NO_LIMITS } from '../ledger/budget.ts'
import type { BudgetedKey, KeyRole } from '../ledger/key.ts'
import { type Nanos, toDollars } from '../ledger/money.ts'
import { ROUTES_OF } from './access.ts'
import { BudgetSchema, budgetJson } from './budget-json.ts'
import { Dollars, NullableText, Time, timeText } from './fields.ts'
import { KEY_LABELS, KEY_PROFILE, LABEL_NAMES } from './key-fields.ts'
import { named } from './operation.ts'

/** A virtual key as clients read it. */

const empty = (description: string) =>
  Type.Record(Type.String(), Type.Unknown(), { description, examples: [{}] })
const {
  budget_id: _id,
  created_at,
  created_by,
  updated_at,
  updated_by,
  models,
  rate_card,
  count,
  ...limitFields
} = BudgetSchema.properties

/** The properties of `Key`, for answers that have some more. */
export const KEY_PROPERTIES = {
  token: Type.String({
    description: 'The SHA-256 of the key, which names it everywhere; the key itself is not kept.',
    examples: ['88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b'],
  }),
  key_name: Type.String({ description: 'What may be shown of it.', examples: ['sk-...x4Qd'] }),
  ...KEY_PROFILE,
  key_type: Type.Enum(['llm_api', 'read_only'], {
    type: 'string',
    description: 'What it is good for: calls, or reports.',
    examples: ['llm_api'],
  }),
  spend: Dollars({ description: 'Dollars spent in the current period.', examples: [0.00004] }),
  ...limitFields,
  models: Type.Array(Type.String(), {
    description: 'The only models that may be called. Empty: all.',
    examples: [['demo']],
  }),
  expires: NullableText({
    description: 'When it ends. Null: never.',
    examples: ['2026-12-24T09:30:00.000Z'],
  }),
  blocked: Type.Boolean({ description: 'Whether it is refused.', examples: [false] }),
  metadata: empty('Anything of your own.'),
  litellm_budget_table: Type.Unsafe<ReturnType<typeof budgetJson> | null>({
    anyOf: [named('Budget'), { type: 'null' }],
    description: 'The shared budget that it is on. Null: none, or limits of its own.',
  }),
  created_at: Time({ description: 'When it was made.', examples: ['2026-11-01T09:30:00.000Z'] }),
  created_by: BudgetSchema.properties.created_by,
  updated_at: Time({
    description: 'When it was last changed.',
    examples: ['2026-11-01T09:30:00.000Z'],
  }),
  updated_by: BudgetSchema.properties.updated_by,
  held: Dollars({ description: 'Dollars held for calls in flight.', examples: [0] }),
  total_spend: Dollars({ description: 'Dollars spent in all.', examples: [12.5] }),
  ...KEY_LABELS,
  aliases: empty("LiteLLM's; always empty."),
  config: empty("LiteLLM's; always empty."),
  permissions: empty("LiteLLM's; always empty."),
  allowed_routes: Type.Array(Type.String(), {
    description: "LiteLLM's names for the routes that it opens.",
    examples: [['llm_api_routes']],
  }),
}

export const KeySchema = Type.Object(KEY_PROPERTIES, {
  additionalProperties: false,
  description: 'A virtual key, with its limits and what was spent with it.',
})

/** What is known of a key outside its row. */
export type KeyTab = {
  /** Held for the calls in flight with a key, by its hash. */
  heldWithKey(hash: string): Nanos
  resetsAt(budget: Budget): number | null
}

/** As LiteLLM names the holder of the master key. */
const OPERATOR = 'default_user_id'

const KEY_TYPE_OF: Readonly<Record<KeyRole, 'llm_api' | 'read_only'>> = {
  calls: 'llm_api',
  reports: 'read_only',
}

export function keyJson({ key, budget }: BudgetedKey, tab: KeyTab) {
  const table = budget === null ? null : budgetJson(budget, tab.resetsAt(budget))
  const { max_budget, soft_budget, max_parallel_requests, tpm_limit, rpm_limit, ...rest } =
    table ?? budgetJson(NO_BUDGET, null)
  const isShared = budget?.shared ?? false
  return {
    token: key.hash,
    key_name: key.name,
    key_alias: key.alias,
    customer_id: key.customerId,
    budget_id: isShared ? key.budgetId : null,
    key_type: KEY_TYPE_OF[key.role],
    spend: toDollars(key.spent),
    max_budget,
    soft_budget,
    max_parallel_requests,
    tpm_limit,
    rpm_limit,
    model_max_budget: rest.model_max_budget,
    budget_duration: rest.budget_duration,
    budget_reset_at: rest.budget_reset_at,
    budget_mode: rest.budget_mode,
    timezone: rest.timezone,
    week_start: rest.week_start,
    day_of_month: rest.day_of_month,
    models: [...(key.models ?? [])],
    expires: key.expiresAt === null ? null : timeText(key.expiresAt),
    blocked: key.blocked,
    metadata: key.metadata,
    litellm_budget_table: isShared ? table : null,
    created_at: timeText(key.createdAt),
    created_by: OPERATOR,
    updated_at: timeText(key.updatedAt),
    updated_by: OPERATOR,
    held: toDollars(tab.heldWithKey(key.hash)),
    total_spend: toDollars(key.totalSpent),
    ...NO_LABELS,
    ...key.labels,
    aliases: {},
    config: {},
    permissions: {},
    allowed_routes: [ROUTES_OF[key.role]],
  }
}

const NO_LABELS = Object.fromEntries(LABEL_NAMES.map((name) => [name, null]))

const NO_BUDGET: Budget = {
  ...NO_LIMITS,
  id: '',
  shared: false,
  createdAt: 0,
  createdBy: OPERATOR,
  updatedAt: 0,
  updatedBy: OPERATOR,
}
