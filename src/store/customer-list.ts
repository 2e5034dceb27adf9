import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import type { CustomerCounts } from './customer-counts.ts'
import { breath } from './records.ts'

export type ListQuery = {
  /** From 1. */
  readonly page: number
  readonly pageSize: number
  /** In place of a page: the customer behind which it begins, as `next` of the page before. */
  readonly after: ListPlace | null
  /** A part of the id or of the alias. */
  readonly search: string | null
  readonly sort: keyof typeof SORTS
  readonly descending: boolean
  readonly budgetId: string | null
  readonly blocked: boolean | null
}

/** A place in a list: what the customer there is sorted by, and its tab. */
export type ListPlace = { readonly value: string | number; readonly tab: number }

export type ListedRows = {
  readonly rows: readonly SqlRow[]
  /** Null: this is the last page. */
  readonly next: ListPlace | null
  /** Customers on all pages; null: more than anybody counts. */
  readonly total: number | null
  /** In place of a total. */
  readonly totalAtLeast: number | null
}

/**
 * What a list can be sorted by: the column of each, and the index in its order, of all customers
 * and of those on a budget. There is none for the latter where each charge would have to change it.
 */
export const SORTS = {
  user_id: { by: 'id', index: 'customers_by_id', onBudget: 'customers_by_budget_id' },
  alias: { by: 'sort_alias', index: 'customers_by_alias', onBudget: 'customers_by_budget_alias' },
  spend: { by: 'spent', index: 'customers_by_spent', onBudget: 'customers_by_budget' },
  total_spend: { by: 'total_spent', index: 'customers_by_total', onBudget: null },
  created_at: {
    by: 'created_at',
    index: 'customers_by_created',
    onBudget: 'customers_by_budget_created',
  },
  updated_at: {
    by: 'updated_at',
    index: 'customers_by_updated',
    onBudget: 'customers_by_budget_updated',
  },
} as const

/**
 * So many customers are fetched and sorted, where what is asked for is that rare. Where it is more
 * common, all are looked at in their order, so many at a time, until the page is full.
 */
export const GATHERED_MAX = 3_000
const LOOKED_AT_ONCE = 1_000

/** The tokenizer's: what is shorter is in no index. */
const TRIGRAM = 3

const LIVE = 'deleted_at IS NULL'

const THERE: ReadonlySet<string> = new Set(['customers_by_id', 'customers_by_created'])

/** The migration that makes the indices. A part of a name is found by its runs of three letters. */
export const CREATE_CUSTOMER_LIST = `
  -- Places are compared with it, and with a null nothing can be.
  ALTER TABLE customers ADD COLUMN
    sort_alias TEXT GENERATED ALWAYS AS (coalesce(alias, '')) VIRTUAL;
  DROP INDEX customers_by_budget;
  ${Object.values(SORTS)
    .flatMap(({ by, index, onBudget }) => [
      ...(THERE.has(index) ? [] : [[index, by]]),
      ...(onBudget === null ? [] : [[onBudget, `budget_id, ${by}`]]),
    ])
    .map(([name, columns]) => `CREATE INDEX ${name} ON customers (${columns}) WHERE ${LIVE};`)
    .join('\n')}
  CREATE INDEX customers_blocked ON customers (blocked) WHERE blocked = 1 AND ${LIVE};
  CREATE VIRTUAL TABLE customer_names USING fts5(
    id, alias, content = 'customers', content_rowid = 'tab', tokenize = 'trigram', columnsize = 0);
  INSERT INTO customer_names (customer_names) VALUES ('rebuild');
  CREATE TRIGGER customers_named AFTER INSERT ON customers BEGIN
    INSERT INTO customer_names (rowid, id, alias) VALUES (new.tab, new.id, new.alias); END;
  CREATE TRIGGER customers_renamed AFTER UPDATE OF alias ON customers
    WHEN old.alias IS NOT new.alias BEGIN
    INSERT INTO customer_names (customer_names, rowid, id, alias)
      VALUES ('delete', old.tab, old.id, old.alias);
    INSERT INTO customer_names (rowid, id, alias) VALUES (new.tab, new.id, new.alias); END;`

/**
 * Customers in an order, a slice from the start, or of those behind a place: the ones that are
 * equal to it in what is sorted by, or the others. SQLite finds a place among equals only by
 * themselves: `(spent, tab) < (0, 500000)` would look at every customer who has spent nothing.
 * `?1` and `?2` are the place, or null, and `?5` the budget where there is an index of it, else
 * null.
 */
export function sliceOfCustomers(
  { sort, descending }: Pick<ListQuery, 'sort' | 'descending'>,
  isOnBudget: boolean,
  part: 'start' | 'equals' | 'others',
): string {
  const { by, index, onBudget } = SORTS[sort]
  const [than, direction] = descending ? ['<', 'DESC'] : ['>', 'ASC']
  const [from, budget] =
    isOnBudget && onBudget !== null ? [onBudget, 'budget_id = ?5'] : [index, '?5 IS NULL']
  const where = {
    start: '?1 IS NULL AND ?2 IS NULL',
    equals: `${by} = ?1 AND tab ${than} ?2`,
    others: `${by} ${than} ?1 AND ?2 IS NOT NULL`,
  }
  return `
    SELECT * FROM customers INDEXED BY ${from} WHERE ${LIVE} AND ${where[part]} AND ${budget}
    ORDER BY ${by} ${direction}, tab ${direction} LIMIT ?3 OFFSET ?4`
}

