import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Process } from '../support/process.ts'
import type { Server } from '../support/server.ts'
import type { Served } from '../support/upstream.ts'
import { PEER, startPeer } from './peer.ts'
import { type Steady, sendSteadily } from './steady.ts'
import {
  CUSTOMERS,
  callWhole,
  customerId,
  INPUT_NANOS,
  OUTPUT_NANOS,
  peerTarget,
  sampleBytes,
  start,
  startTollgate,
  type Target,
} from './targets.ts'
import { type Line, median, rowOf, verdictOn, verdictOnAdded } from './verdict.ts'
import { drive, type Mode, peakMemoryOf, wrkVersion } from './wrk.ts'

/**
 * Tollgate beside a bare pass-through and another gateway: `bun run bench`.
 *
 * So as not to fool itself: all targets run in one run on one machine, against one upstream; each
 * is warmed up; rounds are interleaved, and begin with another target each time, so that a slow
 * minute of the machine falls on all; an answer of each is looked at before it is measured, an
 * error, or an answer shorter than that, in any round fails the run, and what Tollgate charged is
 * held against what the upstream served. The upstream, wrk and the target share the cores: read
 * the ratio, not the number. And the upstream by itself is measured too: a target near that line is
 * held up by it, and then only the CPU time a call tells the targets apart.
 *
 * The parts alone have benches of their own: `bun test/bench/admission.ts` (the pure middle),
 * `durability.ts` (rows to disk), `start.ts` (a start).
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
    chunks: { type: 'string', default: '54' },
    modes: { type: 'string', default: 'plain,streamed,prompt,mixed' },
    'no-peer': { type: 'boolean', default: false },
  },
})
const SECONDS = Number(values.seconds)
const ROUNDS = Number(values.rounds)
const CONNECTIONS = Number(values.connections)
const CHUNKS = Number(values.chunks)
const MODES = values.modes.split(',') as Mode[]
/** The compiler is done with what each call goes through after some 20,000 of them. */
const WARM_UP_SECONDS = 4
const STEADY = { perSecond: 1_000, seconds: SECONDS }
const NANOS_PER_DOLLAR = 1e9

const BARE = 'bare pass-through'
const BUNDLE = 'Tollgate, bundle'
const EXECUTABLE = 'Tollgate, executable'
const ROOT = join(import.meta.dir, '../..')

type Measured = Line & { readonly driven: Target }

async function measure(lines: readonly Measured[]) {
  const load = { seconds: SECONDS, connections: CONNECTIONS, customerCount: CUSTOMERS }
  const bytesLeast = new Map<Measured, number>()
  for (const line of lines) {
    const { driven, mode } = line
    bytesLeast.set(line, await sampleBytes(driven, mode, CHUNKS))
    await drive({ ...driven, mode, ...load, seconds: WARM_UP_SECONDS })
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const order = [...lines.slice(round % lines.length), ...lines.slice(0, round % lines.length)]
    for (const line of order) {
      const { driven, mode, rounds } = line
      const result = await drive({ ...driven, mode, ...load })
      rounds.push(result)
      const where = `${driven.name}, ${mode}, round ${round + 1}`
      if (result.errors > 0) throw new Error(`${where}: ${result.errors} errors`)
      const least = bytesLeast.get(line)!
      if (result.answerBytes < least) {
        throw new Error(`${where}: answers have ${result.answerBytes} bytes, not ${least}`)
      }
    }
  }
}

/** By target, round by round. */
async function measureSteadily(targets: readonly Target[]): Promise<Map<string, Steady[]>> {
  const found = new Map<string, Steady[]>(targets.map(({ name }) => [name, []]))
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const target of targets) {
      const steady = await sendSteadily(() => callWhole(target, CHUNKS), STEADY)
      // The first one warms up.
      if (round > 0) found.get(target.name)!.push(steady)
    }
  }
  return found
}

/**
 * Holds one customer's spend against what the upstream served it. They may differ by the calls that
 * wrk hung up on when a round ended: of such a call each of the two may know another half.
 */
