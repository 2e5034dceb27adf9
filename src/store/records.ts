import type { Nanos } from '../ledger/money.ts'
import type { ExportRow } from '../ledger/parcel.ts'
import type {
  LedgerRecord,
  NamedKey,
  RecordFilter,
  RecordOrder,
  RecordSlice,
} from '../ledger/record.ts'
import type { Outcome, UsageSource } from '../ledger/settlement.ts'
import type { Database, SqlRow, SqlValue, Statement } from '../runtime/sqlite.ts'
import { correctedBy } from './corrections.ts'
import type { SumUp } from './summing.ts'
import { WHOLE_TAB_ROWS } from './tab-rows.ts'
import { usageIn } from './usage-in.ts'

/**
 * The rows of the ledger for reports and exports, a few at a time: each slice is sought in an
 * index, right behind the one before, so it costs the same however deep in however many rows.
 *
 * The order is that in which calls settled, and not that of their ids, in which they began: a call
 * of an hour would turn up among rows that a reader has behind it. A place in the order is named by
 * the row that is there; rows are never changed or removed, so a place is good for ever.
 */
export type Records = {
  /** Null: there is no such row, or it does not fit. */
  find(id: string, filter: RecordFilter): LedgerRecord | null
  /**
   * The rows behind a place, and nothing else happens between two slices but what others do.
   * `after` is the id of a row for which `isPlace`; null: from the beginning.
   */
  slices(
    filter: RecordFilter,
    from: { readonly after: string | null; readonly order: RecordOrder; readonly rows: number },
  ): AsyncGenerator<RecordSlice>
  /** Those of the ids that there are, with the tab that each is on. */
  withTabs(ids: readonly string[]): ExportRow[]
  /** Whether the row of an id is among those that a slice of the filter looks at. */
  isPlace(id: string, filter: RecordFilter): boolean
}

/** Rows that are side by side in an index or a table, in its order. */
type Run = {
  /** SQL: where they are sought; joined to the ledger if that is not in it. */
  readonly source: string
  /** The table that names their places. */
  readonly table: 'ledger' | 'tab_rows'
  /** What they have in common; null: nothing. */
  readonly of: readonly [column: string, value: SqlValue] | null
  /** A term that a partial index needs to be told. */
  readonly partial?: string
  readonly order: readonly string[]
}

const BY_CHARGE = ['settled_at', 'charge', 'model', 'id']
const BY_ID = ['settled_at', 'id']

/**
 * `sumUp` makes what waits to be summed up, so that all rows of a customer are among those of its
 * tab. Null: nobody here can, and its rows are sought among all.
 */
export function records(database: Database, sumUp: SumUp | null): Records {
  const statements = new Map<string, Statement>()
  const prepare = (sql: string): Statement => {
    const known = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, known)
    return known
  }
  const byId = prepare(`${SELECT} WHERE ledger.id = ?1`)
  const runsOf = runsIn(database, sumUp === null)
  const priceOf = pricesIn(database)
  const corrects = correctedBy(database)
  const toRecord = (row: SqlRow): LedgerRecord => {
    const record = fromRow(row, priceOf)
    const found = record.outcome === 'correction' ? corrects(record.id) : null
    return found === null ? record : { ...record, corrects: found }
  }

  return {
    find(id, filter) {
      const row = byId.get(id)
      if (row === null) return null
      const isIn = (row['settled_at'] as number) >= filter.from
      const isBefore = (row['settled_at'] as number) < filter.until
      return isIn && isBefore && fits(row, filter) ? toRecord(row) : null
    },
    withTabs: (ids) =>
      ids
        .map((id) => byId.get(id))
        .filter((row) => row !== null)
        .map((row) => ({ record: toRecord(row), tab: row['tab'] as number | null })),
    isPlace(id, filter) {
      const row = byId.get(id)
      return row !== null && runsOf(filter, 'newest first').some((run) => isIn(run, row))
    },
    async *slices(filter, { after, order, rows }) {
      if (filter.customerId !== null) await sumUp?.()
      const all = runsOf(filter, order)
      const last = after === null ? null : byId.get(after)
      const first = last === null ? 0 : all.findIndex((run) => isIn(run, last))
      if (first === -1) throw new RangeError(`row ${after} is no place among those asked for`)
      let place = last
      for (const run of all.slice(first)) {
        const statement = prepare(sliceOf(run, order))
        const common = run.of === null ? [] : [run.of[1]]
        for (;;) {
          const [bounds, limit] = [boundsOf(run, filter, order, place), rows]
          const found = statement.all(...bounds, limit, ...common)
          const next = found.at(-1)
          if (next === undefined) break
          place = next
          const records = found.filter((row) => fits(row, filter)).map(toRecord)
          yield { records, looked: found.length, lastId: next['id'] as string }
          if (found.length < rows) break
          await breath()
        }
        place = null
      }
    },
  }
}

/** Lets everybody else have their turn. */
export const breath = () => new Promise<void>((resolve) => setImmediate(resolve))

const SELECT = `
  SELECT ledger.*, keys.hash AS key_hash, keys.alias AS key_alias, keys.labels AS key_labels,
    rate_cards.snapshot AS card_text
  FROM ledger LEFT JOIN keys ON keys.id = ledger.key_id
    LEFT JOIN rate_cards ON rate_cards.id = ledger.card_id`

