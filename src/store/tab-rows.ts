import type { LedgerRow } from '../ledger/settlement.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { NOBODY, UNSUMMED_IDS } from './sum-table.ts'

/** What is in both tables. */
const SHARED = ['settled_at', 'id', 'model', 'charge', 'counted'] as const

const COPY = `SELECT coalesce(tab, ${NOBODY}) AS tab, ${SHARED.join(', ')} FROM ledger`

/**
 * The migration: the way to the rows of a tab, in the order in which they settled.
 *
 * It is no index of the ledger, as that is written with each call, on the page of its customer, and
 * SQLite looks through all cached pages in a commit that splits one: with the index there were 12 %
 * fewer calls a second (`test/bench/bench.ts`, in one piece). A row comes here when it is summed up
 * (`unsummed.ts`), with all others that waited on its tab.
 */
export const CREATE_TAB_ROWS = `
  CREATE TABLE tab_rows (
    tab INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    id TEXT NOT NULL,
    model TEXT NOT NULL,
    charge INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    PRIMARY KEY (tab, settled_at, id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO tab_rows (tab, ${SHARED.join(', ')})
    ${COPY} WHERE id NOT IN (${UNSUMMED_IDS}) ORDER BY tab, settled_at, id;
  DROP INDEX ledger_by_tab;`

/** SQL: the rows of tabs with all that the ledger has of them; of the two, only `tab` is double. */
export const WHOLE_TAB_ROWS = `tab_rows CROSS JOIN ledger USING (${SHARED.join(', ')})`

type TabRow = Pick<LedgerRow, 'id' | 'tab' | 'settledAt' | 'model' | 'charge' | 'counted'>

/** Makes what adds rows that are in the ledger to those of their tabs. */
export function tabRowWriter(database: Database): (rows: readonly TabRow[]) => void {
  const insert = database.prepare(
    `INSERT INTO tab_rows (tab, ${SHARED.join(', ')}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
  )
  return (rows) => {
    for (const { tab, settledAt, id, model, charge, counted } of rows) {
      insert.run(tab ?? NOBODY, settledAt, id, model, charge, counted)
    }
  }
}

/** Makes what removes a row of the ledger from those of its tab. */
export function tabRowRemover(database: Database): (row: SqlRow) => void {
  const remove = database.prepare(
    'DELETE FROM tab_rows WHERE tab = ?1 AND settled_at = ?2 AND id = ?3',
  )
  return (row) => remove.run(row['tab'] ?? NOBODY, row['settled_at']!, row['id']!)
}

/** Findings that are told. */
const TOLD_MAX = 100

const SAME = `
  ledger.id = tab_rows.id AND coalesce(ledger.tab, ${NOBODY}) = tab_rows.tab
  AND ledger.settled_at = tab_rows.settled_at AND ledger.model = tab_rows.model
  AND ledger.charge = tab_rows.charge AND ledger.counted = tab_rows.counted`

/** Rows of the ledger that are not among those of their tab and should be, and the reverse. */
export function wrongTabRows(database: Database): string[] {
  const missing = database
    .prepare(`
      SELECT id FROM ledger WHERE id NOT IN (${UNSUMMED_IDS})
        AND NOT EXISTS (SELECT 1 FROM tab_rows WHERE ${SAME}) LIMIT ${TOLD_MAX}`)
    .all()
    .map(({ id }) => `ledger row ${id}: is not among the rows of its tab as it is in the ledger`)
  const { more } = database
    .prepare(`
      SELECT (SELECT count(*) FROM tab_rows) + (SELECT count(*) FROM (${UNSUMMED_IDS}))
        - (SELECT count(*) FROM ledger) AS more`)
    .get()!
  if (missing.length === 0 && more === 0) return []
  const strays = database
    .prepare(`
      SELECT tab, id FROM tab_rows WHERE id IN (${UNSUMMED_IDS})
        OR NOT EXISTS (SELECT 1 FROM ledger WHERE ${SAME}) LIMIT ${TOLD_MAX}`)
    .all()
    .map(({ tab, id }) => `row ${id} of tab ${tab}: is not one that the ledger has summed up`)
  return [...missing, ...strays]
}
