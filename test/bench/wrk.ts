import { join } from 'node:path'

/** `plain`: the answer in one piece. `streamed`: in chunks. */
export type Mode = 'plain' | 'streamed'

/** One round of wrk against one target. */
export type Round = {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Socket errors and answers other than 2xx and 3xx. */
  readonly errors: number
}

export type Load = {
  readonly url: string
  readonly key: string
  readonly mode: Mode
  /** What the customers' ids begin with; `-001` and so on follow. */
  readonly customers: string
  readonly seconds: number
  readonly connections: number
}

const SCRIPT = join(import.meta.dir, 'calls.lua')

/** Its version, or null: it is not installed. */
export function wrkVersion(): string | null {
  if (Bun.which('wrk') === null) return null
  const { stdout } = Bun.spawnSync(['wrk', '--version'])
  return /^wrk\s+(\S+)/.exec(stdout.toString())?.[1] ?? 'of unknown version'
}

/** Drives the target for so many seconds. One thread: the cores are needed by what is measured. */
export async function drive(load: Load): Promise<Round> {
  const { url, key, mode, customers, seconds, connections } = load
  const flags = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', SCRIPT]
  const child = Bun.spawn(['wrk', ...flags, url, '--', key, mode, customers], { stderr: 'inherit' })
  const output = await new Response(child.stdout).text()
  const json = /^\{.*\}$/m.exec(output)?.[0]
  if ((await child.exited) !== 0 || json === undefined) {
    throw new Error(`wrk failed against ${url}. It wrote:\n${output}`)
  }
  const { requests, durationUs, p50Us, p99Us, ...errors } = JSON.parse(json)
  return {
    requestsPerSecond: requests / (durationUs / 1e6),
    p50Ms: p50Us / 1e3,
    p99Ms: p99Us / 1e3,
    errors: Object.values(errors as Record<string, number>).reduce((sum, count) => sum + count, 0),
  }
}
