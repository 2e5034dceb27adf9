import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { dayText } from '../ledger/day.ts'
import { toDollars } from '../ledger/money.ts'
import type { RecordFilter } from '../ledger/record.ts'
import { addTo, type DayStore, daysIn, emptyTotal, NAMES_MAX, Totals, totalOf } from './day-sums.ts'
import { Dollars } from './fields.ts'
import { MASTER_KEY_NAME } from './record-query.ts'

/** LiteLLM's answer of `/spend/logs` to who names both dates: a sum for each day. */

export type DayParts = { readonly reports: DayStore }

const DAYS_MAX = 3_660

export const SummarySchema = Type.Object(
  {
    startTime: Type.String({ description: 'The day, in UTC.', examples: ['2026-11-01'] }),
    spend: Dollars({ description: 'Dollars charged on it.', examples: [1.25] }),
    users: Type.Record(Type.String(), Type.Number(), {
      description: `Dollars by customer: the ${NAMES_MAX} that were charged most.`,
      examples: [{ alice: 1.25 }],
    }),
    models: Type.Record(Type.String(), Type.Number(), {
      description: 'Dollars by model.',
      examples: [{ demo: 1.25 }],
    }),
  },
  {
    additionalProperties: Type.Number(),
    description: 'A day. As in LiteLLM, the hashes of keys are further fields, with their dollars.',
  },
)

/** Oldest first, and after the last day with anything those up to the end, as in LiteLLM. */
export async function daySummary(
  { customerId, key, model, from, until }: RecordFilter,
  { reports }: DayParts,
) {
  const range = daysIn({ from, until }, until)
  if (range.last - range.first >= DAYS_MAX) throw tooManyDays()
  const customerIds = customerId === null ? null : [customerId]
  const days = []
  for (const day of (await reports.days(range, customerIds)).toReversed()) {
    const [total, users, models, keys] = [emptyTotal(), new Totals(), new Totals(), new Totals()]
    for await (const sums of reports.daySums(day, { customerIds, key, model })) {
      for (const sum of sums) {
        const more = totalOf(sum)
        addTo(total, more)
        users.add(sum.customerId ?? '', more)
        if (sum.model !== '') models.add(sum.model, more)
        keys.add(sum.key?.hash ?? MASTER_KEY_NAME, more)
      }
    }
    days.push({
      ...dollars(keys),
      startTime: dayText(day),
      spend: toDollars(total.charge),
      users: dollars(users),
      models: dollars(models),
    })
  }
  const last = days.at(-1)?.startTime
  const silent = last === undefined ? [] : daysAfter(last, range)
  return [...days, ...silent.map((startTime) => ({ startTime, spend: 0, users: {}, models: {} }))]
}

const dollars = (totals: Totals): Record<string, number> =>
  Object.fromEntries(totals.top(NAMES_MAX).map(([name, { charge }]) => [name, toDollars(charge)]))

const daysAfter = (
  text: string,
  { first, last }: { readonly first: number; readonly last: number },
) =>
  Array.from({ length: last - first + 1 }, (_, n) => dayText(first + n)).filter((day) => day > text)

const tooManyDays = () =>
  new Refusal(
    'invalid_request',
    `A summary is of at most ${DAYS_MAX} days; name a later start_date or an earlier end_date`,
    { param: 'start_date' },
  )
