import { Database as BunDatabase } from 'bun:sqlite'
import { copyFileSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monotonicFactory } from 'ulid'
import type { Changed } from '../../src/gateway/accounts.ts'
import type { Budget } from '../../src/ledger/budget.ts'
import { type Nanos, nanos, ZERO } from '../../src/ledger/money.ts'
import { type Period, periodAt, WHOLE_LIFE } from '../../src/ledger/period.ts'
import { amountsOf, type LedgerRow, type Settlement } from '../../src/ledger/settlement.ts'
import { TOKEN_KINDS } from '../../src/metering/usage.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import type { Durability } from '../../src/store/open.ts'
import { migrate } from '../../src/store/schema.ts'
import { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'

/** A folder of its own for a test's files. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'tollgate-'))

/** The server's rule for periods, in UTC unless a budget says otherwise. */
export const periodOf = (budget: Budget | null, now: number): Period =>
  budget === null
    ? WHOLE_LIFE
    : periodAt({ ...budget, timezone: budget.timezone ?? 'UTC', weekStart: 1, dayOfMonth: 1 }, now)

export const newId = monotonicFactory()

/** A store on a fresh file, with a clock that the test sets. */
export async function openStore(at: { path?: string; now?: number; durability?: Durability } = {}) {
  const clock = { now: at.now ?? Date.UTC(2026, 0, 15, 12) }
  const changes: Changed[] = []
  const path = at.path ?? join(newFolder(), 'tollgate.db')
  const store = await Store.open({
    path,
    durability: at.durability ?? 'process',
    periodOf,
    now: () => clock.now,
    newId: () => newId(clock.now),
    changed: (what) => void changes.push(what),
  })
  return { store, path, clock, changes }
}

/** Makes the sums that lag behind their rows, as they are two seconds later. */
export const sumUp = (store: Store) => store.reports.days({ first: 0, last: 0 }, null)

/** What the file would be if the process died now: nothing is closed. */
export function copyAsIs(path: string): string {
  const copy = join(newFolder(), 'tollgate.db')
  for (const end of ['', '-wal']) {
    if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, `${copy}${end}`)
  }
  return copy
}

/** What `verify` finds, a line each, once somebody has changed the closed file by some SQL. */
export async function faultsAfter(path: string, sql: string): Promise<string> {
  using database = new BunDatabase(path)
  database.run(sql)
  return (await verify(path)).faults.join('\n')
}

/**
 * A file of an earlier schema with customer 1, `a`, who has spent 5 nano-dollars, and rows of its
 * ledger, of 5 nano-dollars each.
 */
export async function olderDatabase(
  upTo: number,
  rows: readonly { readonly id: string; readonly tab: number | null }[],
) {
  const path = join(newFolder(), 'tollgate.db')
  const database = await openDatabase(path, 'readwrite')
  migrate(database, upTo)
  database.prepare('INSERT INTO prices VALUES (1, ?1)').run(NANO_A_TOKEN)
  database.exec(`
    INSERT INTO customers
      (tab, id, blocked, metadata, spent, total_spent, period_start, told, created_at, updated_at)
      VALUES (1, 'a', 0, '{}', 5, 5, 0, '[]', 0, 0)`)
  const insert = database.prepare(`
    INSERT INTO ledger
      (id, tab, customer_id, model, deployment, outcome, usage_source, price_id, cost, charge,
        counted, started_at, settled_at, input, cached_input, cache_write, input_audio, output,
        reasoning, output_audio)
      VALUES (?1, ?2, 'a', 'demo', 'demo#1', 'ok', 'upstream', 1, 5, 5, 5, 0, 0, 5, 0, 0, 0, 0, 0, 0)`)
  for (const { id, tab } of rows) insert.run(id, tab)
  return { path, database }
}

/** The path of a database with so many customers, closed in good order. */
export async function madeDatabase(customers = 1): Promise<string> {
  const { store, path } = await openStore()
  const ids = Array.from({ length: customers }, (_, n) => `customer-${n}`)
  await store.setBlocked(ids, false)
  store.close()
  return path
}

/** So that a row of any charge explains itself. */
export const NANO_A_TOKEN = JSON.stringify({
  rates: {
    ...Object.fromEntries(TOKEN_KINDS.map((kind) => [kind, ZERO])),
    input: nanos(1_000_000),
  },
  tiers: [],
  source: 'test',
})

/** A call of `charge` on a customer's tab, settled at `settledAt`. */
export function charged(
  customer: { tab: number; id: string } | null,
  call: { charge: Nanos; settledAt: number; periodStart?: number; told?: string[] },
): Settlement {
  const row: LedgerRow = {
    id: newId(),
    tab: customer?.tab ?? null,
    customerId: customer?.id ?? null,
    keyId: null,
    model: 'demo',
    deployment: 'demo#1',
    outcome: 'ok',
    usageSource: 'upstream',
    usage: { input: call.charge },
    price: NANO_A_TOKEN,
    ...amountsOf(call.charge),
    startedAt: call.settledAt,
    settledAt: call.settledAt,
  }
  if (customer === null) return { row, after: null, key: null }
  const account = { limit: null, spent: call.charge, held: ZERO }
  const sums = { account, totalSpent: call.charge, periodStart: call.periodStart ?? 0 }
  return { row, after: { ...sums, crossed: [], told: call.told ?? [] }, key: null }
}
