import { DAY_MS, dayOf, dayText } from '../ledger/day.ts'
import { dollarsText, type Nanos } from '../ledger/money.ts'
import { lookAtFile } from '../runtime/files.ts'
import { type Database, openDatabase, type SqlRow } from '../runtime/sqlite.ts'
import { budgetTable, type FindBudget } from './budgets.ts'
import type { PeriodOf } from './customers.ts'
import { UNREAD_IDS } from './export-table.ts'
import { lockDatabase } from './lock.ts'
import { BEFORE } from './pruned.ts'
import { ROLLUPS } from './rollups.ts'
import { requireThisSchema } from './schema.ts'
import { UNSUMMED_IDS } from './sum-table.ts'
import { tabRowRemover } from './tab-rows.ts'
import { unusable } from './trouble.ts'
import { sumUpIn } from './unsummed.ts'

export type PruneOrder = {
  readonly path: string
  /** Rows that settled before this, milliseconds, may go. */
  readonly before: number
  readonly now: number
  /** The server's rule for periods, given a way to its budgets. */
  periodOf(findBudget: FindBudget): PeriodOf
  /** Told of the day, before anything is changed: what throws here stops it. */
  archive(before: number): Promise<void>
}

export type Pruned = {
  /** The day from which on all rows are kept, milliseconds. */
  readonly before: number
  /** Rows that are gone now. */
  readonly rows: number
  /**
   * Why that is earlier than was asked for: a period began then that still runs, or rows from then
   * on are still to be sent to a billing system. Null: it is not.
   */
  readonly heldBackBy: 'period' | 'export' | null
}

/** How long a transaction may wait for that of a server, milliseconds. */
const LOCK_WAIT_MS = 10_000

/** Rows of a transaction, some 20 ms: a server beside it must not wait for long. */
const SLICE_ROWS = 1_000

/** Between two transactions, milliseconds: for whoever waits to have their turn. */
const PAUSE_MS = 5

/**
 * Removes rows of the ledger that settled before a day, also beside a live server. The sums of
 * their days stay (`daily` and those for charts), and stand for them in what customers and keys
 * have spent. A period that still runs keeps its rows, and so does what is still to be sent to a
 * billing system. Stopped in the midst, the books balance all
 * the same, and the next call goes on. Throws `UnusableDatabase`.
 */
