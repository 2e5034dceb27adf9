/**
 * A database of any size, fast: `bun test/bench/fill.ts PATH [ROWS] [CUSTOMERS]`.
 *
 * Rows go straight into the tables of an older schema, without the indices that only find them; the
 * migrations then make those, and all sums, of the rows. So a filled database is one that was
 * brought up to date, and `tollgate verify` agrees with it.
 */
import { nanos } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import { type Price, ratesWith } from '../../src/metering/price.ts'
import { KINDS, type Usage } from '../../src/metering/usage.ts'
import { type Database, openDatabase } from '../../src/runtime/sqlite.ts'
import { configure } from '../../src/store/open.ts'
import { migrate } from '../../src/store/schema.ts'

const DAY_MS = 86_400_000
const DAYS = 60
const MODELS = 12
const USAGES = 251
/** Before the sums of days, and after the ledger had all of its columns but those of other kinds. */
const SCHEMA_BEFORE_SUMS = 6

/** As the benches of calls name them. */
export const PREFIX = 'customer'
const idOf = (tab: number) => `${PREFIX}-${String(tab).padStart(4, '0')}`

/** One in so many customers is on each of the tiers; the rest are without a budget. */
export const TIERS = [
  { id: 'free', dollars: 5, duration: '1mo', oneIn: 2 },
  { id: 'pro', dollars: 50, duration: '1mo', oneIn: 3 },
  { id: 'scale', dollars: 5_000, duration: null, oneIn: 50 },
]

type Sums = { readonly total: Float64Array; readonly period: Float64Array }

/** Customers by how much they call, as 1/rank; 60 days until `now`; failures and unnamed calls. */
export async function fill(
  path: string,
  of: { readonly rows: number; readonly customers: number; readonly now: number },
) {
  const database = await openDatabase(path, 'readwrite')
  configure(database, 'process')
  database.exec('PRAGMA synchronous = OFF')
  database.exec('PRAGMA cache_size = -500000')
  migrate(database, SCHEMA_BEFORE_SUMS)
  const found = database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'ledger_by_%'")
    .all()
  for (const { name } of found) database.exec(`DROP INDEX ${name}`)
  const sums = fillLedger(database, of)
  fillCustomers(database, of, sums)
  for (const { sql } of found) database.exec(sql as string)
  migrate(database)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

const monthOf = (at: number) => Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth())

const tierOf = (tab: number) => TIERS.find(({ oneIn }) => tab % oneIn === 0) ?? null

/** The same numbers at each run: https://en.wikipedia.org/wiki/Linear_congruential_generator. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function fillLedger(
  database: Database,
  { rows, customers, now }: Parameters<typeof fill>[1],
): Sums {
  const price = database.prepare('INSERT INTO prices (id, snapshot) VALUES (?1, ?2)')
  const prices = Array.from({ length: MODELS }, (_, n): Price => {
    const rates = ratesWith({ input: nanos((n + 1) * 150e6), output: nanos((n + 1) * 600e6) })
    return { rates, tiers: [], source: `fill ${n}` }
  })
  const none = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Usage
  const usages = Array.from({ length: USAGES }, (_, n) => ({
    ...none,
    input: 50 + n * 7,
    cachedInput: n % 3 === 0 ? n * 11 : 0,
    output: 20 + n * 3,
  }))
  const costs = prices.map((of) => usages.map((usage) => costOf(usage, of)))
  const insert = database.prepare(`
    INSERT INTO ledger (id, tab, customer_id, model, deployment, outcome, usage_source, input,
      cached_input, cache_write, input_audio, output, reasoning, output_audio, price_id, cost,
      charge, started_at, settled_at)
    VALUES (?1, ?2, ?3, ?4, ?4, ?5, 'upstream', ?6, ?7, 0, 0, ?8, 0, 0, ?9, ?10, ?10, ?11, ?12)`)
  const sums = {
    total: new Float64Array(customers + 1),
    period: new Float64Array(customers + 1),
  }
  const random = randomFrom(7)
  const start = now - DAYS * DAY_MS
  const month = monthOf(now)
  database.exec('BEGIN')
  for (const [n, of] of prices.entries()) price.run(n + 1, JSON.stringify(of))
  for (let n = 0; n < rows; n++) {
    const settledAt = start + Math.floor((n / rows) * DAYS * DAY_MS)
    const tab = n % 100 === 0 ? null : Math.ceil(customers ** random())
    const model = Math.floor(random() ** 2 * MODELS)
    const which = Math.floor(random() * USAGES)
    const usage = usages[which]!
    const cost = costs[model]![which]!
    insert.run(
      String(n).padStart(26, '0'),
      tab,
      tab === null ? null : idOf(tab),
      `model-${model}`,
      n % 200 === 0 ? 'upstream_failed' : 'ok',
      usage.input,
      usage.cachedInput,
      usage.output,
      model + 1,
      cost,
      settledAt - 900,
      settledAt,
    )
    if (tab === null) continue
    sums.total[tab]! += cost
    if (settledAt >= month || tierOf(tab)?.duration !== '1mo') sums.period[tab]! += cost
  }
  database.exec('COMMIT')
  return sums
}

function fillCustomers(
  database: Database,
  { customers, now }: Parameters<typeof fill>[1],
  { total, period }: Sums,
) {
  const random = randomFrom(11)
  const start = now - DAYS * DAY_MS
  const insertTier = database.prepare(`
    INSERT INTO budgets (id, shared, max_budget, duration, created_at, created_by, updated_at,
      updated_by) VALUES (?1, 1, ?2, ?3, ?4, 'fill', ?4, 'fill')`)
  const insert = database.prepare(`
    INSERT INTO customers VALUES
      (?1, ?2, ?3, ?4, NULL, NULL, ?5, '{}', ?6, ?7, ?8, '[]', ?9, ?9, NULL)`)
  database.exec('BEGIN')
  for (const { id, dollars, duration } of TIERS) {
    insertTier.run(id, dollars * 1e9, duration, monthOf(start))
  }
  for (let tab = 1; tab <= customers; tab++) {
    const tier = tierOf(tab)
    insert.run(
      tab,
      idOf(tab),
      tab % 4 === 0 ? null : `Company ${Math.floor(random() * 1e6)} of ${tab % 97}`,
      tab % 1_000 === 0 ? 1 : 0,
      tier?.id ?? null,
      period[tab]!,
      total[tab]!,
      tier?.duration === '1mo' ? monthOf(now) : 0,
      start + tab,
    )
  }
  database.exec('COMMIT')
}

if (import.meta.main) {
  const [path, rows = '1000000', customers = '100000'] = process.argv.slice(2)
  if (path === undefined) throw new Error('usage: bun test/bench/fill.ts PATH [ROWS] [CUSTOMERS]')
  const startedAt = performance.now()
  await fill(path, { rows: Number(rows), customers: Number(customers), now: Date.now() })
  console.log(`${rows} rows in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)
}
