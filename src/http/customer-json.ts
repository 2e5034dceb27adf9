import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { type Budget, type Limits, NO_LIMITS } from '../ledger/budget.ts'
import { type BudgetedCustomer, NEW_PROFILE, type Profile } from '../ledger/customer.ts'
import { fromDollars, type Nanos, toDollars } from '../ledger/money.ts'
import { budgetJson, LIMIT_FIELDS, limitsAnything, readLimits } from './budget-json.ts'
import {
  Dollars,
  given,
  Id,
  NullableDollars,
  NullableId,
  NullableText,
  Time,
  timeText,
} from './fields.ts'
import { named } from './operation.ts'
import { Count, cardJson, RateCard, readRateCard } from './rate-card-json.ts'

/** A customer as clients write and read it, and the way between that and ours. */

const UserId = Id({
  description:
    'Your own id for the customer, as calls send it in `user`. A number is taken as text.',
  examples: ['alice'],
})

const PROFILE = {
  alias: NullableText({
    description: 'A name for people.',
    examples: ['Alice Ltd'],
    maxLength: 256,
  }),
  allowed_model_region: NullableText({
    description: 'The region its calls must stay in: `eu`, `us`, or any that a deployment states.',
    examples: ['eu'],
    maxLength: 64,
  }),
  default_model: NullableText({
    description: 'The model of calls that ask for none. It must be served.',
    examples: ['demo'],
    maxLength: 256,
  }),
  budget_id: NullableId({
    description: 'The budget it is on. Not together with limits of its own.',
    examples: ['pro'],
  }),
}

const Metadata = Type.Unsafe<Record<string, unknown> | null>({
  type: ['object', 'null'],
  description: 'Anything of your own; kept, never read.',
  examples: [{ plan: 'yearly' }],
})

/** Limits of its own. */
const OWN_LIMITS = { ...LIMIT_FIELDS, count: Type.Optional(Count) }

const FIELDS = {
  user_id: UserId,
  ...Type.Partial(Type.Object(PROFILE)).properties,
  blocked: Type.Optional(
    Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'Whether its calls are refused. Null: not.',
      examples: [false],
    }),
  ),
  metadata: Type.Optional(Metadata),
  wallet: Type.Optional(
    Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description:
        'Whether its calls are charged to credit that is paid in advance. Its first grant makes ' +
        'a wallet too; one can be taken away when it is empty. Null: as it is.',
      examples: [true],
    }),
  ),
  spend: Type.Optional(
    NullableDollars({
      description: 'What the spend of the current period shall be. Null: as it is.',
      examples: [0],
    }),
  ),
  ...OWN_LIMITS,
  rate_card: Type.Optional(RateCard),
}

const customerFields = (example: unknown) =>
  Type.Object(FIELDS, { additionalProperties: false, examples: [example] })

/** The body of `/customer/new`. */
export const NewCustomerFields = customerFields({
  user_id: 'alice',
  alias: 'Alice Ltd',
  max_budget: 10,
  budget_duration: '30d',
})

/** The body of `/customer/update`. */
export const CustomerChangeFields = customerFields({ user_id: 'alice', max_budget: 20 })

export type CustomerFields = Type.Static<ReturnType<typeof customerFields>>