export const MATCHING =
  'SELECT rowid AS tab FROM customer_names WHERE customer_names MATCH ?1 LIMIT ?2'

/** Makes the function that finds the customers of a page. */
export function customerList(
  database: Database,
  counts: CustomerCounts,
): (query: ListQuery) => Promise<ListedRows> {
  const matching = database.prepare(MATCHING)
  const byTab = database.prepare(`SELECT * FROM customers WHERE tab = ?1 AND ${LIVE}`)
  const onBudget = database.prepare(`SELECT * FROM customers WHERE budget_id = ?1 AND ${LIVE}`)
  const blocked = database.prepare(
    `SELECT * FROM customers INDEXED BY customers_blocked WHERE blocked = 1 AND ${LIVE}`,
  )

  /** All that can be on the list, if they are few. */
  const gathered = (query: ListQuery): readonly SqlRow[] | null => {
    const { search, budgetId } = query
    if (search !== null && isIndexed(search)) {
      const tabs = matching.all(`"${search.replaceAll('"', '""')}"`, GATHERED_MAX + 1)
      const found = tabs.length > GATHERED_MAX ? null : tabs.map(({ tab }) => byTab.get(tab!))
      if (found !== null) return found.filter((row) => row !== null)
    }
    const areFew = (of: Pick<ListQuery, 'budgetId' | 'blocked'>) => counts.count(of) <= GATHERED_MAX
    if (query.blocked === true && areFew({ budgetId: null, blocked: true })) return blocked.all()
    return budgetId !== null && areFew({ budgetId, blocked: null }) ? onBudget.all(budgetId) : null
  }

  /** Looks at all customers in their order, until it has one more than the page. */
  const walked = async (query: ListQuery, skip: number): Promise<SqlRow[]> => {
    const { sort, budgetId, pageSize } = query
    const [start, equals, others] = (['start', 'equals', 'others'] as const).map((part) =>
      database.prepare(sliceOfCustomers(query, budgetId !== null, part)),
    )
    const sought = SORTS[sort].onBudget === null ? null : budgetId
    const isPlain = query.search === null && budgetId === sought && query.blocked === null
    let place = query.after
    const rows: SqlRow[] = []
    const wanted = isPlain ? pageSize + 1 : pageSize + 1 + skip
    for (;;) {
      const length = isPlain ? wanted : LOOKED_AT_ONCE
      const found = place === null ? start!.all(null, null, length, isPlain ? skip : 0, sought) : []
      if (place !== null) {
        const { value, tab } = place
        found.push(...equals!.all(value, tab, length, 0, sought))
        const missing = length - found.length
        if (missing > 0) found.push(...others!.all(value, tab, missing, 0, sought))
      }
      rows.push(...found.filter(fits(query)))
      if (isPlain || rows.length >= wanted || found.length < length) break
      place = placeOf(found.at(-1)!, query)
      await breath()
    }
    return isPlain ? rows : rows.slice(skip, wanted)
  }

  return async (query) => {
    const skip = query.after === null ? (query.page - 1) * query.pageSize : 0
    const few = gathered(query)?.filter(fits(query)) ?? null
    const rows =
      few === null
        ? await walked(query, skip)
        : ordered(few, query).slice(skip, skip + query.pageSize + 1)
    const last = rows.length > query.pageSize ? rows[query.pageSize - 1]! : null
    const isCounted = few === null && query.search === null
    const isBroad = query.search !== null && isIndexed(query.search) && query.budgetId === null
    return {
      rows: rows.slice(0, query.pageSize),
      next: last === null ? null : placeOf(last, query),
      total: isCounted ? counts.count(query) : (few?.length ?? null),
      totalAtLeast: few === null && isBroad && query.blocked === null ? GATHERED_MAX + 1 : null,
    }
  }
}

/** A query's text ends at a NUL. */
const isIndexed = (search: string) => [...search].length >= TRIGRAM && !search.includes('\0')

const placeOf = (row: SqlRow, { sort }: ListQuery): ListPlace => ({
  value: row[SORTS[sort].by]!,
  tab: row['tab'] as number,
})

const fits =
  ({ search, budgetId, blocked }: ListQuery) =>
  (row: SqlRow): boolean =>
    (budgetId === null || row['budget_id'] === budgetId) &&
    (blocked === null || (row['blocked'] === 1) === blocked) &&
    (search === null || has(row['id']!, search) || has(row['alias'] ?? '', search))

const has = (text: SqlValue, part: string) =>
  String(text).toLowerCase().includes(part.toLowerCase())

/** In the order of SQLite, whose texts are in that of their bytes; from the place on. */
function ordered(rows: readonly SqlRow[], query: ListQuery): SqlRow[] {
  const sign = query.descending ? -1 : 1
  const compare = (a: ListPlace, b: ListPlace) => sign * (order(a.value, b.value) || a.tab - b.tab)
  const places = rows.map((row) => ({
    row,
    place: placeOf(row, query),
  }))
  return places
    .filter(({ place }) => query.after === null || compare(place, query.after) > 0)
    .sort((a, b) => compare(a.place, b.place))
    .map(({ row }) => row)
}

function order(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}
