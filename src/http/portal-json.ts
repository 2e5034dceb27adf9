import * as Type from 'typebox'
import type { Budget } from '../ledger/budget.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { dayText } from '../ledger/day.ts'
import { toDollars } from '../ledger/money.ts'
import type { ModelSum } from '../ledger/record.ts'
import type { Tab } from './customer-json.ts'
import { addTo, emptyTotal, type Total, Totals, totalOf } from './day-sums.ts'
import { Dollars, NullableCount, NullableDollars, NullableText, Time, timeText } from './fields.ts'
import { NullablePortalCredit, type PortalCredit } from './portal-credit.ts'

/**
 * What a customer sees of itself: what it was charged, never what that cost the operator, and
 * nothing of deployments, keys, metadata, or of the names that the operator gives to its tiers.
 */

const closed = { additionalProperties: false }
const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })

const USAGE = {
  spend: Dollars({ description: 'Dollars spent.', examples: [0.00004] }),
  calls: count('Calls.', 1),
  failed_calls: count('Calls that failed.', 0),
  prompt_tokens: count('Tokens read, of all kinds.', 10),
  completion_tokens: count('Tokens written, of all kinds.', 20),
  total_tokens: count('Tokens read and written.', 30),
}

const OF_MODEL = {
  model: Type.String({
    description: 'The model that was asked for. Empty: corrections, which are no calls.',
    examples: ['demo'],
  }),
  ...USAGE,
}

const usageJson = ({ charge, calls, failedCalls, input, output }: Total) => ({
  spend: toDollars(charge),
  calls,
  failed_calls: failedCalls,
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
})

const maxBudget = NullableDollars({
  description: 'Dollars that may be spent in a period.',
  examples: [10],
})
const tpmLimit = NullableCount({ description: 'Tokens in a minute.', examples: [100_000] })
const rpmLimit = NullableCount({ description: 'Calls in a minute.', examples: [60] })
const duration = NullableText({
  description: 'How long a period is. Null: it has no end.',
  examples: ['30d'],
})

export const SummarySchema = Type.Object(
  {
    user_id: Type.String({ description: 'The id of the customer.', examples: ['alice'] }),
    alias: NullableText({ description: 'A name for people.', examples: ['Alice Ltd'] }),
    blocked: Type.Boolean({ description: 'Whether its calls are refused.', examples: [false] }),
    spend: Dollars({ description: 'Dollars spent in this period.', examples: [0.00004] }),
    pending: Dollars({
      description: 'Dollars set aside for calls that are under way: the most they can cost.',
      examples: [0],
    }),
    total_spend: Dollars({ description: 'Dollars spent in all.', examples: [12.5] }),
    period_start: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'When this period began. Null: with the first call.',
      examples: ['2026-11-01T00:00:00.000Z'],
    }),
    budget_reset_at: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'When the next period begins. Null: none does.',
      examples: ['2026-12-01T00:00:00.000Z'],
    }),
    usage: Type.Object(USAGE, { ...closed, description: 'What was used in this period.' }),
    limits: Type.Object(
      {
        max_budget: maxBudget,
        budget_duration: duration,
        rpm_limit: rpmLimit,
        tpm_limit: tpmLimit,
        max_parallel_requests: NullableCount({ description: 'Calls at once.', examples: [5] }),
        models: Type.Unsafe<readonly string[] | null>({
          type: ['array', 'null'],
          items: { type: 'string' },
          description: 'The only models that may be called. Null: any.',
          examples: [['demo']],
        }),
        by_model: Type.Array(
          Type.Object(
            {
              model: Type.String({ description: 'The model.', examples: ['demo'] }),
              max_budget: maxBudget,
              budget_duration: duration,
              rpm_limit: rpmLimit,
              tpm_limit: tpmLimit,
            },
            closed,
          ),
          { description: 'Limits of single models, besides those of all.' },
        ),
      },
      { ...closed, description: 'What is limited; null: not.' },
    ),
    credit: NullablePortalCredit,
    created_at: Time({
      description: 'Since when it is a customer.',
      examples: ['2026-10-01T09:30:00.000Z'],
    }),
    expires_at: Time({
      description: 'Until when the link is good.',
      examples: ['2026-11-01T10:30:00.000Z'],
    }),
  },
  closed,
)