export const CustomerSchema = Type.Object(
  {
    user_id: UserId,
    alias: PROFILE.alias,
    blocked: Type.Boolean({ description: 'Whether its calls are refused.', examples: [false] }),
    spend: Dollars({ description: 'Dollars spent in the current period.', examples: [0.00004] }),
    allowed_model_region: PROFILE.allowed_model_region,
    default_model: PROFILE.default_model,
    budget_id: PROFILE.budget_id,
    litellm_budget_table: Type.Unsafe<ReturnType<typeof budgetJson> | null>({
      anyOf: [named('Budget'), { type: 'null' }],
      description: 'The budget that binds it. Null: none.',
    }),
    metadata: Type.Record(Type.String(), Type.Unknown(), {
      description: 'Anything of your own.',
      examples: [{ plan: 'yearly' }],
    }),
    rate_card: RateCard,
    created_at: Time({ description: 'When it was made.', examples: ['2026-11-01T09:30:00.000Z'] }),
    updated_at: Time({
      description: 'When it was last changed.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
    held: Dollars({ description: 'Dollars held for calls in flight.', examples: [0] }),
    budget_reset_at: NullableText({
      description: 'When the current period ends. Null: it does not.',
      examples: ['2026-12-01T00:00:00.000Z'],
    }),
    total_spend: Dollars({ description: 'Dollars spent in all.', examples: [12.5] }),
    credit: Type.Unsafe<{ balance: number; held: number } | null>({
      anyOf: [
        Type.Object(
          {
            balance: Dollars({ description: 'Dollars in its wallet.', examples: [37.5] }),
            held: Dollars({ description: 'Of these, held for calls in flight.', examples: [0] }),
          },
          { additionalProperties: false },
        ),
        { type: 'null' },
      ],
      description: 'Credit that it has paid in advance. Null: it has no wallet.',
      examples: [{ balance: 37.5, held: 0 }],
    }),
  },
  { additionalProperties: false, description: 'A customer and its tab.' },
)

export type CustomerJson = Type.Static<typeof CustomerSchema>

/** What is known of a customer outside its row. */
export type Tab = {
  held(id: string): Nanos
  /** What is held of its credit. */
  heldCredit(id: string): Nanos
  resetsAt(budget: Budget): number | null
  /** The budget that binds: its own, or the server's default for those without one. */
  budgetOf(assigned: Budget | null): Budget | null
}

export function customerJson(of: BudgetedCustomer, tab: Tab): CustomerJson {
  const { customer } = of
  const budget = tab.budgetOf(of.budget)
  const resetsAt = budget === null ? null : tab.resetsAt(budget)
  return {
    user_id: customer.id,
    alias: customer.alias,
    blocked: customer.blocked,
    spend: toDollars(customer.spent),
    allowed_model_region: customer.allowedModelRegion,
    default_model: customer.defaultModel,
    budget_id: customer.budgetId,
    litellm_budget_table: budget === null ? null : budgetJson(budget, resetsAt),
    metadata: customer.metadata,
    rate_card: cardJson(customer.rateCard),
    created_at: timeText(customer.createdAt),
    updated_at: timeText(customer.updatedAt),
    held: toDollars(tab.held(customer.id)),
    budget_reset_at: resetsAt === null ? null : timeText(resetsAt),
    total_spend: toDollars(customer.totalSpent),
    credit:
      customer.credit === null
        ? null
        : {
            balance: toDollars(customer.credit.balance),
            held: toDollars(tab.heldCredit(customer.id)),
          },
  }
}

/** What a body changes. A field that is not there changes nothing; null clears. */
export type CustomerChange = {
  readonly profile: Partial<Profile>
  /** Own limits. Null: none were given. */
  readonly limits: Partial<Limits> | null
  /** What the spend of this period shall be. Null: as it is. */
  readonly spent: Nanos | null
  /** Whether it shall have a wallet. Null: as it is. */
  readonly wallet: boolean | null
}

/** Throws `invalid_request` for a period that is none, and for a budget with limits beside it. */
export function readCustomerChange(fields: CustomerFields): CustomerChange {
  const limits = readLimits(fields)
  if (typeof fields.budget_id === 'string' && limitsAnything(limits)) throw bothBudgets(fields)
  const profile = given({
    alias: fields.alias,
    blocked: fields.blocked === null ? NEW_PROFILE.blocked : fields.blocked,
    allowedModelRegion: fields.allowed_model_region,
    defaultModel: fields.default_model,
    rateCard: readRateCard(fields.rate_card),
    metadata: fields.metadata === null ? NEW_PROFILE.metadata : fields.metadata,
  })
  const { wallet = null } = fields
  const spent = typeof fields.spend === 'number' ? fromDollars(fields.spend) : null
  if (fields.budget_id === undefined) {
    return { profile, limits: Object.keys(limits).length === 0 ? null : limits, spent, wallet }
  }
  // Off the tier and on to limits of its own: whole ones, so that nothing of the tier's is kept.
  if (fields.budget_id === null && limitsAnything(limits)) {
    return { profile, limits: { ...NO_LIMITS, ...limits }, spent, wallet }
  }
  return { profile: { ...profile, budgetId: fields.budget_id }, limits: null, spent, wallet }
}

const bothBudgets = (fields: CustomerFields) => {
  const own = Object.keys(OWN_LIMITS).filter(
    (name) => (fields[name as keyof CustomerFields] ?? null) !== null,
  )
  return new Refusal(
    'invalid_request',
    `Send either budget_id or limits of the customer's own, not both: ` +
      `got budget_id=${fields.budget_id} and ${own.join(', ')}`,
    { param: 'budget_id' },
  )
}
