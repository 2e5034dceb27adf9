import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { toDollars } from '../ledger/money.ts'
import { type DayStore, daysIn, Totals, totalOf } from './day-sums.ts'
import { Dollars } from './fields.ts'
import { OPTIONAL_JSON_BODY } from './json-body.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { keyField, readKey, readTimes } from './record-query.ts'
import { checked } from './schema.ts'

export type GlobalSpendParts = { readonly reports: DayStore; now(): number }

/** LiteLLM's. */
const CUSTOMERS = 100

const time = (description: string, example: string) =>
  Type.Optional(
    Type.Unsafe<string | null>({
      type: ['string', 'null'],
      maxLength: 100,
      description,
      examples: [example],
    }),
  )

const Fields = Type.Object(
  {
    startTime: time('From the day of this time on; 30 days ago by default.', '2026-11-01'),
    endTime: time('Until the day of this time, which is the last; now by default.', '2026-11-30'),
    api_key: keyField,
  },
  { additionalProperties: false, examples: [{ startTime: '2026-11-01' }] },
)

type Fields = Type.Static<typeof Fields>

const EndUsers = Type.Array(
  Type.Object(
    {
      end_user: Type.String({
        description: 'The customer. Empty: none was named.',
        examples: ['alice'],
      }),
      total_count: Type.Integer({ description: 'Calls.', examples: [1] }),
      total_spend: Dollars({ description: 'Dollars charged.', examples: [0.00004] }),
    },
    { additionalProperties: false },
  ),
)

const ENDS = { start: 'startTime', end: 'endTime' }

const about = () =>
  operation({
    tag: 'Spend',
    summary: 'The customers that were charged most',
    description:
      `As LiteLLM: ${CUSTOMERS} of them, the most charged first. Days count whole, in UTC. ` +
      'LiteLLM takes a POST; a GET with the same fields in its query answers the same.',
    answer: { description: 'Customers.', schema: EndUsers },
  })

export function globalSpendRoutes({ reports, now }: GlobalSpendParts) {
  const endUsers = async ({ startTime, endTime, api_key }: Fields) => {
    const times = { start: startTime ?? null, end: endTime ?? null }
    const range = daysIn(readTimes(times, ENDS), now())
    const filter = { customerIds: null, key: readKey(api_key), model: null }
    const totals = new Totals()
    for (const day of await reports.days(range, null)) {
      for await (const sums of reports.daySums(day, filter)) {
        for (const sum of sums) totals.add(sum.customerId ?? '', totalOf(sum))
      }
    }
    return totals.top(CUSTOMERS).map(([name, { calls, charge }]) => ({
      end_user: name,
      total_count: calls,
      total_spend: toDollars(charge),
    }))
  }

  return new Elysia({ normalize: false })
    .get('/global/spend/end_users', ({ query }) => endUsers(query), {
      transform: plainQuery,
      query: checked(Fields),
      detail: about(),
    })
    .post('/global/spend/end_users', ({ body }) => endUsers(body), {
      parse: OPTIONAL_JSON_BODY,
      body: checked(Fields),
      detail: about(),
    })
}