async function checkBooks(tollgate: Server, upstream: Process, prefix: string): Promise<string> {
  const id = customerId(prefix, 1)
  const { json } = await tollgate.ask(`/customer/info?end_user_id=${id}`)
  const all = (await (await fetch(`${upstream.url}/served`)).json()) as Record<string, Served>
  const { input, output, calls } = all[id]!
  const expected = (input * INPUT_NANOS + output * OUTPUT_NANOS) / NANOS_PER_DOLLAR
  const said = `${id}: $${json.spend} on its tab, $${expected} served in ${calls} calls`
  const apart = Math.abs(json.spend / expected - 1) * calls
  const hungUp = MODES.length * (ROUNDS + 1)
  if (!(apart <= hungUp)) throw new Error(`The books are off. ${said}`)
  return said
}

function printMachine(tollgate: Server, wrk: string) {
  const cores = cpus()
  const fileSystem = spawnSync('stat', ['-f', '-c', '%T', tollgate.folder]).stdout.toString()
  const version = /Tollgate \S+/.exec(tollgate.output())?.[0]
  console.log(`${cores.length} cores, ${cores[0]?.model.trim()}; database on ${fileSystem.trim()}`)
  console.log(`${version}, Bun ${Bun.version}, wrk ${wrk}; ${process.platform} ${process.arch}`)
  console.log(
    `${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections, ${CUSTOMERS} customers with ` +
      `budgets; answers of ${CHUNKS} tokens`,
  )
}

function print(
  lines: readonly Measured[],
  targets: readonly Target[],
  steady: Map<string, Steady[]>,
) {
  const find = (target: string, mode: Mode) =>
    lines.find((line) => line.target === target && line.mode === mode)
  console.table(lines.map((line) => rowOf(line, find(BARE, line.mode)!)))
  console.table(
    targets.map(({ name, pid }) => {
      const column = (of: keyof Steady) => steady.get(name)?.map((round) => round[of])
      const [p50, p99] = [column('p50Ms'), column('p99Ms')]
      return {
        target: name,
        'peak memory MB': Math.round((peakMemoryOf(pid) ?? Number.NaN) / 1e6),
        [`p50 ms at ${STEADY.perSecond}/s`]: p50 === undefined ? '' : median(p50).toFixed(2),
        [`p99 ms at ${STEADY.perSecond}/s`]: p99 === undefined ? '' : median(p99).toFixed(2),
      }
    }),
  )
  const verdicts = MODES.flatMap((mode) =>
    verdictOn(find(BUNDLE, mode)!, find(BARE, mode)!, find(PEER, mode)),
  )
  const added = verdictOnAdded(steady.get(BUNDLE)!, steady.get(BARE)!)
  for (const verdict of [...verdicts, ...added]) console.log(verdict)
}

function build() {
  for (const script of ['build', 'compile']) {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, 'run', script], { cwd: ROOT })
    if (exitCode !== 0) throw new Error(`bun run ${script} failed:\n${stderr}`)
  }
}

async function main() {
  const wrk = wrkVersion()
  if (wrk === null) {
    console.error('wrk is not installed. On Debian: sudo apt-get install wrk')
    process.exit(1)
  }
  build()
  const upstream = await start('upstream.ts', '--chunks', values.chunks)
  const bare = await start('pass-through.ts', upstream.url)
  const { url } = upstream
  const of = (customers: string) => ({ upstream: url, customers })
  const dist = join(ROOT, 'dist')
  await using bundle = await startTollgate([process.execPath, join(dist, 'tollgate.js')], of('b'))
  await using executable = await startTollgate([join(dist, 'tollgate')], of('e'))
  const peer = values['no-peer'] ? null : await startPeer()
  const { key } = bundle
  const targets: Target[] = [
    { ...upstream, name: 'upstream alone', key, customers: 'nobody' },
    { ...bare, name: BARE, key, customers: 'visitor' },
    { ...bundle, name: BUNDLE, key, customers: 'b' },
    { ...executable, name: EXECUTABLE, key, customers: 'e' },
    ...(peer === null ? [] : [peerTarget(peer, PEER, url)]),
  ]
  const lines = MODES.flatMap((mode) =>
    targets.map((driven): Measured => ({ driven, target: driven.name, mode, rounds: [] })),
  )
  await measure(lines)
  const steady = await measureSteadily(targets.slice(1, 4))
  printMachine(bundle, wrk)
  print(lines, targets, steady)
  console.log(await checkBooks(bundle, upstream, 'b'))
  await Promise.all([upstream.kill(), bare.kill(), peer?.kill()])
}

await main()
// Connections that are kept alive would hold the process.
process.exit(0)
