import { dayOf, dayStart } from '../ledger/day.ts'
import type { Nanos } from '../ledger/money.ts'
import type { ModelSum } from '../ledger/record.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { KIND_COLUMNS } from './daily.ts'
import { breath } from './records.ts'
import type { SumUp } from './summing.ts'
import { WHOLE_TAB_ROWS } from './tab-rows.ts'
import { usageIn } from './usage-in.ts'

/** What was used on one tab alone, by model. All of it reads, and sees what is committed. */
export type TabUsage = {
  /** The sums of each day of a range on which there is anything, oldest first. */
  days(
    tab: number,
    range: { readonly first: number; readonly last: number },
  ): AsyncGenerator<{ readonly day: number; readonly sums: readonly ModelSum[] }>
  /** The sums since a moment, in milliseconds, some at a time: a model may come several times. */
  since(tab: number, from: number): AsyncGenerator<readonly ModelSum[]>
}

/** Rows read at a time, besides those of the same millisecond: about 2 ms. */
const SLICE = 500
const NEVER = Number.MAX_SAFE_INTEGER

/** `sumUp` makes sums before they are read. */
export function tabUsage(database: Database, sumUp: SumUp): TabUsage {
  const daysOf = database.prepare(DAYS_OF_TAB)
  const onDay = database.prepare(TAB_ON_DAY)
  const between = database.prepare(TAB_BETWEEN)
  const placeOf = database.prepare(TAB_PLACE)

  const usage: TabUsage = {
    async *days(tab, { first, last }) {
      await sumUp()
      const days = daysOf.all(tab, first, last).map(({ day }) => day as number)
      for (const day of days.sort((a, b) => a - b)) {
        yield { day, sums: onDay.all(day, tab).map(toSum) }
        await breath()
      }
    },
    async *since(tab, from) {
      await sumUp()
      const first = dayOf(from)
      const isWhole = dayStart(first) === from
      // A day has sums as a whole only: what is left of one is in its rows.
      const until = isWhole ? from : dayStart(first + 1)
      for (let at = from; at < until; ) {
        const place = placeOf.get(tab, at, until, SLICE)?.['settled_at'] as number | undefined
        const end = place === undefined ? until : Math.max(place, at + 1)
        yield between.all(tab, at, end).map(toSum)
        await breath()
        at = end
      }
      for await (const { sums } of usage.days(tab, { first: dayOf(until), last: NEVER })) yield sums
    },
  }
  return usage
}

const sums = (names: readonly string[]) => names.map((name) => `sum(${name}) AS ${name}`).join(', ')

export const DAYS_OF_TAB = 'SELECT DISTINCT day FROM daily WHERE tab = ?1 AND day BETWEEN ?2 AND ?3'

export const TAB_ON_DAY = `
  SELECT model, ${sums(['calls', 'failed_calls', ...KIND_COLUMNS, 'charge'])}
  FROM daily WHERE day = ?1 AND tab = ?2 GROUP BY model`

export const TAB_BETWEEN = `
  SELECT model, sum(outcome <> 'correction') AS calls,
    sum(outcome = 'upstream_failed') AS failed_calls, ${sums([...KIND_COLUMNS, 'charge'])}
  FROM ${WHOLE_TAB_ROWS}
  WHERE tab_rows.tab = ?1 AND settled_at >= ?2 AND settled_at < ?3 GROUP BY model`

/** Where the next slice begins. */
export const TAB_PLACE = `
  SELECT settled_at FROM tab_rows WHERE tab = ?1 AND settled_at >= ?2 AND settled_at < ?3
  ORDER BY settled_at LIMIT 1 OFFSET ?4`

const toSum = (row: SqlRow): ModelSum => ({
  model: row['model'] as string,
  calls: row['calls'] as number,
  failedCalls: row['failed_calls'] as number,
  usage: usageIn(row),
  charge: row['charge'] as Nanos,
})
