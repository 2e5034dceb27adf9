import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Limits } from '../ledger/budget.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import { LIMIT_FIELDS, readLimits } from './budget-json.ts'
import type { BudgetStore } from './budgets.ts'
import { CustomerSchema, customerJson, type Tab } from './customer-json.ts'
import { Id } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { named, operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'

/** What these routes need of the store. */
export type NearLimitStore = {
  /** Those on a budget who have spent so much of it, most first, some at a time. */
  above(budgetId: string | null, amount: Nanos, now: number): AsyncGenerator<BudgetedCustomer[]>
  /** Those who have used such a share of a budget of their own, in no order. */
  nearOwn(share: number, now: number): AsyncGenerator<BudgetedCustomer[]>
}

export type NearLimitParts = Tab & {
  readonly nearLimits: NearLimitStore
  readonly budgets: Pick<BudgetStore, 'listBudgets' | 'findBudgets' | 'countCustomers'>
  now(): number
}

const closed = { additionalProperties: false }
const SHARE = 0.8
const LIMIT = 20
const LIMIT_MAX = 100
const EXAMPLES = 20

const Query = checked(
  Type.Object(
    {
      share: Type.Optional(
        Type.Number({
          minimum: 0.01,
          maximum: 1_000,
          description: `Of its budget, that a customer has used at least; ${SHARE} by default.`,
          examples: [SHARE],
        }),
      ),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: LIMIT_MAX,
          description: `Customers at most, ${LIMIT} by default.`,
          examples: [LIMIT],
        }),
      ),
    },
    closed,
  ),
)

const Near = Type.Array(
  Type.Object(
    {
      ...CustomerSchema.properties,
      share_used: Type.Number({
        description: 'Its spend in the current period, as a share of its budget.',
        examples: [0.93],
      }),
    },
    closed,
  ),
)

export function nearLimitRoutes(parts: NearLimitParts, prefix: '/customer' | '/end_user') {
  return new Elysia({ prefix, normalize: false }).get(
    '/near_limit',
    async ({ query: { share = SHARE, limit = LIMIT } }) => {
      const found = await nearest(parts, { share, limit })
      return found.map((of) => ({ ...customerJson(of, parts), share_used: shareOf(of, parts) }))
    },
    {
      transform: plainQuery,
      query: Query,
      detail: operation({
        tag: prefix === '/customer' ? 'Customers' : 'Customers, as /end_user',
        summary: 'The customers near their limit',
        description:
          'Those who have used at least such a share of their budget in the current period, most ' +
          'used first. On a tier they are found by an index. Budgets that single customers have ' +
          'for themselves are looked at one by one, so with very many of those it takes longer. ' +
          'A budget of 0 has no share, and is left out.',
        answer: { description: 'Customers, most used first.', schema: Near },
      }),
    },
  )
}

/** A limit of 0 has no share: 0 is below all that may be asked for. */
function shareOf({ customer, budget }: BudgetedCustomer, { budgetOf }: Tab): number {
  const limit = budgetOf(budget)?.maxBudget ?? null
  return limit === null || limit === 0 ? 0 : customer.spent / limit
}

async function nearest(
  parts: NearLimitParts,
  { share, limit }: { readonly share: number; readonly limit: number },
): Promise<BudgetedCustomer[]> {
  const { nearLimits, budgets } = parts
  const now = parts.now()
  let found: BudgetedCustomer[] = []
  const add = (more: readonly BudgetedCustomer[]) => {
    const near = more.filter((of) => shareOf(of, parts) >= share)
    found = [...found, ...near]
      .sort((a, b) => shareOf(b, parts) - shareOf(a, parts))
      .slice(0, limit)
  }
  const byDefault = parts.budgetOf(null)
  const tiers = [
    ...budgets.listBudgets().map((budget) => [budget.id, budget] as const),
    ...(byDefault === null ? [] : [[null, byDefault] as const]),
  ]
  for (const [id, { maxBudget }] of tiers) {
    if (maxBudget === null || maxBudget === 0) continue
    let count = 0
    for await (const some of nearLimits.above(id, (share * maxBudget) as Nanos, now)) {
      add(some)
      // They come most first, so who is behind these is behind them in the list too.
      count += some.length
      if (count >= limit) break
    }
  }
  for await (const some of nearLimits.nearOwn(share, now)) add(some)
  return found
}

const PreviewBody = checked(
  Type.Object(
    { budget_id: Id({ description: 'Names the budget.', examples: ['pro'] }), ...LIMIT_FIELDS },
    { ...closed, examples: [{ budget_id: 'pro', max_budget: 50 }] },
  ),
)

const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })

const Preview = Type.Object(
  {
    customers: count('Customers on the budget.', 250),
    over_now: count('Of these, those who have used up what it allows now.', 3),
    over_after: count('Those who would have used up what it would allow.', 12),
    examples: Type.Array(named('Customer'), {
      description: `Up to ${EXAMPLES} who would newly be over, most spent first.`,
    }),
  },
  closed,
)

const budgetNotFound = (id: string) =>
  new Refusal('not_found', `Budget with id '${id}' does not exist.`, { param: 'budget_id' })

export function previewRoutes(parts: NearLimitParts) {
  const { nearLimits, budgets } = parts
  return new Elysia({ prefix: '/budget', normalize: false }).post(
    '/preview',
    async ({ body }) => {
      const [budget] = budgets.findBudgets([body.budget_id])
      if (budget === undefined) throw budgetNotFound(body.budget_id)
      const limits: Partial<Limits> = readLimits(body)
      const before = budget.maxBudget ?? Number.POSITIVE_INFINITY
      const after =
        (limits.maxBudget === undefined ? budget.maxBudget : limits.maxBudget) ??
        Number.POSITIVE_INFINITY
      const over = { now: 0, after: 0, examples: [] as BudgetedCustomer[] }
      const least = Math.min(before, after)
      if (least !== Number.POSITIVE_INFINITY) {
        for await (const some of nearLimits.above(budget.id, least as Nanos, parts.now())) {
          for (const of of some) {
            const isNow = of.customer.spent >= before
            const isAfter = of.customer.spent >= after
            if (isNow) over.now++
            if (isAfter) over.after++
            if (isAfter && !isNow && over.examples.length < EXAMPLES) over.examples.push(of)
          }
        }
      }
      return {
        customers: budgets.countCustomers({ budgetId: budget.id, blocked: null }),
        over_now: over.now,
        over_after: over.after,
        examples: over.examples.map((of) => customerJson(of, parts)),
      }
    },
    {
      parse: JSON_BODY,
      body: PreviewBody,
      detail: operation({
        tag: 'Budgets',
        summary: 'Who would be over a changed budget',
        description:
          'Takes what `/budget/update` takes and changes nothing. A customer is over when its ' +
          'spend in the current period has reached `max_budget`; the period is as it is now, ' +
          'also where another is sent. Only those who are over are looked at.',
        answer: { description: 'How many, and some of them.', schema: Preview },
        refusals: [budgetNotFound('pro')],
      }),
    },
  )
}
