/**
 * What a call costs by how much there is: `bun run build && bun test/bench/scale.ts
 * [--rows 10000 --rows 10000000] [--rounds 5] [--seconds 3] [--folder FOLDER] [--keep]`.
 *
 * How it avoids fooling itself: the databases are filled by `fill.ts`, a tenth as many customers as
 * rows, two thirds of them with a budget; a server of its own has each, all at once and against one
 * upstream, and rounds are interleaved, so that a slow minute falls on all. Calls are of customers
 * by rank, as the rows are: the first calls twice as often as the second; and of all at random, so
 * that of a million nearly each comes from disk. Every answer is a 200 or the run fails.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Server, startServer } from '../support/server.ts'
import { fill, PREFIX, TIERS } from './fill.ts'
import { configFor, start } from './targets.ts'
import { median } from './verdict.ts'
import { drive, type Round } from './wrk.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', multiple: true, default: ['10000', '10000000'] },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    folder: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'tollgate-scale-'))
const SHARE_LEAST = 0.9
const START_MS_MOST = 1_000
const MEMORY_MB_MOST = 300

type Sized = {
  readonly rows: number
  readonly customers: number
  readonly server: Server
  readonly startMs: number
  readonly rounds: Record<Turn, Round[]>
}

const TURNS = ['by rank', 'at random'] as const
type Turn = (typeof TURNS)[number]

const memoryMb = ({ pid }: Server) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

async function serve(rows: number, upstream: string): Promise<Sized> {
  const own = join(folder, String(rows))
  mkdirSync(own, { recursive: true })
  const path = join(own, 'tollgate.db')
  const customers = Math.max(1, Math.floor(rows / 10))
  if (!values.keep || !existsSync(path)) await fill(path, { rows, customers, now: Date.now() })
  const options = { folder: own, config: configFor(upstream), command: ['bun', 'dist/tollgate.js'] }
  // The first start may still bring an older file up to date.
  await (await startServer(options)).stop()
  const launchedAt = performance.now()
  const server = await startServer(options)
  const startMs = performance.now() - launchedAt
  // Those who have called most are past what their tier was.
  for (const { id } of TIERS) {
    await expectOk(server, '/budget/update', { budget_id: id, max_budget: 1_000_000 })
  }
  const blocked = Array.from(
    { length: customers / 1_000 },
    (_, n) => `${PREFIX}-${(n + 1) * 1_000}`,
  )
  for (let n = 0; n < blocked.length; n += 500) {
    await expectOk(server, '/customer/unblock', { user_ids: blocked.slice(n, n + 500) })
  }
  return { rows, customers, server, startMs, rounds: { 'by rank': [], 'at random': [] } }
}

async function expectOk(server: Server, path: string, json: unknown) {
  const { status, text } = await server.ask(path, { json })
  if (status !== 200) throw new Error(`${path} answered ${status}: ${text}`)
}

async function round({ server, customers }: Sized, of: Turn, seconds: number): Promise<Round> {
  const load = { pid: server.pid, url: server.url, key: server.key, mode: 'plain' as const }
  const turn = of === 'by rank' ? of : 'in turn'
  const whose = { customers: PREFIX, customerCount: customers, turn } as const
  const found = await drive({ ...load, ...whose, seconds, connections: 64 })
  if (found.errors > 0) throw new Error(`${found.errors} errors with ${customers} customers`)
  return found
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, in ${folder}`)
const upstream = await start('upstream.ts')
const all: Sized[] = []
for (const rows of values.rows) all.push(await serve(Number(rows), upstream.url))
for (const turn of TURNS) {
  // Twice: at the end of the first, wrk hangs up, and the tokenizer is loaded for those calls.
  for (const sized of [...all, ...all]) await round(sized, turn, 1)
  for (let n = 0; n < Number(values.rounds); n++) {
    for (let at = 0; at < all.length; at++) {
      const sized = all[(n + at) % all.length]!
      sized.rounds[turn].push(await round(sized, turn, Number(values.seconds)))
    }
  }
}
const rateOf = ({ rounds }: Sized, turn: Turn) =>
  median(rounds[turn].map(({ requestsPerSecond }) => requestsPerSecond))
const shareOf = (sized: Sized, turn: Turn) => rateOf(sized, turn) / rateOf(all[0]!, turn)
const cells = (sized: Sized, turn: Turn) => {
  const rounds = sized.rounds[turn]
  const shares = rounds.map(
    ({ requestsPerSecond }, n) => requestsPerSecond / all[0]!.rounds[turn][n]!.requestsPerSecond,
  )
  return {
    rows: sized.rows,
    customers: sized.customers,
    calls: turn,
    'calls/s': Math.round(rateOf(sized, turn)),
    share: shareOf(sized, turn).toFixed(2),
    'round by round': shares.map((share) => share.toFixed(2)).join(' '),
    'CPU µs a call': Math.round(median(rounds.map(({ cpuUs }) => cpuUs ?? 0))),
    'p99 ms': median(rounds.map(({ p99Ms }) => p99Ms)).toFixed(1),
    'start ms': Math.round(sized.startMs),
    'memory MB': Math.round(memoryMb(sized.server)),
  }
}
console.table(TURNS.flatMap((turn) => all.map((sized) => cells(sized, turn))))
const most = all.at(-1)!
const verdicts = [
  ...TURNS.map(
    (turn) => [`throughput, ${turn}, at least 0.9`, shareOf(most, turn) >= SHARE_LEAST] as const,
  ),
  ['start in less than 1 s', most.startMs < START_MS_MOST],
  ['memory under 300 MB', memoryMb(most.server) < MEMORY_MB_MOST],
] as const
for (const [what, isMet] of verdicts) console.log(`${isMet ? 'met    ' : 'not met'}  ${what}`)
for (const { server } of all) await server.stop()
await upstream.stop()
if (!values.keep) rmSync(folder, { recursive: true })
