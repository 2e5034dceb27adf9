import type { Nanos } from '../ledger/money.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import { KINDS } from '../metering/usage.ts'
import type { Database } from '../runtime/sqlite.ts'

/** The ledger in the database. `book` is called inside a transaction of the flush loop. */
export type LedgerTable = {
  /** Adds a row, and its charge to the customer's sums, with what is told because of it. */
  book(row: LedgerRow, period: BookedPeriod): void
  /** What was charged on a tab since `since`, milliseconds: the truth behind a cached `spent`. */
  spentSince(tab: number, since: number): Nanos
  spentOnModelSince(tab: number, model: string, since: number): Nanos
  /** From `since` on and before `until`, milliseconds. */
  spentBetween(tab: number, since: number, until: number): Nanos
  /** The number of a set of prices, which is added if it is new. */
  priceId(snapshot: string): number
  /** Saves the search for a set of prices whose number is on disk. */
  rememberPrice(snapshot: string, id: number): void
}

/** The period that a charge counts in, and the thresholds newly told in it. */
export type BookedPeriod = { readonly periodStart: number; readonly told: readonly string[] }

export function ledgerTable(database: Database): LedgerTable {
  const insert = database.prepare(
    `INSERT INTO ledger VALUES (${Array.from({ length: 19 }, (_, i) => `?${i + 1}`).join(', ')})`,
  )
  const spentSince = database.prepare(
    'SELECT coalesce(sum(charge), 0) AS spent FROM ledger WHERE tab = ?1 AND settled_at >= ?2',
  )
  // A cached sum is good only for the period it began in: at the first charge of another period
  // (the row is in the ledger already) it is summed anew.
  const charge = database.prepare(`
    UPDATE customers SET
      spent = CASE WHEN period_start = ?2 THEN spent + ?3
        ELSE (SELECT coalesce(sum(charge), 0) FROM ledger WHERE tab = ?1 AND settled_at >= ?2) END,
      told = CASE WHEN period_start = ?2 THEN told ELSE '[]' END,
      total_spent = total_spent + ?3,
      period_start = ?2
    WHERE tab = ?1`)
  const tell = database.prepare(
    "UPDATE customers SET told = json_insert(told, '$[#]', ?2) WHERE tab = ?1",
  )
  const spentOnModel = database.prepare(`
    SELECT coalesce(sum(charge), 0) AS spent FROM ledger
    WHERE tab = ?1 AND settled_at >= ?2 AND model = ?3`)
  const spentBetween = database.prepare(`
    SELECT coalesce(sum(charge), 0) AS spent FROM ledger
    WHERE tab = ?1 AND settled_at >= ?2 AND settled_at < ?3`)
  const findPrice = database.prepare('SELECT id FROM prices WHERE snapshot = ?1')
  const insertPrice = database.prepare('INSERT OR IGNORE INTO prices (snapshot) VALUES (?1)')

  /** Only what is committed: the number of an insert that was undone would be somebody else's. */
  const remembered = new Map<string, number>()

  const addPrice = (snapshot: string): number => {
    insertPrice.run(snapshot)
    return findPrice.get(snapshot)?.['id'] as number
  }
  const priceId = (snapshot: string): number => remembered.get(snapshot) ?? addPrice(snapshot)

  return {
    book(row, { periodStart, told }) {
      insert.run(
        row.id,
        row.tab,
        row.customerId,
        row.model,
        row.deployment,
        row.outcome,
        row.usageSource,
        ...KINDS.map((kind) => row.usage[kind] ?? 0),
        row.price === null ? null : priceId(row.price),
        row.cost,
        row.charge,
        row.startedAt,
        row.settledAt,
      )
      if (row.tab === null) return
      charge.run(row.tab, periodStart, row.charge)
      for (const name of told) tell.run(row.tab, name)
    },
    priceId,
    rememberPrice: (snapshot, id) => void remembered.set(snapshot, id),
    spentOnModelSince: (tab, model, since) =>
      spentOnModel.get(tab, since, model)?.['spent'] as Nanos,
    spentBetween: (tab, since, until) => spentBetween.get(tab, since, until)?.['spent'] as Nanos,
    spentSince: (tab, since) => spentSince.get(tab, since)?.['spent'] as Nanos,
  }
}
