/**
 * Ten minutes of mixed load: `bun test/bench/soak.ts [--minutes 10] [--rate 1500] [--idle 2000]`.
 *
 * Plain calls, streams, clients that hang up, upstreams that fail, refusals, reports, and 2,000
 * streams that are held open all the while. Prints memory, open files and latency every 15 s. It
 * fails when an answer is not what it must be, when memory at the end is not within a tenth of
 * that at minute 2, when something is still held at the end, or when the books do not balance.
 *
 * The load is paced, and bounded by its workers, so that it measures the server and not itself;
 * if it cannot keep up, the column `calls/s` says so.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { verify } from '../../src/store/verify.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { launch } from '../support/process.ts'
import { startServer } from '../support/server.ts'
import { startUpstream } from '../support/upstream.ts'
import { holdOpen } from './held-streams.ts'
import { mixedLoad } from './mixed-load.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1500' },
    idle: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '48' },
  },
})
const minutes = Number(values.minutes)
const idle = Number(values.idle)
const LINE_MS = 15_000
/** Warm by then; of a shorter run, a fifth. */
const REFERENCE_MINUTE = Math.min(2, minutes / 5)
const GROWTH_MAX = 0.1
/** Samples that are put together for a figure: memory goes up and down with the collector. */
const SAMPLES = 4

const fast = await launch(
  [process.execPath, `${import.meta.dir}/upstream.ts`, '--port', '0', '--chunks', '12'],
  { env: { PATH: process.env['PATH'] ?? '' }, folder: import.meta.dir },
)
await using awkward = await startUpstream({ isStrict: false, keepsCalls: false })
const deployment = (name: string, url: string) =>
  `- {model_name: ${name}, litellm_params: {model: openai/${name}, api_base: "${url}", ` +
  'api_key: sk-x, timeout: 86400, input_cost_per_token: 3e-6, output_cost_per_token: 15e-6}}\n'
await using server = await startServer({
  config:
    `model_list:\n${deployment('fast', `${fast.url}/v1`)}` +
    `${deployment('awkward', awkward.url)}${deployment('held', awkward.url)}`,
})

const memoryMb = () => {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { rss: kb('VmRSS') / 1024, own: kb('RssAnon') / 1024 }
}
const openFiles = () => readdirSync(`/proc/${server.pid}/fd`).length

const gate = new Gate()
const before = memoryMb().rss
awkward.always({ deltas: 9, holds: [{ gate, at: { events: 4 } }] })
const held = await holdOpen(server, idle)
awkward.always({})
const perStream = ((memoryMb().rss - before) * 1024) / Math.max(1, idle)
console.log(`${idle} streams are held open: ${perStream.toFixed(0)} KB each, ${openFiles()} files`)

const load = mixedLoad(server, awkward, {
  rate: Number(values.rate),
  workers: Number(values.workers),
})
console.log('minute |  RSS MB | own MB | files |   calls | calls/s | p50 ms | p99 ms | wrong')
const startedAt = performance.now()
const samples: { readonly minute: number; readonly rss: number }[] = []
while (performance.now() - startedAt < minutes * 60_000) {
  await new Promise((resolve) => setTimeout(resolve, LINE_MS))
  const minute = (performance.now() - startedAt) / 60_000
  const { rss, own } = memoryMb()
  samples.push({ minute, rss })
  const { calls, perSecond, p50, p99, wrong } = load.window()
  const cells = [
    minute.toFixed(2).padStart(6),
    rss.toFixed(1).padStart(7),
    own.toFixed(1).padStart(6),
    String(openFiles()).padStart(5),
    String(calls).padStart(7),
    perSecond.toFixed(0).padStart(7),
    p50.toFixed(2).padStart(6),
    p99.toFixed(2).padStart(6),
    String(wrong),
  ]
  console.log(cells.join(' | '))
}
await load.stop()

gate.open()
const ended = await held.ended()
const reservations = async () => {
  const { text } = await server.ask('/metrics')
  return Number(/^tollgate_held_reservations (\d+)/m.exec(text)?.[1] ?? Number.NaN)
}
await eventually(
  async () => {
    if ((await reservations()) !== 0) throw new Error('money is still held')
  },
  { deadlineMs: 30_000 },
)
const code = await server.stop()
await fast.kill()
const { rows, faults } = await verify(server.databasePath)

const meanOf = (some: typeof samples) => some.reduce((sum, { rss }) => sum + rss, 0) / some.length
const early = samples.filter(({ minute }) => minute >= REFERENCE_MINUTE).slice(0, SAMPLES)
const late = samples.slice(-SAMPLES)
const growth = meanOf(late) / meanOf(early) - 1
const { total, wrongs } = load.totals()
console.log(`answers: ${JSON.stringify(Object.fromEntries(total))}`)
for (const wrong of wrongs.slice(0, 10)) console.log(`wrong: ${wrong}`)
console.log(`held streams that ended whole: ${ended} of ${idle}; the server's exit code: ${code}`)
console.log(`verify: ${rows} ledger rows, ${faults.length} faults`)
console.log(
  `memory from minute ${early[0]?.minute.toFixed(1)} (${meanOf(early).toFixed(1)} MB) to the end ` +
    `(${meanOf(late).toFixed(1)} MB): ${(growth * 100).toFixed(1)} %`,
)
const isFlat = Math.abs(growth) <= GROWTH_MAX
const isRight = wrongs.length === 0 && ended === idle && faults.length === 0 && code === 0
console.log(`VERDICT: ${isFlat && isRight ? 'passed' : 'FAILED'}`)
process.exit(isFlat && isRight ? 0 : 1)
