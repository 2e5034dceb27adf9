import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { type Budget, NO_LIMITS } from '../ledger/budget.ts'
import { LIMIT_FIELDS, readLimits } from './budget-json.ts'
import { type BudgetParts, budgetNotFound } from './budgets.ts'
import { Id, NullableText, timeText } from './fields.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'

export type BudgetResetParts = Pick<BudgetParts, 'budgets' | 'resetsAt'> & { now(): number }

const { budget_duration, timezone, week_start, day_of_month } = LIMIT_FIELDS

const Query = checked(
  Type.Object(
    {
      budget_id: Type.Optional(
        Id({
          description:
            'What is not given is as this budget has it. Some periods count from the day that ' +
            'it was made; without it, that is now.',
          examples: ['pro'],
        }),
      ),
      budget_duration,
      timezone,
      week_start,
      // A query is text.
      day_of_month: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 31,
          description: (day_of_month as { description?: string }).description ?? '',
          examples: [1],
        }),
      ),
    },
    { additionalProperties: false },
  ),
)

const Answer = Type.Object(
  {
    budget_reset_at: NullableText({
      description: 'When the period that it is now in would end. Null: never.',
      examples: ['2026-12-01T00:00:00.000Z'],
    }),
  },
  { additionalProperties: false },
)

/** For forms: what a period means, before a budget has it. */
export const budgetResetRoutes = ({ budgets, resetsAt, now }: BudgetResetParts) =>
  new Elysia({ prefix: '/budget', normalize: false }).get(
    '/reset',
    ({ query: { budget_id: id, ...fields } }) => {
      const limits = readLimits(fields)
      const [found] = id === undefined ? [unmade(now())] : budgets.findBudgets([id])
      if (found === undefined) throw budgetNotFound(id!)
      const at = resetsAt({ ...found, ...limits })
      return { budget_reset_at: at === null ? null : timeText(at) }
    },
    {
      transform: plainQuery,
      query: Query,
      detail: operation({
        tag: 'Budgets',
        summary: 'When a budget would reset',
        description: 'With this duration, zone, and days that weeks and months begin on.',
        answer: { description: 'When.', schema: Answer },
        refusals: [budgetNotFound('pro')],
      }),
    },
  )

const unmade = (at: number): Budget => ({
  ...NO_LIMITS,
  id: '',
  shared: true,
  createdAt: at,
  createdBy: '',
  updatedAt: at,
  updatedBy: '',
})
