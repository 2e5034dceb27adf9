import { dayText } from '../ledger/day.ts'
import { dollarsText, type Nanos } from '../ledger/money.ts'
import { type Database, openDatabase, type SqlRow, troubleOf } from '../runtime/sqlite.ts'
import { wrongCorrections } from './corrections.ts'
import { wrongCredit } from './credit-proof.ts'
import { wrongCounts } from './customer-counts.ts'
import { wrongDays } from './daily.ts'
import { wrongPruned } from './prune.ts'
import { chargedBetween } from './pruned.ts'
import { wrongRollups } from './rollups.ts'
import { overAllowance, wrongAmounts } from './row-proof.ts'
import { requireThisSchema } from './schema.ts'
import { wrongTabRows } from './tab-rows.ts'
import { UnusableDatabase, unusable } from './trouble.ts'

/** What a look through the whole database found. */
export type Verdict = {
  readonly customers: number
  readonly rows: number
  /** Rows that were pruned: only the sums of their days are there. */
  readonly pruned: number
  /** Calls under way, or left by a process that died; the next start settles those. */
  readonly open: number
  /** Sum of all charges. */
  readonly charged: Nanos
  /** A sentence for each thing that does not agree; empty: the books balance. */
  readonly faults: readonly string[]
}

/** Findings of SQLite's that are told: one broken page can make thousands. */
const DAMAGE_MAX = 20

/**
 * Proves that the books balance: that the file is whole, that the spend of every customer and of
 * every key is the sum of its ledger rows, that every row is on a tab and of a key that exists and
 * is found by its tab, that every row's cost is its usage at its prices and its charge what its
 * rate card makes of it, that wallets are what came in and went out of them, to the last charge,
 * and that the sums of days and hours are those of their rows. Throws `UnusableDatabase` for a file
 * that is damaged, or is none of ours.
 *
 * Reads in one transaction, so it can be run beside a live server, and changes nothing. `called` is
 * what it speaks of, when that is not the file itself.
 */
export async function verify(path: string, called = path): Promise<Verdict> {
  try {
    const database = await openDatabase(path, 'readonly')
    try {
      return look(database, called)
    } finally {
      database.close()
    }
  } catch (error) {
    throw unusable(error, called)
  }
}

function look(database: Database, path: string): Verdict {
  database.exec('BEGIN')
  const damage = damageIn(database)
  if (damage.length > 0) {
    throw new UnusableDatabase(
      [...damage, `The database ${path} is damaged: put a backup in its place.`].join('\n'),
    )
  }
  requireThisSchema(database, path)
  const faults = [
    ...wrongSums(database),
    ...strayRows(database),
    ...wrongTabRows(database),
    ...wrongAmounts(database),
    ...overAllowance(database),
    ...wrongSumsOfDays(database),
    ...wrongSumsOfCharts(database),
    ...wrongCounts(database),
    ...wrongPruned(database),
    ...wrongCredit(database),
    ...wrongCorrections(database),
  ]
  const totals = database
    .prepare(
      `SELECT (SELECT count(*) FROM customers) AS customers, count(*) AS rows,
         (SELECT count(*) FROM open_calls) AS open, (SELECT rows FROM pruned) AS pruned,
         coalesce(sum(charge), 0) + (SELECT charge FROM pruned) AS charged
       FROM ledger`,
    )
    .get()!
  // `bun:sqlite` closes a file when its statements are collected: the transaction must not last.
  database.exec('COMMIT')
  return {
    customers: totals['customers'] as number,
    rows: totals['rows'] as number,
    open: totals['open'] as number,
    pruned: totals['pruned'] as number,
    charged: totals['charged'] as Nanos,
    faults,
  }
}

/** What SQLite itself finds wrong with the file; pages are named by the table they are of. */
function damageIn(database: Database): string[] {
  const lines = findings(database, DAMAGE_MAX)
    .flatMap((row) => String(row['integrity_check']).split('\n'))
    .filter((line) => line !== 'ok' && !line.startsWith('***'))
  const name = database.prepare('SELECT name FROM sqlite_schema WHERE rootpage = ?1')
  return lines.map((line) =>
    line.replace(/^Tree (\d+)/, (tree, page) => String(name.get(Number(page))?.['name'] ?? tree)),
  )
}

