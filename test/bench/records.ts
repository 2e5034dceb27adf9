/**
 * What reports cost, and what it costs to have them: `bun test/bench/records.ts [ROWS] [FOLDER]`.
 *
 * How it avoids fooling itself: the rows are written by the server's own statements, of a thousand
 * customers, five models and thirty days, with keys and failures; the cost of a row is measured
 * with the reports' sums and indices and without them, on two files in turn in one run, each figure
 * the median of several rounds with the fastest and the slowest beside it; pages are read at
 * places spread over the whole file; the export is read by curl from a server that is a process
 * of its own, whose memory is the kernel's word (VmHWM), while another client asks `/health` all the time, and
 * the same is asked of the server at rest.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { nanos } from '../../src/ledger/money.ts'
import { amountsOf, type LedgerRow } from '../../src/ledger/settlement.ts'
import { type Database, openDatabase } from '../../src/runtime/sqlite.ts'
import { ledgerTable } from '../../src/store/ledger.ts'
import { configure } from '../../src/store/open.ts'
import { reports } from '../../src/store/reports.ts'
import { migrate } from '../../src/store/schema.ts'
import { startServer } from '../support/server.ts'
import { newId } from '../support/store.ts'

const ROWS = Number(process.argv[2] ?? 200_000)
const ROUNDS = 7
const ROUND_ROWS = 10_000
const BATCH = 10
/** At this pace the rounds are some two days: most rows add to sums that are there. */
const BUSY_ROWS = 1_000_000
const CUSTOMERS = 1_000
const DAYS = 30
const DAY_MS = 86_400_000
const START = Date.UTC(2026, 9, 1)

const folder = mkdtempSync(join(resolve(process.argv[3] ?? tmpdir()), 'tollgate-records-'))
const say = (line: string) => console.log(line)
const spread = (times: number[]) => {
  const sorted = times.toSorted((a, b) => a - b)
  const show = (value: number) => value.toFixed(2)
  return `${show(sorted[sorted.length >> 1]!)} (${show(sorted[0]!)}, ${show(sorted.at(-1)!)})`
}

async function made(path: string): Promise<Database> {
  const database = await openDatabase(path, 'readwrite')
  configure(database, 'process')
  migrate(database)
  database.exec('BEGIN')
  const customer = database.prepare(`
    INSERT INTO customers VALUES (?1, ?2, NULL, 0, NULL, NULL, NULL, '{}', 0, 0, 0, '[]', 0, 0, NULL)`)
  for (let n = 1; n <= CUSTOMERS; n++) customer.run(n, `customer-${n}`)
  database.exec('COMMIT')
  return database
}

/** A row number `n` of so many, spread over the days. */
function rowOf(n: number, of: number): LedgerRow {
  const settledAt = START + Math.floor((n / of) * DAYS * DAY_MS)
  const tab = 1 + ((n * 7919) % CUSTOMERS)
  const cost = nanos(1_000 + (n % 977))
  return {
    id: newId(settledAt),
    tab,
    customerId: `customer-${tab}`,
    keyId: null,
    model: `model-${n % 5}`,
    deployment: `deployment-${n % 5}`,
    outcome: n % 200 === 0 ? 'upstream_failed' : 'ok',
    usageSource: 'upstream',
    usage: { input: n % 1_000, output: n % 300 },
    price: 'unpriced',
    ...amountsOf(cost),
    startedAt: settledAt - 900,
    settledAt,
  }
}

/** Microseconds a row, in commits of ten as under load. */
function write(database: Database, from: number, { rows, of }: { rows: number; of: number }) {
  const ledger = ledgerTable(database)
  const [begin, commit] = ['BEGIN IMMEDIATE', 'COMMIT'].map((sql) => database.prepare(sql))
  const booked = Array.from({ length: rows }, (_, n) => rowOf(from + n, of))
  const startedAt = performance.now()
  for (let n = 0; n < rows; n += BATCH) {
    begin!.run()
    for (const row of booked.slice(n, n + BATCH)) {
      ledger.book({ row, after: { periodStart: 0, told: [] }, key: null })
    }
    ledger.unsummed.sum()
    ledger.unsummed.write()
    commit!.run()
    ledger.unsummed.committed()
  }
  return ((performance.now() - startedAt) / rows) * 1_000
}

/** The same file as it was before there were reports: without what finds rows, or also the sums. */
function without(database: Database, what: 'indices' | 'indices and sums'): Database {
  for (const name of ['time', 'outcome']) database.exec(`DROP INDEX ledger_by_${name}`)
  if (what === 'indices') return database
  const nothing = { run: () => {}, get: () => null, all: () => [] }
  const isSum = (sql: string) => /INSERT INTO (daily|hours|\w+_days)\b/.test(sql)
  return { ...database, prepare: (sql) => (isSum(sql) ? nothing : database.prepare(sql)) }
}

say(`${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, ${ROWS} rows, in ${folder}`)

const kinds = {
  'without reports': without(await made(join(folder, 'none.db')), 'indices and sums'),
  'with the sums of days': without(await made(join(folder, 'sums.db')), 'indices'),
  'with sums and indices': await made(join(folder, 'all.db')),
}
say('\na row, in commits of ten | \u00b5s (fastest, slowest)')
const times = Object.fromEntries(Object.keys(kinds).map((name) => [name, [] as number[]]))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, database] of Object.entries(kinds)) {
    const us = write(database, round * ROUND_ROWS, { rows: ROUND_ROWS, of: BUSY_ROWS })
    // The first warms up.
    if (round > 0) times[name]!.push(us)
  }
}
for (const [name, took] of Object.entries(times)) say(`${name} | ${spread(took)}`)
for (const database of Object.values(kinds)) database.close()

