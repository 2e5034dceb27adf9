import type { Steady } from './steady.ts'
import type { Mode, Round } from './wrk.ts'

/** A target under one kind of calls, round by round. */
export type Line = { readonly target: string; readonly mode: Mode; readonly rounds: Round[] }

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2
}

const column = (rounds: readonly Round[], name: keyof Round) =>
  rounds.map((round) => round[name] ?? Number.NaN)

/** Of each round its own, since a slow minute of the machine falls on all that are in it. */
const ratios = (line: Line, bare: Line, name: 'requestsPerSecond' | 'cpuUs'): number[] =>
  line.rounds.map((round, index) => (round[name] ?? Number.NaN) / bare.rounds[index]![name]!)

const percent = (ratio: number): string => `${(ratio * 100).toFixed(0)} %`

/** A line of the table. */
export function rowOf(line: Line, bare: Line) {
  const { rounds } = line
  return {
    calls: line.mode,
    target: line.target,
    'calls/s': Math.round(median(column(rounds, 'requestsPerSecond'))),
    'p50 ms': median(column(rounds, 'p50Ms')).toFixed(2),
    'p99 ms': median(column(rounds, 'p99Ms')).toFixed(2),
    'CPU s/1,000': (median(column(rounds, 'cpuUs')) / 1e3).toFixed(3),
    'of bare': percent(median(ratios(line, bare, 'requestsPerSecond'))),
    'round by round': ratios(line, bare, 'requestsPerSecond').map(percent).join(' '),
    'CPU of bare': median(ratios(line, bare, 'cpuUs')).toFixed(2),
  }
}

/** What Tollgate wants to reach, beside the bare pass-through in the same run. */
const SHARES: Partial<Record<Mode, number>> = { plain: 0.7, streamed: 0.85, prompt: 0.7 }
const CPU_MOST = 1.4
const PEER_LEAST = 25
const ADDED_P50_MS = 0.2
const ADDED_P99_MS = 2

const said = (what: string, got: string, isMet: boolean) =>
  `${isMet ? 'met    ' : 'not met'}  ${what}: ${got}`

export function verdictOn(line: Line, bare: Line, peer: Line | undefined): string[] {
  const { mode } = line
  const told: string[] = []
  const share = SHARES[mode]
  if (share !== undefined) {
    const got = median(ratios(line, bare, 'requestsPerSecond'))
    told.push(
      said(`${mode}, calls a second, at least ${percent(share)}`, percent(got), got >= share),
    )
  }
  const cpu = median(ratios(line, bare, 'cpuUs'))
  told.push(said(`${mode}, CPU a call, at most ${CPU_MOST} times`, cpu.toFixed(2), cpu <= CPU_MOST))
  if (peer !== undefined && mode === 'plain') {
    const ahead = median(ratios(line, peer, 'requestsPerSecond'))
    const what = `${mode}, calls a second, ${PEER_LEAST} times those of ${peer.target}`
    told.push(said(what, ahead.toFixed(1), ahead >= PEER_LEAST))
  }
  return told
}

export function verdictOnAdded(ours: readonly Steady[], bare: readonly Steady[]): string[] {
  const added = (name: keyof Steady) =>
    median(ours.map((round) => round[name])) - median(bare.map((round) => round[name]))
  const [p50, p99] = [added('p50Ms'), added('p99Ms')]
  return [
    said(`steady, p50 added, at most ${ADDED_P50_MS} ms`, p50.toFixed(2), p50 <= ADDED_P50_MS),
    said(`steady, p99 added, at most ${ADDED_P99_MS} ms`, p99.toFixed(2), p99 <= ADDED_P99_MS),
  ]
}
