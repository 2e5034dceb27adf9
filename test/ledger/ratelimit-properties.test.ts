import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type RateHold, type RateLimits, RateWindow } from '../../src/ledger/ratelimit.ts'

/** What happens next, `waitMs` after what came before. Places are taken modulo what there is. */
type Step = {
  readonly waitMs: number
  readonly act: 'call' | 'settle' | 'withdraw'
  readonly tokens: number
  readonly place: number
  /** Of the tokens held, used. */
  readonly percent: number
}

type Call = { readonly at: number; tokens: number; state: 'in flight' | 'settled' | 'withdrawn' }

/** All calls ever admitted, exactly: the reference that needs no cleverness. */
type Log = Call[]

const limit = (max: number) => fc.option(fc.integer({ min: 1, max }))
const limits: fc.Arbitrary<RateLimits> = fc.record({
  rpmLimit: limit(6),
  tpmLimit: limit(300),
  maxParallelRequests: limit(5),
})
const waitMs = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 62_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 999, 1_000, 59_999, 60_000, 60_001, 61_000) },
)
const stepsUsing = (percentMax: number) =>
  fc.array(
    fc.record<Step>({
      waitMs,
      act: fc.constantFrom('call', 'call', 'call', 'settle', 'withdraw'),
      tokens: fc.oneof(fc.integer({ min: 0, max: 120 }), fc.constantFrom(0, 1, 299, 300, 301)),
      place: fc.nat(),
      percent: fc.integer({ min: 0, max: percentMax }),
    }),
    { maxLength: 80 },
  )
const start = fc.integer({ min: 1_795_000_000_000, max: 1_795_000_061_000 })

/** Drives a window and the log side by side; `look` sees each call with what became of it. */
function run(
  { limits, start, steps }: { limits: RateLimits; start: number; steps: Step[] },
  look: (seen: {
    now: number
    tokens: number
    log: Log
    window: RateWindow
    answer: ReturnType<RateWindow['admit']>
    /** The window as it was before the call, made anew. */
    again: () => RateWindow
  }) => void,
): Log {
  const window = new RateWindow()
  const log: Log = []
  const holds: RateHold[] = []
  const acts: ((window: RateWindow) => void)[] = []
  let now = start
  for (const { waitMs, act, tokens, place, percent } of steps) {
    now += waitMs
    if (act === 'call') {
      const past = [...acts]
      const again = () => {
        const copy = new RateWindow()
        for (const replay of past) replay(copy)
        return copy
      }
      const at = now
      const answer = window.admit(limits, { now, tokens })
      if (answer.refused === null) {
        log.push({ at, tokens, state: 'in flight' })
        holds.push(answer)
        acts.push((w) => w.admit(limits, { now: at, tokens }))
      }
      look({ now, tokens, log, window, answer, again })
      continue
    }
    const open = log.flatMap((call, index) => (call.state === 'in flight' ? [index] : []))
    if (open.length === 0) continue
    const index = open[place % open.length]!
    const [call, hold] = [log[index]!, holds[index]!]
    call.state = act === 'settle' ? 'settled' : 'withdrawn'
    const used = act === 'settle' ? Math.round((call.tokens * percent) / 100) : 0
    call.tokens = used
    const end = (w: RateWindow) => (act === 'settle' ? w.settle(hold, used) : w.withdraw(hold))
    end(window)
    acts.push(end)
  }
  return log
}

/** What the log says of the calls from `from` to `to`, both included. */
function between(log: Log, from: number, to: number) {
  const calls = log.filter(({ at, state }) => at >= from && at <= to && state !== 'withdrawn')
  return { requests: calls.length, tokens: calls.reduce((sum, { tokens }) => sum + tokens, 0) }
}

const inFlight = (log: Log) => log.filter(({ state }) => state === 'in flight').length
const orNone = (limit: number | null) => limit ?? Number.POSITIVE_INFINITY