/** The check itself may stumble over what it has found; it stops before that when one is enough. */
function findings(database: Database, most: number): SqlRow[] {
  try {
    return database.prepare(`PRAGMA integrity_check(${most})`).all()
  } catch (error) {
    if (troubleOf(error) !== 'damaged' || most === 1) throw error
    return findings(database, 1)
  }
}

const wrongSums = (database: Database): string[] => [
  ...wrongSumsOf(database, {
    table: 'customers',
    name: 'id',
    id: 'tab',
    column: 'tab',
  }),
  ...wrongSumsOf(database, {
    table: 'keys',
    name: 'name',
    id: 'id',
    column: 'key_id',
  }),
]

/** Cached sums of a table against those of its rows; `column` is what names it with these. */
function wrongSumsOf(
  database: Database,
  {
    table,
    name,
    id,
    column,
  }: Readonly<Record<'table' | 'name' | 'id', string>> & {
    readonly column: 'tab' | 'key_id'
  },
): string[] {
  const of = `${table}.${id}`
  const rows = database
    .prepare(`
      SELECT * FROM (
        SELECT ${name} AS name, deleted_at, spent, total_spent,
          ${chargedBetween(column, { of, since: '0', amount: 'charge' })} AS total,
          ${chargedBetween(column, { of, since: 'period_start' })} AS since
        FROM ${table})
      WHERE total_spent <> total OR spent <> since`)
    .all()
  return rows.map((row) => {
    const deleted = row['deleted_at'] === null ? '' : ' (deleted)'
    const say = (amount: string) => dollarsText(row[amount] as Nanos)
    return (
      `${table.slice(0, -1)} ${row['name']}${deleted}: ` +
      `spend is ${say('spent')} and its ledger rows sum to ${say('since')}; ` +
      `in all ${say('total_spent')} and ${say('total')}`
    )
  })
}

function strayRows(database: Database): string[] {
  const strays = (column: string, home: string) =>
    database
      .prepare(
        `SELECT id, ${column} AS number FROM ledger
         WHERE ${column} IS NOT NULL AND ${column} NOT IN (${home}) LIMIT 100`,
      )
      .all()
  return [
    ...strays('tab', 'SELECT tab FROM customers').map(
      ({ id, number }) => `ledger row ${id}: is on tab ${number}, which does not exist`,
    ),
    ...strays('key_id', 'SELECT id FROM keys').map(
      ({ id, number }) => `ledger row ${id}: is of key ${number}, which does not exist`,
    ),
  ]
}

function wrongSumsOfDays(database: Database): string[] {
  return wrongDays(database).map((row) => {
    const say = (of: string) =>
      `${row[`${of}calls`]} calls, ${row[`${of}tokens`]} tokens, ` +
      `${dollarsText(row[`${of}charge`] as Nanos)} dollars charged, ` +
      `${dollarsText(row[`${of}cost`] as Nanos)} cost`
    return (
      `day ${dayText(row['day'] as number)}: where they differ, its sums are ${say('')}, ` +
      `and those of its ledger rows ${say('rows_')}`
    )
  })
}

function wrongSumsOfCharts(database: Database): string[] {
  return wrongRollups(database).map((row) => {
    const say = (of: string) =>
      `${row[`${of}calls`]} calls (${row[`${of}failed_calls`]} failed), ` +
      `${row[`${of}prompt_tokens`]} and ${row[`${of}completion_tokens`]} tokens, ` +
      `${dollarsText(row[`${of}charge`] as Nanos)} dollars charged, ` +
      `${dollarsText(row[`${of}cost`] as Nanos)} cost`
    return (
      `day ${dayText(row['day'] as number)}: where they differ, its sums ${row.called} are ` +
      `${say('')}, and those of its ledger rows ${say('rows_')}`
    )
  })
}