export async function prune(order: PruneOrder): Promise<Pruned> {
  const { path } = order
  try {
    const database = await openDatabase(path, 'readwrite')
    try {
      database.exec(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`)
      requireThisSchema(database, path)
      await sumUpLeft(database, path)
      return await pruneIn(database, order)
    } finally {
      database.close()
    }
  } catch (error) {
    throw unusable(error, path)
  }
}

/**
 * What is pruned has to be in the sums that stand for it. What was left before it began, a live
 * server has seen to.
 */
async function sumUpLeft(database: Database, path: string) {
  const unlock = await lockDatabase(lookAtFile(path)!.realPath).catch(() => null)
  if (unlock === null) return
  try {
    sumUpIn(database)
  } finally {
    unlock()
  }
}

async function pruneIn(database: Database, order: PruneOrder): Promise<Pruned> {
  const asked = dayOf(order.before) * DAY_MS
  const running = dayOf(firstOfRunning(database, order)) * DAY_MS
  const known = database.prepare('SELECT before FROM pruned').get()!['before'] as number
  const unsent = dayOf(firstOf(database, UNREAD_IDS)) * DAY_MS
  // What a live server has not summed is of the last seconds, unless the clock has jumped.
  const unsummed = dayOf(firstOf(database, UNSUMMED_IDS)) * DAY_MS
  const before = Math.max(known, Math.min(asked, running, unsent, unsummed))
  await order.archive(before)
  await letGoOfOldPeriods(database, before)
  database.prepare('UPDATE pruned SET before = ?1').run(before)
  const byExport = unsent < Math.min(asked, running) ? 'export' : null
  const heldBackBy = running < asked ? (byExport ?? 'period') : byExport
  return { before, rows: await removeRows(database, before), heldBackBy }
}

/** When the first of some rows settled, milliseconds. `ids` is SQL. */
function firstOf(database: Database, ids: string): number {
  const first = database.prepare(`SELECT min(settled_at) AS at FROM ledger WHERE id IN (${ids})`)
  return (first.get()!['at'] as number | null) ?? Number.MAX_SAFE_INTEGER
}

/** When the first of the periods began that still run, of budgets and of single models in them. */
function firstOfRunning(database: Database, { now, periodOf }: PruneOrder): number {
  const budgets = budgetTable(database)
  const periods = periodOf((id) => budgets.find(id))
  const starts = [periods(null, now).start]
  for (const { id } of database.prepare('SELECT id FROM budgets').all()) {
    const budget = budgets.find(id as string)!
    starts.push(periods(budget, now).start)
    for (const { duration } of Object.values(budget.modelMaxBudget ?? {})) {
      if (duration !== null) starts.push(periods({ ...budget, duration, resetAt: null }, now).start)
    }
  }
  // A period without an end has no beginning either, and is summed from days as well.
  return Math.min(now, ...starts.filter((start) => start > 0))
}

/**
 * A sum that was cached in a period that is over may be of a part of a day, which the sums of days
 * cannot give: the next look at its customer or key sums anew for the period that runs then.
 */
async function letGoOfOldPeriods(database: Database, before: number) {
  const tables = [
    { name: 'customers', id: 'tab', more: ", told = '[]'" },
    { name: 'keys', id: 'id', more: '' },
  ]
  for (const { name, id, more } of tables) {
    const reset = database.prepare(`
      UPDATE ${name} SET period_start = 0, spent = total_spent${more}
      WHERE ${id} BETWEEN ?1 AND ?2 AND period_start > 0 AND period_start < ?3`)
    const last = database.prepare(`SELECT coalesce(max(${id}), 0) AS last FROM ${name}`).get()!
    for (let from = 1; from <= (last['last'] as number); from += SLICE_ROWS) {
      reset.run(from, from + SLICE_ROWS - 1, before)
      await pause()
    }
  }
}

async function removeRows(database: Database, before: number): Promise<number> {
  const next = database.prepare(`
    SELECT id, tab, settled_at, cost, charge FROM ledger WHERE settled_at < ?1 ORDER BY settled_at
    LIMIT ${SLICE_ROWS}`)
  const remove = database.prepare('DELETE FROM ledger WHERE id = ?1')
  const removeOfTab = tabRowRemover(database)
  const count = database.prepare(
    'UPDATE pruned SET rows = rows + ?1, cost = cost + ?2, charge = charge + ?3',
  )
  for (let removed = 0; ; ) {
    database.exec('BEGIN IMMEDIATE')
    const rows = next.all(before)
    for (const row of rows) {
      remove.run(row['id']!)
      removeOfTab(row)
    }
    count.run(rows.length, sum(rows, 'cost'), sum(rows, 'charge'))
    database.exec('COMMIT')
    removed += rows.length
    if (rows.length < SLICE_ROWS) return removed
    await pause()
  }
}

const sum = (rows: readonly SqlRow[], column: string): number =>
  rows.reduce((total, row) => total + (row[column] as number), 0)

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS))

/** Where the sums of pruned days do not agree with what was pruned, or with each other. */
export function wrongPruned(database: Database): string[] {
  const { rows, sums } = database
    .prepare(`
      SELECT
        (SELECT charge FROM pruned) + (SELECT coalesce(sum(charge), 0) FROM ledger
          WHERE settled_at < ${BEFORE}) AS rows,
        (SELECT coalesce(sum(charge), 0) FROM daily WHERE day < ${BEFORE} / ${DAY_MS}) AS sums`)
    .get() as { rows: Nanos; sums: Nanos }
  const total =
    rows === sums
      ? []
      : [`pruned rows came to ${dollarsText(rows)}, and their days sum to ${dollarsText(sums)}`]
  const parts = ROLLUPS.flatMap(({ table, day, called }) =>
    database
      .prepare(`
        SELECT day, sum(charge) AS charge, sum(cost) AS cost, sum(calls) AS calls FROM (
          SELECT day, charge, cost, calls FROM daily WHERE day < ${BEFORE} / ${DAY_MS}
          UNION ALL SELECT ${day}, -charge, -cost, -calls FROM ${table}
            WHERE ${day} < ${BEFORE} / ${DAY_MS})
        GROUP BY day HAVING sum(charge) <> 0 OR sum(cost) <> 0 OR sum(calls) <> 0`)
      .all()
      .map((row) => `day ${dayText(row['day'] as number)}, pruned: its sums ${called} differ`),
  )
  return [...total, ...parts]
}