/** What a customer may know of itself; `sums` are those of its period. */
export function summaryJson(
  of: BudgetedCustomer,
  about: {
    readonly tab: Tab
    readonly sums: readonly ModelSum[]
    readonly credit: PortalCredit | null
    readonly expiresAt: number
  },
): Type.Static<typeof SummarySchema> {
  const { customer } = of
  const { tab, sums, credit, expiresAt } = about
  const budget = tab.budgetOf(of.budget)
  const resetsAt = budget === null ? null : tab.resetsAt(budget)
  return {
    user_id: customer.id,
    alias: customer.alias,
    blocked: customer.blocked,
    spend: toDollars(customer.spent),
    pending: toDollars(tab.held(customer.id)),
    total_spend: toDollars(customer.totalSpent),
    period_start: customer.periodStart === 0 ? null : timeText(customer.periodStart),
    budget_reset_at: resetsAt === null ? null : timeText(resetsAt),
    usage: usageJson(sumOf(sums)),
    limits: limitsJson(budget),
    credit,
    created_at: timeText(customer.createdAt),
    expires_at: timeText(expiresAt),
  }
}

function limitsJson(budget: Budget | null) {
  const dollars = (limit: Budget['maxBudget'] | undefined) =>
    limit === null || limit === undefined ? null : toDollars(limit)
  return {
    max_budget: dollars(budget?.maxBudget),
    budget_duration: budget?.duration ?? null,
    rpm_limit: budget?.rpmLimit ?? null,
    tpm_limit: budget?.tpmLimit ?? null,
    max_parallel_requests: budget?.maxParallelRequests ?? null,
    models: budget?.models ?? null,
    by_model: Object.entries(budget?.modelMaxBudget ?? {}).map(([model, limits]) => ({
      model,
      max_budget: dollars(limits.maxBudget),
      budget_duration: limits.duration,
      rpm_limit: limits.rpmLimit,
      tpm_limit: limits.tpmLimit,
    })),
  }
}

const byModel = Type.Array(Type.Object(OF_MODEL, closed), {
  description: 'The same by model, the most spent first.',
})

export const UsageSchema = Type.Object(
  {
    start_date: Type.String({ description: 'The first day, in UTC.', examples: ['2026-11-01'] }),
    end_date: Type.String({ description: 'The last day.', examples: ['2026-11-30'] }),
    total: Type.Object(USAGE, { ...closed, description: 'What was used on all of them.' }),
    models: byModel,
    days: Type.Array(
      Type.Object(
        {
          date: Type.String({ description: 'The day.', examples: ['2026-11-01'] }),
          ...USAGE,
          models: byModel,
        },
        closed,
      ),
      { description: 'Each day, oldest first, also those on which nothing was used.' },
    ),
  },
  closed,
)

/** The usage of a range of days, of those on which there is any. */
export function usageRangeJson(
  { first, last }: { readonly first: number; readonly last: number },
  used: ReadonlyMap<number, readonly ModelSum[]>,
): Type.Static<typeof UsageSchema> {
  const all = [...used.values()].flat()
  const days = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return {
    start_date: dayText(first),
    end_date: dayText(last),
    total: usageJson(sumOf(all)),
    models: modelsJson(all),
    days: days.map((day) => {
      const sums = used.get(day) ?? []
      return { date: dayText(day), ...usageJson(sumOf(sums)), models: modelsJson(sums) }
    }),
  }
}

function sumOf(sums: readonly ModelSum[]): Total {
  const total = emptyTotal()
  for (const sum of sums) addTo(total, totalOf(sum))
  return total
}

function modelsJson(sums: readonly ModelSum[]) {
  const totals = new Totals()
  for (const sum of sums) totals.add(sum.model, totalOf(sum))
  return totals.top(Number.POSITIVE_INFINITY).map(([model, total]) => {
    return { model, ...usageJson(total) }
  })
}
