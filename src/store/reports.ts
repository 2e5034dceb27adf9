import type { Nanos } from '../ledger/money.ts'
import type { DailyFilter, DailySum } from '../ledger/record.ts'
import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import { breath, keyNamedBy, type Records, records } from './records.ts'
import { NOBODY } from './sum-table.ts'
import type { SumUp } from './summing.ts'
import { DAYS_OF_TAB, type TabUsage, tabUsage } from './tab-usage.ts'
import { usageIn } from './usage-in.ts'

/** What was used: call by call, and by the day. All of it reads, and sees what is committed. */
export type Reports = Records & {
  readonly tabs: TabUsage
  /** The days of a range, both ends included, on which there is anything, newest first. */
  days(
    range: { readonly first: number; readonly last: number },
    of: readonly string[] | null,
  ): Promise<number[]>
  /** The sums of a day, some at a time, so that nobody has to wait for all of them. */
  daySums(day: number, filter: DailyFilter): AsyncGenerator<readonly DailySum[]>
}

/** Sums read at a time: about 2 ms. */
const SLICE = 500

/** `sumUp` makes sums before they are read. */
export function reports(database: Database, sumUp: SumUp): Reports {
  const newestIn = database.prepare(NEWEST_DAY)
  const daysOfTab = database.prepare(DAYS_OF_TAB)
  const tabsOf = database.prepare('SELECT tab FROM customers WHERE id = ?1 ORDER BY tab')
  const sums = database.prepare(SUMS)
  const tabs = (ids: readonly string[]) =>
    [...new Set(ids)].flatMap((id) => tabsOf.all(id).map(({ tab }) => tab as number))

  return {
    ...records(database, sumUp),
    tabs: tabUsage(database, sumUp),
    async days({ first, last }, of) {
      await sumUp()
      if (of !== null) {
        const days = tabs(of).flatMap((tab) => daysOfTab.all(tab, first, last))
        return [...new Set(days.map(({ day }) => day as number))].sort((a, b) => b - a)
      }
      const days: number[] = []
      for (let day = last; ; ) {
        const found = newestIn.get(first, day)?.['day'] as number | null
        if (found === null) return days
        days.push(found)
        day = found - 1
      }
    },
    async *daySums(day, { customerIds, key, model }) {
      await sumUp()
      const isWanted = (row: SqlRow) =>
        (key === null || row['key_hash'] === key.hash) && (model === null || row['model'] === model)
      const ranges = customerIds === null ? [EVERYBODY] : tabs(customerIds).map(only)
      for (const { from, to } of ranges) {
        let place: readonly SqlValue[] = [from, NOBODY - 1, '', '']
        for (;;) {
          const found = sums.all(day, ...place, to, SLICE)
          yield found.filter(isWanted).map(toSum)
          if (found.length < SLICE) break
          place = PLACE.map((name) => found.at(-1)![name]!)
          await breath()
        }
      }
    },
  }
}

/** The primary key of the sums, after the day. */
const PLACE = ['tab', 'key_id', 'model', 'deployment']

const EVERYBODY = { from: NOBODY, to: Number.MAX_SAFE_INTEGER }
const only = (tab: number) => ({ from: tab, to: tab })

export const NEWEST_DAY = 'SELECT max(day) AS day FROM daily WHERE day BETWEEN ?1 AND ?2'

export const SUMS = `
  SELECT daily.*, customers.id AS customer_id, keys.hash AS key_hash, keys.alias AS key_alias,
    keys.labels AS key_labels
  FROM daily LEFT JOIN customers ON customers.tab = daily.tab
    LEFT JOIN keys ON keys.id = daily.key_id
  WHERE daily.day = ?1
    AND (daily.tab, daily.key_id, daily.model, daily.deployment) > (?2, ?3, ?4, ?5)
    AND daily.tab <= ?6
  ORDER BY daily.tab, daily.key_id, daily.model, daily.deployment LIMIT ?7`

const toSum = (row: SqlRow): DailySum => ({
  customerId: row['customer_id'] as string | null,
  key: keyNamedBy(row),
  model: row['model'] as string,
  deployment: row['deployment'] as string,
  calls: row['calls'] as number,
  failedCalls: row['failed_calls'] as number,
  usage: usageIn(row),
  cost: row['cost'] as Nanos,
  charge: row['charge'] as Nanos,
})