test('no 60 seconds, wherever they begin, hold more calls or tokens than the limits', () => {
  const runs = fc.record({ limits, start, steps: stepsUsing(100) })
  fc.assert(
    fc.property(runs, (it) => {
      const log = run(it, ({ log }) => {
        expect(inFlight(log)).toBeLessThanOrEqual(orNone(it.limits.maxParallelRequests))
        for (const { at } of log) {
          const minute = between(log, at, at + 60_000)
          expect(minute.requests).toBeLessThanOrEqual(orNone(it.limits.rpmLimit))
          expect(minute.tokens).toBeLessThanOrEqual(orNone(it.limits.tpmLimit))
        }
      })
      for (const { at } of log) {
        expect(between(log, at, at + 60_000).tokens).toBeLessThanOrEqual(orNone(it.limits.tpmLimit))
      }
    }),
    { numRuns: 500 },
  )
})

test('a call is admitted just when it fits beside the calls of the seconds that count', () => {
  const runs = fc.record({ limits, start, steps: stepsUsing(150) })
  fc.assert(
    fc.property(runs, (it) => {
      run(it, ({ now, tokens, log, window, answer }) => {
        const isAdmitted = answer.refused === null
        const before = isAdmitted ? log.slice(0, -1) : log
        const fits = (ms: number) => {
          const past = between(before, now - ms, now)
          return (
            past.requests + 1 <= orNone(it.limits.rpmLimit) &&
            past.tokens + tokens <= orNone(it.limits.tpmLimit) &&
            inFlight(before) + 1 <= orNone(it.limits.maxParallelRequests)
          )
        }
        const toSecond = (now % 1_000) + 60_000
        expect(isAdmitted).toBe(fits(toSecond))
        if (isAdmitted) expect(fits(60_000)).toBe(true)
        else expect(fits(60_999)).toBe(false)

        const past = between(log, now - toSecond, now)
        const { requests, tokens: left } = window.remaining(it.limits, now)
        expect(requests?.remaining ?? null).toBe(rest(it.limits.rpmLimit, past.requests))
        expect(left?.remaining ?? null).toBe(rest(it.limits.tpmLimit, past.tokens))
      })
    }),
    { numRuns: 500 },
  )
})

test('the same call is admitted after the wait it was told, and not a millisecond before', () => {
  const runs = fc.record({ limits, start, steps: stepsUsing(150) })
  fc.assert(
    fc.property(runs, (it) => {
      run(it, ({ now, tokens, answer, again }) => {
        if (answer.refused === null) return
        const { retryAfterMs } = answer
        const after = (ms: number) => again().admit(it.limits, { now: now + ms, tokens }).refused
        if (retryAfterMs === null) {
          expect(after(3_600_000)).not.toBeNull()
        } else {
          expect(after(retryAfterMs)).toBeNull()
          expect(after(retryAfterMs - 1)).not.toBeNull()
        }
      })
    }),
    { numRuns: 300 },
  )
})

test('the whole limit is there again after the wait that is told, and not before', () => {
  const runs = fc.record({ limits, start, steps: stepsUsing(150) })
  fc.assert(
    fc.property(runs, (it) => {
      run(it, ({ now, again }) => {
        for (const kind of ['requests', 'tokens'] as const) {
          const told = again().remaining(it.limits, now)[kind]
          if (told === null) continue
          const left = (ms: number) => again().remaining(it.limits, now + ms)[kind]!.remaining
          expect(left(told.resetMs)).toBe(told.limit)
          if (told.resetMs > 0) expect(left(told.resetMs - 1)).toBeLessThan(told.limit)
        }
      })
    }),
    { numRuns: 200 },
  )
})

test('an idle window can be replaced by a new one', () => {
  const runs = fc.record({ limits, start, steps: stepsUsing(150) })
  fc.assert(
    fc.property(runs, (it) => {
      run(it, ({ now, log, answer, tokens, again }) => {
        const isIdle = again().isIdle(now)
        const before = answer.refused === null ? log.slice(0, -1) : log
        const past = between(before, now - (now % 1_000) - 60_000, now)
        expect(isIdle).toBe(inFlight(before) === 0 && past.requests === 0)
        if (isIdle) expect(answer).toEqual(new RateWindow().admit(it.limits, { now, tokens }))
      })
    }),
    { numRuns: 200 },
  )
})

function rest(limit: number | null, used: number): number | null {
  return limit === null ? null : Math.max(0, limit - used)
}
