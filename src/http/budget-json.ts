import * as Type from 'typebox'
import { WEEKDAYS } from '../config/budgets.ts'
import { isZone } from '../config/general.ts'
import { Refusal } from '../errors.ts'
import type { Budget, BudgetMode, Limits, ModelBudget } from '../ledger/budget.ts'
import { fromDollars, type Nanos, toDollars } from '../ledger/money.ts'
import { parseDuration } from '../ledger/period.ts'
import {
  given,
  Id,
  NullableCount,
  NullableDollars,
  NullableText,
  parseTime,
  Time,
  timeText,
} from './fields.ts'
import { shown } from './misfit.ts'
import { Count, cardJson, RateCard, readRateCard } from './rate-card-json.ts'

/** A budget as clients write and read it, and the way between that and ours. */

const Duration = NullableText({
  description:
    'How long a period is: a whole number with s, m, h, d, w or mo, or daily, weekly, ' +
    'monthly, quarterly, yearly. Null: no reset.',
  examples: ['30d', '1mo', 'weekly'],
})

const ModelLimits = Type.Object(
  {
    max_budget: Type.Optional(
      NullableDollars({ description: 'Most dollars for this model.', examples: [5] }),
    ),
    budget_duration: Type.Optional(Duration),
    tpm_limit: Type.Optional(
      NullableCount({ description: 'Most tokens a minute for this model.', examples: [10_000] }),
    ),
    rpm_limit: Type.Optional(
      NullableCount({ description: 'Most requests a minute for this model.', examples: [60] }),
    ),
  },
  { additionalProperties: false },
)

const ModelMaxBudget = Type.Unsafe<Record<string, Type.Static<typeof ModelLimits>> | null>({
  type: ['object', 'null'],
  additionalProperties: ModelLimits,
  description: 'Limits for single models, by model name. Null: none.',
  examples: [{ 'gpt-4o': { max_budget: 5, budget_duration: '1d', rpm_limit: 60 } }],
})

/** What a budget limits, in the words of LiteLLM's JSON. */
const LIMITS = {
  max_budget: NullableDollars({
    description: 'Most dollars in a period. 0 refuses every call. Null: no limit.',
    examples: [100],
  }),
  soft_budget: NullableDollars({
    description: 'Dollars at which an event is sent; nothing is refused. Null: none.',
    examples: [80],
  }),
  max_parallel_requests: NullableCount({
    description: 'Most calls at once. Null: no limit.',
    examples: [10],
  }),
  tpm_limit: NullableCount({
    description: 'Most tokens a minute. Null: no limit.',
    examples: [100_000],
  }),
  rpm_limit: NullableCount({
    description: 'Most requests a minute. Null: no limit.',
    examples: [600],
  }),
  model_max_budget: ModelMaxBudget,
  budget_duration: Duration,
  budget_reset_at: NullableText({
    description: 'When the period ends, ISO 8601. Computed from the duration when not given.',
    examples: ['2026-12-01T00:00:00Z'],
  }),
}

/** What Tollgate adds to them. */
const OWN_LIMITS = {
  budget_mode: Type.Unsafe<BudgetMode | null>({
    type: ['string', 'null'],
    enum: ['strict', 'finish_last', 'soft', null],
    description:
      'strict: no call passes the budget. finish_last: one call may finish over. ' +
      'soft: look, call, charge afterwards. Null: as the server is set.',
    examples: ['strict'],
  }),
  models: Type.Unsafe<string[] | null>({
    type: ['array', 'null'],
    items: Type.String({ minLength: 1 }),
    description: 'The only models that may be called. Null: all.',
    examples: [['gpt-4o-mini']],
  }),
  timezone: NullableText({
    description: 'IANA zone that days, weeks and months begin in. Null: as the server is set.',
    examples: ['Europe/Berlin'],
  }),
  week_start: Type.Unsafe<Limits['weekStart']>({
    type: ['integer', 'null'],
    minimum: 1,
    maximum: 7,
    description: 'Where weeks begin: 1 is Monday, 7 Sunday. Null: as the server is set.',
    examples: [1],
  }),
  day_of_month: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    minimum: 1,
    maximum: 31,
    description:
      'Where months begin; the last day of a shorter month stands in. Null: as the server is set.',
    examples: [1],
  }),
}

/** As a body may have it; an answer has the number. Text, so that `1` is taken for "1". */
const WeekStart = NullableText({
  description: 'Where weeks begin: 1 to 7, or monday to sunday. Null: as the server is set.',
  examples: ['monday', 7],
})

const GIVEN = { ...LIMITS, ...OWN_LIMITS, week_start: WeekStart }

/** What a budget says besides of the money of customers on it; keys have none of it. */
const MONEY = { rate_card: RateCard, count: Count }

/** The fields of a budget for customers, each of which may be left out. */
export const TIER_FIELDS = Type.Partial(Type.Object({ ...GIVEN, ...MONEY })).properties

/** The limits as fields of a body: each may be left out. */
export const LIMIT_FIELDS = Type.Partial(Type.Object(GIVEN)).properties

type LimitFields = Partial<Type.Static<Type.TObject<typeof GIVEN>>>
type TierFields = Partial<Type.Static<Type.TObject<typeof GIVEN & typeof MONEY>>>

const who = {
  description: 'Who did it; the holder of the master key.',
  examples: ['default_user_id'],
}

