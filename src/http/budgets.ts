import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { ulid } from 'ulid'
import { Refusal } from '../errors.ts'
import type { Budget, Limits } from '../ledger/budget.ts'
import { budgetJson, readTier, TIER_FIELDS } from './budget-json.ts'
import { BudgetSettings, budgetSettings } from './budget-settings.ts'
import { Id, NullableId } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { named, operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'
import { notServed, requireServedIn } from './served-models.ts'

/** What these routes need of the store. */
export type BudgetStore = {
  /** Those of `ids` that exist. */
  findBudgets(ids: readonly string[]): readonly Budget[]
  /** Shared ones only: not those that a single customer has for itself. */
  listBudgets(): readonly Budget[]
  /** How many are on a budget. */
  countCustomers(of: { readonly budgetId: string; readonly blocked: null }): number
  /** Throws `conflict`. */
  createBudget(budget: {
    readonly id: string
    readonly limits: Partial<Limits>
    readonly createdBy: string
  }): Promise<Budget>
  /** Throws `not_found`. */
  updateBudget(id: string, limits: Partial<Limits>, updatedBy: string): Promise<Budget>
  /** Throws `not_found`, and `in_use` while customers or keys are on it unless `force`. */
  deleteBudget(id: string, force: boolean): Promise<Budget>
}

export type BudgetParts = {
  readonly budgets: BudgetStore
  resetsAt(budget: Budget): number | null
  /** The names of the served models. */
  models(): readonly string[]
}

/** Who holds the master key, by LiteLLM's name for it. */
const OPERATOR = 'default_user_id'

const tag = 'Budgets'
const IDS_MAX = 10_000
const about = { description: 'Names the budget.', examples: ['pro'] }
const closed = { additionalProperties: false }
const closedLike = (example: unknown) => ({ ...closed, examples: [example] })

const NewBudget = checked(
  Type.Object(
    {
      budget_id: Type.Optional(
        NullableId({ ...about, description: 'Names the budget; made up when not given.' }),
      ),
      ...TIER_FIELDS,
    },
    closedLike({ budget_id: 'pro', max_budget: 100, budget_duration: '30d' }),
  ),
)
const BudgetChange = checked(
  Type.Object(
    { budget_id: Id(about), ...TIER_FIELDS },
    closedLike({ budget_id: 'pro', max_budget: 200 }),
  ),
)
const BudgetIds = checked(
  Type.Object(
    {
      budgets: Type.Array(Id(about), {
        maxItems: IDS_MAX,
        description: 'The ids of the budgets.',
        examples: [['free', 'pro']],
      }),
    },
    closedLike({ budgets: ['free', 'pro'] }),
  ),
)
const BudgetDelete = checked(
  Type.Object(
    {
      id: Id(about),
      force: Type.Optional(
        Type.Boolean({
          description:
            'Delete it although customers or keys are on it: they are left without a budget.',
          examples: [false],
        }),
      ),
    },
    closedLike({ id: 'pro' }),
  ),
)
const SettingsQuery = checked(Type.Object({ budget_id: Id(about) }, closed))

const answerBudget = { description: 'The budget.', schema: named('Budget') }
const answerBudgets = { description: 'The budgets.', schema: Type.Array(named('Budget')) }

export const budgetNotFound = (id: string) =>
  new Refusal('not_found', `Budget with id '${id}' does not exist.`, { param: 'budget_id' })
const noIds = () =>
  new Refusal('invalid_request', "Specify list of budget id's to query. Passed in=[]", {
    param: 'budgets',
  })
const budgetExists = new Refusal('conflict', "Budget with id 'pro' already exists.", {
  param: 'budget_id',
})
const negative = new Refusal(
  'invalid_request',
  'max_budget must be a non-negative finite number. Received: -1',
  { param: 'max_budget' },
)
const inUse = new Refusal(
  'in_use',
  "2 customers are on budget 'pro'. Move them to another with /customer/update, " +
    'or send "force": true to leave them without one.',
  { param: 'id' },
)

export function budgetRoutes(parts: BudgetParts) {
  const { budgets } = parts
  const json = (budget: Budget) => budgetJson(budget, parts.resetsAt(budget))
  const withCustomers = (budget: Budget) => ({
    ...json(budget),
    customers: budgets.countCustomers({ budgetId: budget.id, blocked: null }),
  })

  return new Elysia({ prefix: '/budget', normalize: false })
    .post(
      '/new',
      async ({ body }) => {
        const limits = readTier(body)
        requireServedIn(limits, parts.models())
        const id = body.budget_id ?? ulid()
        return json(await budgets.createBudget({ id, limits, createdBy: OPERATOR }))
      },
      {
        parse: JSON_BODY,
        body: NewBudget,
        detail: operation({
          tag,
          summary: 'Make a budget',
          description: 'A limit that many customers can be on: a pricing tier.',
          answer: answerBudget,
          refusals: [budgetExists, negative, notServed('gpt-9', ['demo'], 'models')],
        }),
      },
    )
    .post(
      '/update',
      async ({ body }) => {
        const limits = readTier(body)
        requireServedIn(limits, parts.models())
        return json(await budgets.updateBudget(body.budget_id, limits, OPERATOR))
      },
      {
        parse: JSON_BODY,
        body: BudgetChange,
        detail: operation({
          tag,
          summary: 'Change a budget',
          description: 'Only what is sent changes, for every customer on it; null lifts a limit.',
          answer: answerBudget,
          refusals: [budgetNotFound('pro'), negative],
        }),
      },
    )
    .post(
      '/info',
      ({ body }) => {
        if (body.budgets.length === 0) throw noIds()
        return budgets.findBudgets([...new Set(body.budgets)]).map(withCustomers)
      },
      {
        parse: JSON_BODY,
        body: BudgetIds,
        detail: operation({
          tag,
          summary: 'Look budgets up',
          description: 'Those of the ids that exist.',
          answer: answerBudgets,
          refusals: [noIds()],
        }),
      },
    )
    .get('/list', () => budgets.listBudgets().map(withCustomers), {
      detail: operation({
        tag,
        summary: 'List the budgets',
        description: 'All that customers share; not those of a single customer.',
        answer: answerBudgets,
      }),
    })
    .post(
      '/delete',
      async ({ body }) => json(await budgets.deleteBudget(body.id, body.force ?? false)),
      {
        parse: JSON_BODY,
        body: BudgetDelete,
        detail: operation({
          tag,
          summary: 'Delete a budget',
          description: 'Refused while customers or keys are on it, unless `force` is true.',
          answer: { description: 'The budget that was.', schema: named('Budget') },
          refusals: [budgetNotFound('pro'), inUse],
        }),
      },
    )
    .get(
      '/settings',
      ({ query }) => {
        const [budget] = budgets.findBudgets([query.budget_id])
        if (budget === undefined) throw budgetNotFound(query.budget_id)
        return budgetSettings(json(budget))
      },
      {
        transform: plainQuery,
        query: SettingsQuery,
        detail: operation({
          tag,
          summary: 'The settings of a budget, one by one',
          description: 'For forms: each limit with its type, its meaning and its value.',
          answer: { description: 'The settings.', schema: BudgetSettings },
          refusals: [budgetNotFound('pro')],
        }),
      },
    )
}
