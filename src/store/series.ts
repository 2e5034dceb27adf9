import { dayOf, dayOfHour, HOUR_MS } from '../ledger/day.ts'
import type { RecordFilter, SeriesRange, Slot, TopCustomer } from '../ledger/record.ts'
import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import { columnsOf } from './daily.ts'
import { breath } from './records.ts'
import { MEASURES, measured, measuresOfGathered, slotOf } from './rollups.ts'
import { gathered, NOBODY } from './sum-table.ts'
import type { SumUp } from './summing.ts'
import { WHOLE_TAB_ROWS } from './tab-rows.ts'
import { topCustomers } from './top-customers.ts'
import type { WaitingTabs } from './waiting-tabs.ts'

/**
 * What was used over time. Each of these reads sums, or the rows of a few customers, a little at a
 * time, and so costs the same however long the ledger is.
 */
export type Series = {
  /** Of all calls, by model. */
  ofModels(range: SeriesRange): AsyncGenerator<readonly Slot[]>
  /** Of all calls, by day, at once: for a month or so. A day may come several times. */
  daysOfAll(first: number, last: number): readonly Omit<Slot, 'model'>[]
  /** Of the calls with a key, by model and day; a hash of null is the master key. */
  ofKey(hash: string | null, days: SeriesRange): AsyncGenerator<readonly Slot[]>
  /** Of a customer, all its tabs together, by model; from its sums of days, or its rows. */
  ofCustomer(
    id: string,
    range: SeriesRange,
    key: RecordFilter['key'],
  ): AsyncGenerator<readonly Slot[]>
  /** Who was charged most on the days of a range, each with its days. */
  topCustomers(days: SeriesRange, most: number): Promise<readonly TopCustomer[]>
  /** Of some tabs together, from their rows, by hour. */
  hoursOfTabs(tabs: readonly number[], hours: SeriesRange): AsyncGenerator<readonly Slot[]>
}

/** Groups, days or rows read at a time: about 2 ms. */
const HOURS_AT_ONCE = 31 * 24
const DAYS_AT_ONCE = 31
const ROWS_AT_ONCE = 500

const SUMMED = MEASURES.map((name) => `sum(${name}) AS ${name}`).join(', ')

export const HOURS_OF_MODELS = `
  SELECT hour / ?3 AS bucket, model, ${SUMMED} FROM hours
  WHERE hour BETWEEN ?1 AND ?2 GROUP BY bucket, model`

export const DAYS_OF_KEY = `
  SELECT day AS bucket, model, ${SUMMED} FROM key_days
  WHERE key_id = ?1 AND day BETWEEN ?2 AND ?3 GROUP BY day, model`

export const DAYS_OF_TAB_BY_MODEL = (kinds: string) => `
  SELECT day AS bucket, model, key_id, ${kinds} FROM daily INDEXED BY daily_by_tab
  WHERE tab = ?1 AND day BETWEEN ?2 AND ?3`

export const ROWS_OF_TAB = (kinds: string) => `
  SELECT settled_at, id, model, charge, key_id, ${kinds} FROM ${WHOLE_TAB_ROWS}
  WHERE tab_rows.tab = ?1 AND (settled_at, id) > (?2, ?3) AND settled_at < ?4
  ORDER BY settled_at, id LIMIT ${ROWS_AT_ONCE}`

/** `MEASURES` of a single row of the ledger, or of `daily`, for which two are sums already. */
export function measuresOf(database: Database, table: 'ledger' | 'daily'): string {
  const { charge, cost, calls, failed_calls, ...tokens } = measured(columnsOf(database, table))
  const counted = table === 'ledger' ? { calls, failed_calls } : {}
  const named = Object.entries({ ...counted, ...tokens }).map(([name, sql]) => `${sql} AS ${name}`)
  return [
    ...named,
    ...(table === 'daily' ? ['calls', 'failed_calls', 'charge'] : []),
    'cost',
  ].join()
}