export const BudgetSchema = Type.Object(
  {
    budget_id: Id({ description: 'Names the budget.', examples: ['pro'] }),
    ...LIMITS,
    created_at: Time({ description: 'When it was made.', examples: ['2026-11-01T09:30:00.000Z'] }),
    created_by: Type.String(who),
    updated_at: Time({
      description: 'When it was last changed.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
    updated_by: Type.String(who),
    ...OWN_LIMITS,
    ...MONEY,
    customers: Type.Optional(
      Type.Integer({
        description: 'Customers on it. In `/budget/list` and `/budget/info` only.',
        examples: [250],
      }),
    ),
  },
  { additionalProperties: false, description: 'A reusable limit: a pricing tier.' },
)

export type BudgetJson = Type.Static<typeof BudgetSchema>

/**
 * Only what was given; null where a limit is lifted. Throws `invalid_request` for a period, a zone
 * or a weekday that is none.
 */
export function readLimits(fields: LimitFields & Pick<TierFields, 'count'>): Partial<Limits> {
  const { budget_duration: duration, budget_reset_at: resetAt } = fields
  return given({
    maxBudget: money(fields.max_budget),
    softBudget: money(fields.soft_budget),
    maxParallelRequests: fields.max_parallel_requests,
    tpmLimit: fields.tpm_limit,
    rpmLimit: fields.rpm_limit,
    modelMaxBudget: modelBudgets(fields.model_max_budget),
    duration: text(duration, (given) => checkedDuration(given, 'budget_duration')),
    resetAt: typeof resetAt === 'string' ? parseTime(resetAt, 'budget_reset_at') : resetAt,
    mode: fields.budget_mode,
    models: fields.models,
    timezone: text(fields.timezone, checkedZone),
    weekStart: text(fields.week_start, checkedWeekday),
    dayOfMonth: fields.day_of_month,
    counts: fields.count,
  })
}

/** The same of a tier, with the rate card of whoever is on it. */
export const readTier = (fields: TierFields): Partial<Limits> => ({
  ...readLimits(fields),
  ...given({ rateCard: readRateCard(fields.rate_card) }),
})

/** Whether any limit is set; `{"max_budget": null}` sets none. */
export const limitsAnything = (limits: Partial<Limits>): boolean =>
  Object.values(limits).some((limit) => limit !== null)

export function budgetJson(budget: Budget, resetsAt: number | null): BudgetJson {
  return {
    budget_id: budget.id,
    max_budget: dollars(budget.maxBudget),
    soft_budget: dollars(budget.softBudget),
    max_parallel_requests: budget.maxParallelRequests,
    tpm_limit: budget.tpmLimit,
    rpm_limit: budget.rpmLimit,
    model_max_budget: modelBudgetsJson(budget.modelMaxBudget),
    budget_duration: budget.duration,
    budget_reset_at: resetsAt === null ? null : timeText(resetsAt),
    created_at: timeText(budget.createdAt),
    created_by: budget.createdBy,
    updated_at: timeText(budget.updatedAt),
    updated_by: budget.updatedBy,
    budget_mode: budget.mode,
    models: budget.models === null ? null : [...budget.models],
    timezone: budget.timezone,
    week_start: budget.weekStart,
    day_of_month: budget.dayOfMonth,
    rate_card: cardJson(budget.rateCard),
    count: budget.counts,
  }
}

function modelBudgets(
  models: LimitFields['model_max_budget'],
): Limits['modelMaxBudget'] | undefined {
  if (models === undefined || models === null) return models
  const entries = Object.entries(models).map(([model, limits]): [string, ModelBudget] => {
    const { max_budget, budget_duration: duration, tpm_limit, rpm_limit } = limits
    const field = `model_max_budget.${model}.budget_duration`
    return [
      model,
      {
        maxBudget: money(max_budget) ?? null,
        duration: text(duration, (given) => checkedDuration(given, field)) ?? null,
        tpmLimit: tpm_limit ?? null,
        rpmLimit: rpm_limit ?? null,
      },
    ]
  })
  return Object.fromEntries(entries)
}

function modelBudgetsJson(models: Limits['modelMaxBudget']): BudgetJson['model_max_budget'] {
  if (models === null) return null
  const entries = Object.entries(models).map(([model, limits]) => [
    model,
    {
      max_budget: dollars(limits.maxBudget),
      budget_duration: limits.duration,
      tpm_limit: limits.tpmLimit,
      rpm_limit: limits.rpmLimit,
    },
  ])
  return Object.fromEntries(entries)
}

function checkedDuration(text: string, field: string): string {
  if (parseDuration(text) !== null) return text
  throw new Refusal(
    'invalid_request',
    `${field} must be a whole number with s, m, h, d, w or mo, such as 30d or 1mo, ` +
      `or daily, weekly, monthly, quarterly or yearly, got ${shown(text)}`,
    { param: field },
  )
}

function checkedZone(zone: string): string {
  if (isZone(zone)) return zone
  throw new Refusal(
    'invalid_request',
    `timezone must be an IANA time zone, such as Europe/Berlin, got ${shown(zone)}`,
    { param: 'timezone' },
  )
}

function checkedWeekday(given: string): NonNullable<Limits['weekStart']> {
  const byName = (WEEKDAYS as readonly string[]).indexOf(given.toLowerCase()) + 1
  const day = /^[1-7]$/.test(given) ? Number(given) : byName
  if (day > 0) return day as NonNullable<Limits['weekStart']>
  throw new Refusal(
    'invalid_request',
    `week_start must be a day from 1 (Monday) to 7, or monday to sunday, got ${shown(given)}`,
    { param: 'week_start' },
  )
}

/** What was given as text, read; null and what was not given stay what they are. */
const text = <Value>(given: string | null | undefined, read: (given: string) => Value) =>
  typeof given === 'string' ? read(given) : given

const money = (amount: number | null | undefined): Nanos | null | undefined =>
  typeof amount === 'number' ? fromDollars(amount) : amount

const dollars = (amount: Nanos | null) => (amount === null ? null : toDollars(amount))