/** The statement for a slice of a run; `?1` and on are its bounds and its length. */
export function sliceOf({ source, table, of, partial, order }: Run, which: RecordOrder): string {
  const [than, direction] = which === 'oldest first' ? ['>', 'ASC'] : ['<', 'DESC']
  const columns = order.map((name) => `${table}.${name}`)
  const place = order.map((_, at) => `?${at + 1}`)
  const bound = order.length + 1
  const terms = [
    `(${columns.join(', ')}) ${than} (${place.join(', ')})`,
    `${table}.settled_at ${which === 'oldest first' ? '<' : '>='} ?${bound}`,
    ...(of === null ? [] : [`${table}.${of[0]} = ?${bound + 2}`]),
    ...(partial === undefined ? [] : [partial]),
  ]
  return `${SELECT.replace('FROM ledger', `FROM ${source}`)}
    WHERE ${terms.join(' AND ')}
    ORDER BY ${columns.map((name) => `${name} ${direction}`).join(', ')} LIMIT ?${bound + 1}`
}

/** Just outside of what is asked for, in the index's own order: below and above all values. */
const BELOW: Readonly<Record<string, SqlValue>> = {
  charge: Number.MIN_SAFE_INTEGER,
}
const ABOVE: Readonly<Record<string, SqlValue>> = {
  charge: Number.MAX_SAFE_INTEGER,
  model: '\u{10ffff}',
  id: '\u{10ffff}',
}

/** The place behind which the slice begins, and the time at which it ends. */
function boundsOf(
  { order }: Run,
  { from, until }: RecordFilter,
  which: RecordOrder,
  place: SqlRow | null,
): SqlValue[] {
  const isUp = which === 'oldest first'
  const beginning: Readonly<Record<string, SqlValue>> = isUp
    ? { ...ABOVE, settled_at: from - 1 }
    : { ...BELOW, settled_at: until }
  const isInside =
    place !== null &&
    (isUp ? (place['settled_at'] as number) >= from : (place['settled_at'] as number) < until)
  const begin = isInside ? place : beginning
  return [...order.map((name) => begin[name] ?? ''), isUp ? until : from]
}

const isIn = ({ of }: Run, row: SqlRow): boolean => of === null || row[of[0]] === of[1]

const inLedger = (index: string) =>
  ({ source: `ledger INDEXED BY ${index}`, table: 'ledger' }) as const

/** How the rows of a filter are found: the narrowest of the indices, run after run. */
export function runsIn(
  database: Database,
  lags = false,
): (filter: RecordFilter, order: RecordOrder) => Run[] {
  const tabsOf = database.prepare('SELECT tab AS id FROM customers WHERE id = ?1 ORDER BY tab')
  const keysOf = database.prepare('SELECT id FROM keys WHERE hash = ?1 ORDER BY id')
  const several = (rows: SqlRow[], order: RecordOrder, to: (id: SqlValue) => Run) => {
    const runs = rows.map(({ id }) => to(id as number))
    return order === 'oldest first' ? runs : runs.reverse()
  }
  return ({ customerId, key, outcome }, order) => {
    if (customerId !== null && !lags) {
      return several(tabsOf.all(customerId), order, (tab) => ({
        source: WHOLE_TAB_ROWS,
        table: 'tab_rows',
        of: ['tab', tab],
        order: BY_ID,
      }))
    }
    if (key !== null && key.hash !== null) {
      return several(keysOf.all(key.hash), order, (id) => ({
        ...inLedger('ledger_by_key'),
        of: ['key_id', id],
        order: BY_CHARGE,
      }))
    }
    if (outcome !== null && outcome !== 'ok') {
      const partial = "ledger.outcome <> 'ok'"
      const index = inLedger('ledger_by_outcome')
      return [{ ...index, of: ['outcome', outcome], partial, order: BY_ID }]
    }
    return [{ ...inLedger('ledger_by_time'), of: null, order: BY_ID }]
  }
}

/** What is left of a filter once a row was found by an index, for its time. */
const fits = (row: SqlRow, { customerId, key, model, outcome }: RecordFilter): boolean =>
  (customerId === null || row['customer_id'] === customerId) &&
  (key === null || row['key_hash'] === key.hash) &&
  (model === null || row['model'] === model) &&
  (outcome === null || row['outcome'] === outcome)

/** The prices of a number, as they stand in the database; they are few, and never change. */
function pricesIn(database: Database): (id: number | null) => string | null {
  const find = database.prepare('SELECT snapshot FROM prices WHERE id = ?1')
  const known = new Map<number, string>()
  return (id) => {
    if (id === null) return null
    const snapshot = known.get(id) ?? (find.get(id)?.['snapshot'] as string)
    known.set(id, snapshot)
    return snapshot
  }
}

export const keyNamedBy = (row: SqlRow): NamedKey | null =>
  row['key_hash'] === null
    ? null
    : {
        hash: row['key_hash'] as string,
        alias: row['key_alias'] as string | null,
        labels: JSON.parse(row['key_labels'] as string) as Record<string, unknown>,
      }

const fromRow = (row: SqlRow, priceOf: (id: number | null) => string | null): LedgerRecord => ({
  id: row['id'] as string,
  customerId: row['customer_id'] as string | null,
  key: keyNamedBy(row),
  model: row['model'] as string,
  deployment: row['deployment'] as string,
  outcome: row['outcome'] as Outcome,
  usageSource: row['usage_source'] as UsageSource,
  usage: usageIn(row),
  price: priceOf(row['price_id'] as number | null),
  cost: row['cost'] as Nanos,
  charge: row['charge'] as Nanos,
  counted: row['counted'] as Nanos,
  card: row['card_text'] as string | null,
  cardVersion: row['card_id'] as number | null,
  freeTokens: row['free_tokens'] as number,
  freeMoney: row['free_money'] as Nanos,
  startedAt: row['started_at'] as number,
  settledAt: row['settled_at'] as number,
})