/** `sumUp` makes sums before they are read; `waiting` is what is not in them. */
export function series(
  database: Database,
  { sumUp, waiting }: { readonly sumUp: SumUp; readonly waiting: WaitingTabs },
): Series {
  const hoursOfModels = database.prepare(HOURS_OF_MODELS)
  const daysOfKey = database.prepare(DAYS_OF_KEY)
  const daysOfTab = database.prepare(DAYS_OF_TAB_BY_MODEL(measuresOf(database, 'daily')))
  const rowsOfTab = database.prepare(ROWS_OF_TAB(measuresOf(database, 'ledger')))
  const tabsOf = database.prepare('SELECT tab FROM customers WHERE id = ?1')
  const keysOf = database.prepare('SELECT id FROM keys WHERE hash = ?1')
  const top = topCustomers(database)

  const tabs = (id: string) => tabsOf.all(id).map(({ tab }) => tab as number)
  const keys = (hash: string | null) =>
    hash === null ? [NOBODY] : keysOf.all(hash).map(({ id }) => id as number)

  async function* rowsOf(tab: number, { first, last }: SeriesRange, isWanted: Wanted) {
    let after: SqlValue[] = [first * HOUR_MS, '']
    for (;;) {
      const rows = rowsOfTab.all(tab, ...after, (last + 1) * HOUR_MS)
      const toSlot = (row: SqlRow) =>
        slotOf({ ...row, bucket: Math.floor((row['settled_at'] as number) / HOUR_MS) })
      yield rows.filter(isWanted).map(toSlot)
      if (rows.length < ROWS_AT_ONCE) return
      const { settled_at: at, id } = rows.at(-1)!
      after = [at!, id!]
      await breath()
    }
  }

  return {
    daysOfAll(first, last) {
      const late = gathered(waiting.rows(), ({ settledAt }) => dayOf(settledAt))
        .map((rows) => ({ bucket: dayOfHour(rows.hour), ...measuresOfGathered(rows) }))
        .filter(({ bucket }) => bucket >= first && bucket <= last)
      return [...hoursOfModels.all(first * 24, last * 24 + 23, 24).map(slotOf), ...late]
    },
    async *ofModels({ first, last, hours }) {
      await sumUp()
      const end = (last + 1) * hours - 1
      for (let from = first * hours; from <= end; from += HOURS_AT_ONCE) {
        const found = hoursOfModels.all(from, Math.min(end, from + HOURS_AT_ONCE - 1), hours)
        yield found.map(slotOf)
        await breath()
      }
    },
    async *ofKey(hash, { first, last }) {
      await sumUp()
      for (const id of keys(hash)) {
        for (let from = first; from <= last; from += DAYS_AT_ONCE) {
          yield daysOfKey.all(id, from, Math.min(last, from + DAYS_AT_ONCE - 1)).map(slotOf)
          await breath()
        }
      }
    },
    async *ofCustomer(id, range, key) {
      await sumUp()
      const wanted = key === null ? null : new Set(keys(key.hash))
      const isWanted = (row: SqlRow) => wanted?.has((row['key_id'] as number) ?? NOBODY) ?? true
      for (const tab of tabs(id)) {
        if (range.hours === 1) {
          yield* rowsOf(tab, range, isWanted)
          continue
        }
        for (let from = range.first; from <= range.last; from += DAYS_AT_ONCE) {
          const until = Math.min(range.last, from + DAYS_AT_ONCE - 1)
          yield daysOfTab.all(tab, from, until).filter(isWanted).map(slotOf)
          await breath()
        }
      }
    },
    async *hoursOfTabs(of, range) {
      await sumUp()
      for (const tab of of) yield* rowsOf(tab, range, () => true)
    },
    async topCustomers(days, most) {
      await sumUp()
      return top(days, most)
    },
  }
}

type Wanted = (row: SqlRow) => boolean
