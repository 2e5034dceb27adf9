/**
 * What a call costs by how much there is: `bun run build && bun test/bench/scale.ts
 * [--rows 10000 --rows 10000000] [--rounds 5] [--seconds 3] [--folder FOLDER] [--keep]`.
 *
 * How it avoids fooling itself: the databases are filled by `fill.ts`, a tenth as many customers as
 * rows, two thirds of them with a budget; a server of its own has each, all at once and against one
 * upstream, and rounds are interleaved, so that a slow minute falls on all; calls go to all
 * customers at random, so that most of a million come from disk; every answer is a 200 or the run
 * fails.
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
  readonly rounds: Round[]
}

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
  return { rows, customers, server, startMs, rounds: [] }
}

async function expectOk(server: Server, path: string, json: unknown) {
  const { status, text } = await server.ask(path, { json })
  if (status !== 200) throw new Error(`${path} answered ${status}: ${text}`)
}

async function round({ server, customers, rounds }: Sized, seconds: number) {
  const load = { pid: server.pid, url: server.url, key: server.key, mode: 'plain' as const }
  const whose = { customers: PREFIX, customerCount: customers }
  const found = await drive({ ...load, ...whose, seconds, connections: 64 })
  if (found.errors > 0) throw new Error(`${found.errors} errors with ${customers} customers`)
  rounds.push(found)
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, in ${folder}`)
const upstream = await start('upstream.ts')
const all: Sized[] = []
for (const rows of values.rows) all.push(await serve(Number(rows), upstream.url))
for (const sized of all) {
  await round(sized, 2)
  sized.rounds.length = 0
}
for (let n = 0; n < Number(values.rounds); n++) {
  for (let at = 0; at < all.length; at++)
    await round(all[(n + at) % all.length]!, Number(values.seconds))
}
const of = ({ rounds }: Sized, what: (round: Round) => number) => median(rounds.map(what))
const rate = (sized: Sized) => of(sized, ({ requestsPerSecond }) => requestsPerSecond)
console.table(
  all.map((sized) => ({
    rows: sized.rows,
    customers: sized.customers,
    'calls/s': Math.round(rate(sized)),
    share: (rate(sized) / rate(all[0]!)).toFixed(2),
    'round by round': sized.rounds
      .map(({ requestsPerSecond }, n) =>
        (requestsPerSecond / all[0]!.rounds[n]!.requestsPerSecond).toFixed(2),
      )
      .join(' '),
    'CPU µs a call': Math.round(of(sized, ({ cpuUs }) => cpuUs ?? 0)),
    'p99 ms': of(sized, ({ p99Ms }) => p99Ms).toFixed(1),
    'start ms': Math.round(sized.startMs),
    'memory MB': Math.round(memoryMb(sized.server)),
  })),
)
const most = all.at(-1)!
const verdicts = [
  ['throughput at least 0.9 of the smallest', rate(most) / rate(all[0]!) >= SHARE_LEAST],
  ['start in less than 1 s', most.startMs < START_MS_MOST],
  ['memory under 300 MB', memoryMb(most.server) < MEMORY_MB_MOST],
] as const
for (const [what, isMet] of verdicts) console.log(`${isMet ? 'met    ' : 'not met'}  ${what}`)
for (const { server } of all) await server.stop()
await upstream.stop()
if (!values.keep) rmSync(folder, { recursive: true })
