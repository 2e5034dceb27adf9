/**
 * How long a start takes, from exec to the first answer: `bun test/bench/start.ts`.
 *
 * So as not to fool itself: each start has a fresh folder, and so makes its database; the programs
 * take turns; a round before the first is not counted, in which the file comes into the page
 * cache; and a server of one line, compiled by the same Bun, says what the runtime itself needs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { built, SOURCE } from '../support/command.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } })
const ROUNDS = Number(values.rounds)
const TARGET_MS = 150
const DEADLINE_MS = 20_000

const folder = mkdtempSync(join(tmpdir(), 'tollgate-start-'))
const programs: readonly (readonly [name: string, command: readonly string[]])[] = [
  ['a server of one line', [oneLine()]],
  ['the executable', [built('tollgate')]],
  ['the bundle on Bun', [process.execPath, built('tollgate.js')]],
  ['the source on Bun', SOURCE],
]

function oneLine(): string {
  const source = join(folder, 'one-line.ts')
  writeFileSync(
    source,
    `Bun.serve({ port: Number(process.argv.at(-1)), hostname: '127.0.0.1', fetch: () => new Response() })\n`,
  )
  const path = join(folder, 'one-line')
  const { exitCode, stderr } = Bun.spawnSync([
    process.execPath,
    ...['build', source, '--compile', `--outfile=${path}`],
  ])
  if (exitCode !== 0) throw new Error(`bun build --compile failed:\n${stderr}`)
  return path
}

/** Milliseconds. */
async function startOnce(command: readonly string[]): Promise<number> {
  const cwd = mkdtempSync(join(folder, 'at-'))
  const taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const port = String(taken.port)
  await taken.stop(true)
  const env = { ...process.env, TOLLGATE_MASTER_KEY: 'sk-start' }
  const startedAt = performance.now()
  const child = Bun.spawn([...command, '--port', port], { cwd, env, stdout: 'ignore' })
  try {
    const url = `http://127.0.0.1:${port}/health/liveliness`
    for (;;) {
      const response = await fetch(url, { keepalive: false }).catch(() => null)
      const ms = performance.now() - startedAt
      if (response?.status === 200) return ms
      if (ms > DEADLINE_MS) throw new Error(`${command.join(' ')} does not answer`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
}

const times = new Map<string, number[]>(programs.map(([name]) => [name, []]))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, command] of programs) {
    const ms = await startOnce(command)
    if (round > 0) times.get(name)!.push(ms)
  }
}
for (const [name, all] of times) {
  const sorted = all.toSorted((a, b) => a - b)
  const [fastest, median, slowest] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!]
  const ms = [median, fastest, slowest].map((time) => time.toFixed(0))
  const verdict = median <= TARGET_MS ? 'met' : 'not met'
  const target = name === 'the executable' ? `; at most ${TARGET_MS} ms: ${verdict}` : ''
  console.log(`${name.padEnd(21)} ${ms[0]} ms (${ms[1]} to ${ms[2]})${target}`)
}
rmSync(folder, { recursive: true })
