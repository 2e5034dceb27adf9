import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dataOf } from '../support/client.ts'
import { launch, type Process } from '../support/process.ts'
import { type Server, startServer } from '../support/server.ts'
import type { Served } from '../support/upstream.ts'
import { drive, type Mode, type Round, wrkVersion } from './wrk.ts'

/**
 * How many calls a second, beside the bare pass-through: `bun test/bench/throughput.ts`.
 *
 * So as not to fool itself: all targets run in one run on one machine, against one upstream; each
 * is warmed up; rounds are interleaved, and begin with another target each time, so that a slow
 * minute of the machine falls on all; an answer of each is looked at before it is measured, an
 * error in any round fails the run, and what Tollgate charged is held against what the upstream
 * served. The upstream, wrk and the target share the cores: read the ratio, not the number. And the
 * upstream by itself is measured too: a target near that line is held up by it, and then only the
 * CPU time a call tells the targets apart.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
    chunks: { type: 'string', default: '54' },
  },
})
const SECONDS = Number(values.seconds)
const ROUNDS = Number(values.rounds)
const CONNECTIONS = Number(values.connections)
const CHUNKS = Number(values.chunks)
const WARM_UP_SECONDS = 2
const CUSTOMERS = 100
const MODES: readonly Mode[] = ['plain', 'streamed', 'burst']
const NANOS_PER_DOLLAR = 1e9
const INPUT_NANOS = 150
const OUTPUT_NANOS = 600

type Target = {
  readonly pid: number
  readonly name: string
  readonly url: string
  readonly key: string
  /** What its customers' ids begin with, so that the upstream tallies each target by itself. */
  readonly customers: string
}

type Line = { readonly target: Target; readonly mode: Mode; readonly rounds: Round[] }

const BARE = 'bare pass-through'
const OURS = 'customer'
const MODEL = 'gpt-4o-mini'

const deploymentOf = (model: string, upstream: string) => `
  - model_name: ${model}
    litellm_params:
      model: openai/${model}
      api_base: ${upstream}/v1
      api_key: sk-upstream
      input_cost_per_token: ${INPUT_NANOS / NANOS_PER_DOLLAR}
      output_cost_per_token: ${OUTPUT_NANOS / NANOS_PER_DOLLAR}`

const configFor = (upstream: string) =>
  `model_list:${[MODEL, `${MODEL}-burst`].map((model) => deploymentOf(model, upstream)).join('')}\n`

const start = (file: string, ...args: string[]): Promise<Process> =>
  launch([process.execPath, join(import.meta.dir, file), ...args], { env: {}, folder: '/tmp' })

const customerId = (prefix: string, number: number) =>
  `${prefix}-${String(number).padStart(3, '0')}`

/** Budgets of their own, so that each call is held against one and settled. */
async function createCustomers(tollgate: Server) {
  for (let number = 1; number <= CUSTOMERS; number += 1) {
    const json = { user_id: customerId(OURS, number), max_budget: 100_000 }
    const { status, text } = await tollgate.ask('/customer/new', { json })
    if (status !== 200) throw new Error(`/customer/new answered ${status}: ${text}`)
  }
}

/** Throws unless the target's answer is whole. */
async function checkSample({ name, url, key, customers }: Target, mode: Mode) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: mode === 'burst' ? `${MODEL}-burst` : MODEL,
      messages: [{ role: 'user', content: 'Is it whole?' }],
      user: customerId(customers, 1),
      ...(mode === 'plain' ? {} : { stream: true }),
    }),
  })
  const text = await response.text()
  const words = mode === 'plain' ? wordsOfAnswer(text) : wordsOfStream(text)
  if (response.status !== 200 || words !== CHUNKS) {
    const got = `${response.status} with ${words} of ${CHUNKS} words`
    throw new Error(`${name}, ${mode}: the sample answer is ${got}:\n${text}`)
  }
}

const countWords = (text: string): number => text.match(/\S+/g)?.length ?? 0

function wordsOfAnswer(text: string): number {
  try {
    return countWords(JSON.parse(text).choices[0].message.content)
  } catch {
    return 0
  }
}

