import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * An answer in one piece; in chunks, each written by itself; in one piece to a prompt of 100 KB;
 * one in four of them in chunks; in chunks written at one go.
 */
export type Mode = 'plain' | 'streamed' | 'prompt' | 'mixed' | 'burst'

/** One round of wrk against one target. */
export type Round = {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the target's process, a call; null where the system does not tell. */
  readonly cpuUs: number | null
  /** Head and body of an answer, bytes. */
  readonly answerBytes: number
  /** Socket errors and answers other than 2xx and 3xx. */
  readonly errors: number
}

export type Load = {
  /** The target's process. */
  readonly pid: number
  readonly url: string
  readonly key: string
  readonly mode: Mode
  /** What the customers' ids begin with; `-0001` and so on follow. */
  readonly customers: string
  /** How many they are; 100 if it is not said. */
  readonly customerCount?: number
  /** Whose call is the next. Default: each customer's in turn, or of very many one at random. */
  readonly turn?: 'in turn' | 'by rank'
  readonly headers?: Readonly<Record<string, string>>
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
  const { pid, url, key, mode, customers, seconds, connections } = load
  const cpuBefore = cpuSecondsOf(pid)
  const flags = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', SCRIPT]
  const headers = Object.entries(load.headers ?? {}).map(([name, value]) => `${name}=${value}`)
  const about = [key, mode, customers, String(load.customerCount ?? 100), load.turn ?? 'in turn']
  const child = Bun.spawn(['wrk', ...flags, url, '--', ...about, ...headers], { stderr: 'inherit' })
  const output = await new Response(child.stdout).text()
  const json = /^\{.*\}$/m.exec(output)?.[0]
  if ((await child.exited) !== 0 || json === undefined) {
    throw new Error(`wrk failed against ${url}. It wrote:\n${output}`)
  }
  const { requests, bytes, durationUs, p50Us, p99Us, ...errors } = JSON.parse(json)
  const cpuAfter = cpuSecondsOf(pid)
  return {
    cpuUs: cpuBefore === null ? null : ((cpuAfter! - cpuBefore) / requests) * 1e6,
    requestsPerSecond: requests / (durationUs / 1e6),
    answerBytes: bytes / requests,
    p50Ms: p50Us / 1e3,
    p99Ms: p99Us / 1e3,
    errors: Object.values(errors as Record<string, number>).reduce((sum, count) => sum + count, 0),
  }
}

/** Linux counts in hundredths of a second: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICKS_PER_SECOND = 100

/** All that a process has used, in user and system time. */
function cpuSecondsOf(pid: number): number | null {
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return null
  // The second field is the command, which may hold spaces; the times are the 14th and the 15th.
  const fields = readFileSync(path, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** The most memory that a process has had resident, bytes; null where the system does not tell. */
export function peakMemoryOf(pid: number): number | null {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return null
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'))?.[1]
  return kilobytes === undefined ? null : Number(kilobytes) * 1024
}
