import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { type Nanos, toDollars } from '../ledger/money.ts'
import { customerNotFound } from './customers.ts'
import { Dollars, Id, Time, timeText } from './fields.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'

/** What a customer was charged in one period of its budget; times in ms, null: no end. */
export type PeriodSpend = {
  readonly start: number
  readonly end: number | null
  readonly spent: Nanos
}

export type PeriodParts = {
  /** The current period first, then those before it; null: no such customer. */
  periodsOf(id: string, limit: number): readonly PeriodSpend[] | null
}

const LIMIT = 12
const LIMIT_MAX = 1_000

const Query = checked(
  Type.Object(
    {
      end_user_id: Id({ description: 'The id of the customer.', examples: ['alice'] }),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: LIMIT_MAX,
          description: `Most periods; ${LIMIT} unless told.`,
          examples: [LIMIT],
        }),
      ),
    },
    { additionalProperties: false },
  ),
)

const Periods = Type.Array(
  Type.Object(
    {
      start: Time({ description: 'When it began.', examples: ['2026-11-01T00:00:00.000Z'] }),
      end: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description: 'When it ends or ended. Null: it has no end.',
        examples: ['2026-12-01T00:00:00.000Z'],
      }),
      spend: Dollars({ description: 'Dollars charged in it.', examples: [1.25] }),
    },
    { additionalProperties: false },
  ),
)

/** The spend of past periods: a reset never touches the ledger, so it can always be summed. */
export const periodRoutes = ({ periodsOf }: PeriodParts, prefix: '/customer' | '/end_user') =>
  new Elysia({ prefix, normalize: false }).get(
    '/periods',
    ({ query }) => {
      const periods = periodsOf(query.end_user_id, query.limit ?? LIMIT)
      if (periods === null) throw customerNotFound(query.end_user_id, 'end_user_id')
      return periods.map(({ start, end, spent }) => ({
        start: timeText(start),
        end: end === null ? null : timeText(end),
        spend: toDollars(spent),
      }))
    },
    {
      transform: plainQuery,
      query: Query,
      detail: operation({
        tag: prefix === '/customer' ? 'Customers' : 'Customers, as /end_user',
        summary: 'What a customer spent in each period of its budget',
        description: 'The current period first, then those before it, back to its first.',
        answer: { description: 'The periods.', schema: Periods },
        refusals: [customerNotFound('alice', 'end_user_id')],
      }),
    },
  )