const path = join(folder, 'tollgate.db')
const database = await made(path)
for (let n = 0; n < ROWS; n += 50_000) {
  write(database, n, { rows: Math.min(50_000, ROWS - n), of: ROWS })
}
const { slices, days, daySums } = reports(database, async () => {})
const any = {
  customerId: null,
  key: null,
  model: null,
  outcome: null,
  from: 0,
  until: Number.MAX_SAFE_INTEGER,
}
const filters = {
  all: any,
  'a customer': { ...any, customerId: 'customer-77' },
  'a model': { ...any, model: 'model-3' },
  failed: { ...any, outcome: 'upstream_failed' as const },
}
say('\na page of 100, by how deep it is | ms (fastest, slowest)')
for (const [name, filter] of Object.entries(filters)) {
  for (const part of [1, 0.5, 0.01]) {
    const until = START + Math.floor(part * DAYS * DAY_MS) + 1
    const took: number[] = []
    for (let n = 0; n < 25; n++) {
      const startedAt = performance.now()
      const from = { after: null, order: 'newest first', rows: 101 } as const
      let count = 0
      for await (const { records } of slices({ ...filter, until }, from)) {
        count += records.length
        if (count > 100) break
      }
      if (count === 0) throw new Error(`no page of ${name}`)
      if (n > 4) took.push(performance.now() - startedAt)
    }
    say(`${name}, after ${Math.round((1 - part) * 100)} % | ${spread(took)}`)
  }
}
say('\na report of 30 days | ms (fastest, slowest)')
for (const [name, ids] of Object.entries({ everybody: null, 'a customer': ['customer-77'] })) {
  const took: number[] = []
  for (let n = 0; n < 5; n++) {
    const startedAt = performance.now()
    for (const day of await days({ first: 0, last: 99_999 }, ids)) {
      for await (const _ of daySums(day, { customerIds: ids, key: null, model: null }));
    }
    took.push(performance.now() - startedAt)
  }
  say(`${name} | ${spread(took)}`)
}
database.close()

/** Asks a server for its health until told to stop: milliseconds of each answer. */
function asker(url: string) {
  const took: number[] = []
  let isOver = false
  const asking = (async () => {
    while (!isOver) {
      const startedAt = performance.now()
      await (await fetch(`${url}/health/liveliness`)).text()
      took.push(performance.now() - startedAt)
    }
  })()
  return async () => {
    isOver = true
    await asking
    return took.toSorted((a, b) => a - b)
  }
}

const peakMb = (pid: number) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

await using server = await startServer({ folder })
const atRest = asker(server.url)
await new Promise((resolve) => setTimeout(resolve, 2_000))
const rest = await atRest()
const before = peakMb(server.pid)
const told = (took: number[]) =>
  `median ${took[took.length >> 1]!.toFixed(1)}, 99 % ${took[Math.floor(took.length * 0.99)]!.toFixed(1)}, slowest ${took.at(-1)!.toFixed(1)}`
say(`\nthe server at rest: ${before.toFixed(0)} MB; another client waits, ms: ${told(rest)}`)
for (const format of ['csv', 'jsonl']) {
  const stop = asker(server.url)
  const startedAt = performance.now()
  const address = `${server.url}/spend/logs/export?format=${format}`
  const read = ['curl', '-sN', '-H', `authorization: Bearer ${server.key}`, address]
  const curl = Bun.spawn(read, { stdout: 'pipe' })
  const count = Bun.spawn(['wc', '-lc'], { stdin: curl.stdout, stdout: 'pipe' })
  const [lines = 0, bytes = 0] = (await new Response(count.stdout).text())
    .trim()
    .split(/\s+/)
    .map(Number)
  const seconds = (performance.now() - startedAt) / 1_000
  say(
    `${format}: ${lines} lines, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s; ` +
      `its peak is ${peakMb(server.pid).toFixed(0)} MB; another client waits, ms: ${told(await stop())}`,
  )
}
// A reader that takes 2 MB a second, and one that takes nothing at all.
const address = `${server.url}/spend/logs/export?format=jsonl`
const slow = ['curl', '-sN', '--limit-rate', '2M', '-m', '5', '-o', '/dev/null']
await Bun.spawn([...slow, '-H', `authorization: Bearer ${server.key}`, address]).exited
say(`\nafter a slow reader the server's peak is ${peakMb(server.pid).toFixed(0)} MB`)
// In a shell of its own: a pipe to this process would be read into its memory, wanted or not.
const command = `${process.execPath} run src/main.ts export --db ${server.databasePath}`
const shell = Bun.spawn(['sh', '-c', `{ ${command} & echo $! >&2; wait; } | { sleep 6; wc -l; }`], {
  stdout: 'pipe',
  stderr: 'pipe',
})
const { value: pid } = await shell.stderr.getReader().read()
await new Promise((resolve) => setTimeout(resolve, 5_000))
const peak = peakMb(Number(new TextDecoder().decode(pid)))
say(`tollgate export whose output nobody takes for a while: ${peak.toFixed(0)} MB`)
say(`and then it is taken: ${(await new Response(shell.stdout).text()).trim()} lines`)
await server.stop()
rmSync(folder, { recursive: true })