/** Zero for a stream that does not end as it should. */
function wordsOfStream(text: string): number {
  const data = dataOf(text)
  if (data.pop() !== '[DONE]') return 0
  const contents = data.map((chunk) => JSON.parse(chunk).choices[0]?.delta.content ?? '')
  return countWords(contents.join(''))
}

async function measure(lines: readonly Line[]) {
  const load = { seconds: SECONDS, connections: CONNECTIONS }
  for (const { target, mode } of lines) {
    await checkSample(target, mode)
    await drive({ ...target, mode, ...load, seconds: WARM_UP_SECONDS })
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const order = [...lines.slice(round % lines.length), ...lines.slice(0, round % lines.length)]
    for (const { target, mode, rounds } of order) {
      const result = await drive({ ...target, mode, ...load })
      rounds.push(result)
      if (result.errors > 0) {
        throw new Error(`${target.name}, ${mode}: ${result.errors} errors in round ${round + 1}`)
      }
    }
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2
}

const column = (rounds: readonly Round[], name: keyof Round) =>
  rounds.map((round) => round[name] ?? Number.NaN)

function rowOf({ target, mode, rounds }: Line, lines: readonly Line[]) {
  const bare = lines.find((line) => line.target.name === BARE && line.mode === mode)!
  const rates = column(rounds, 'requestsPerSecond')
  const ratio = median(rates) / median(column(bare.rounds, 'requestsPerSecond'))
  return {
    mode,
    target: target.name,
    'requests/s': Math.round(median(rates)),
    spread: `${Math.round(Math.min(...rates))}..${Math.round(Math.max(...rates))}`,
    'p50 ms': median(column(rounds, 'p50Ms')).toFixed(2),
    'p99 ms': median(column(rounds, 'p99Ms')).toFixed(2),
    'cpu µs': Math.round(median(column(rounds, 'cpuUs'))),
    'of bare': `${(ratio * 100).toFixed(0)} %`,
    errors: column(rounds, 'errors').reduce((sum, count) => sum + count, 0),
  }
}

/**
 * Holds one customer's spend against what the upstream served it. They may differ by the calls that
 * wrk hung up on when a round ended: of such a call each of the two may know another half.
 */
async function checkBooks(tollgate: Server, upstream: Process): Promise<string> {
  const id = customerId(OURS, 1)
  const { json } = await tollgate.ask(`/customer/info?end_user_id=${id}`)
  const all = (await (await fetch(`${upstream.url}/served`)).json()) as Record<string, Served>
  const { input, output, calls } = all[id]!
  const expected = (input * INPUT_NANOS + output * OUTPUT_NANOS) / NANOS_PER_DOLLAR
  const said = `${id}: $${json.spend} on its tab, $${expected} served in ${calls} calls`
  const apart = Math.abs(json.spend / expected - 1) * calls
  const hungUp = (CONNECTIONS * MODES.length * (ROUNDS + 1)) / CUSTOMERS
  if (!(apart <= 3 * hungUp + 1)) throw new Error(`The books are off. ${said}`)
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

async function main() {
  const wrk = wrkVersion()
  if (wrk === null) {
    console.error('wrk is not installed. On Debian: sudo apt-get install wrk')
    process.exit(1)
  }
  const upstream = await start('upstream.ts', '--chunks', values.chunks)
  const bare = await start('pass-through.ts', upstream.url)
  await using tollgate = await startServer({ config: configFor(upstream.url) })
  await createCustomers(tollgate)
  const { key } = tollgate
  const targets: Target[] = [
    { ...upstream, name: 'upstream alone', key, customers: 'nobody' },
    { ...bare, name: BARE, key, customers: 'visitor' },
    { ...tollgate, name: 'Tollgate', key, customers: OURS },
  ]
  const lines = MODES.flatMap((mode) =>
    targets.map((target): Line => ({ target, mode, rounds: [] })),
  )
  await measure(lines)
  printMachine(tollgate, wrk)
  console.table(lines.map((line) => rowOf(line, lines)))
  console.log(await checkBooks(tollgate, upstream))
  await Promise.all([upstream.kill(), bare.kill()])
}

await main()
