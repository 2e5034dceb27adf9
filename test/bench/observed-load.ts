/**
 * What observing costs a server under load: `bun test/bench/observed-load.ts`.
 *
 * The same server four times, in one run: with its metrics alone, with a line for each call, with
 * traces to a collector, and with traces to one that hangs. `--also FILE` adds another program,
 * such as the main.ts of an earlier commit. Read the CPU time of a call, which the upstream, wrk
 * and the collector on the same cores do not enter; rounds are interleaved, and the median is
 * given with the lowest and the highest. An error in any round fails the run.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startCollector } from '../support/collector.ts'
import { SOURCE } from '../support/command.ts'
import { Gate } from '../support/gate.ts'
import { parseMetrics } from '../support/metrics.ts'
import { launch } from '../support/process.ts'
import { type Server, startServer } from '../support/server.ts'
import { drive, type Mode, type Round } from './wrk.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
    also: { type: 'string' },
  },
})
const load = { seconds: Number(values.seconds), connections: Number(values.connections) }
const MODES: readonly Mode[] = ['plain', 'burst']

const upstream = await launch([process.execPath, join(import.meta.dir, 'upstream.ts')], {
  env: {},
  folder: '/tmp',
})
const config = (settings: string) => `
model_list:${['gpt-4o-mini', 'gpt-4o-mini-burst']
  .map(
    (model) => `
  - model_name: ${model}
    litellm_params:
      {model: openai/${model}, api_base: "${upstream.url}/v1", api_key: sk-upstream}`,
  )
  .join('')}
${settings}`

const traced = (url: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url })
await using collector = startCollector()
await using hanging = startCollector()
hanging.holdAt(new Gate())
const logCalls = 'tollgate_settings: {log_calls: true}\n'
const starts: Record<string, Promise<Server>> = {
  metrics: startServer({ config: config('') }),
  'a line a call': startServer({ config: config(logCalls) }),
  traces: startServer({ config: config(''), env: traced(collector.url) }),
  'traces, hanging': startServer({ config: config(''), env: traced(hanging.url) }),
}
if (values.also !== undefined) {
  const command = [...SOURCE.slice(0, -1), values.also]
  starts[`also`] = startServer({ config: config(''), command })
}
const servers = await Promise.all(
  Object.entries(starts).map(async ([name, server]) => ({ name, server: await server })),
)

for (const mode of MODES) {
  const rounds = new Map<string, Round[]>(servers.map(({ name }) => [name, []]))
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const { name, server } of servers) {
      const { pid, url, key } = server
      const result = await drive({ pid, url, key, mode, customers: 'c', ...load })
      if (result.errors > 0) throw new Error(`${name}: ${result.errors} errors`)
      // The first one warms up.
      if (round > 0) rounds.get(name)!.push(result)
    }
  }
  for (const [name, results] of rounds) {
    const cpu = results.map(({ cpuUs }) => cpuUs ?? Number.NaN).sort((a, b) => a - b)
    const [median, low, high] = [cpu[cpu.length >> 1]!, cpu[0]!, cpu.at(-1)!].map((us) =>
      us.toFixed(0),
    )
    const rates = results.map((result) => result.requestsPerSecond).sort((a, b) => a - b)
    const p99 = results.map(({ p99Ms }) => p99Ms).sort((a, b) => a - b)
    console.log(
      `${mode.padEnd(6)} ${name.padEnd(16)} ${median} us of CPU a call (${low} to ${high}), ` +
        `${rates[rates.length >> 1]!.toFixed(0)} calls a second, ` +
        `p99 ${p99[p99.length >> 1]!.toFixed(1)} ms`,
    )
  }
}
for (const { name, server } of servers) {
  const metrics = parseMetrics((await server.ask('/metrics')).text)
  const told = metrics.filter((metric) => /^(tollgate_spans|process_resident)/.test(metric.name))
  const facts = told.map(({ labels, value }) => `${labels['result'] ?? 'RSS'} ${value}`)
  console.log(`${name}: ${facts.join(', ')}`)
  await server[Symbol.asyncDispose]()
}
await upstream.kill()
process.exit(0)
