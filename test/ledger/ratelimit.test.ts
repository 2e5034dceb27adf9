import { describe, expect, test } from 'bun:test'
import {
  hasRateLimits,
  type RateHold,
  type RateLimits,
  type RateRefusal,
  RateWindow,
  rateLimitHeaders,
} from '../../src/ledger/ratelimit.ts'

const NO_RATE_LIMITS: RateLimits = { rpmLimit: null, tpmLimit: null, maxParallelRequests: null }
const rpm = (rpmLimit: number): RateLimits => ({ ...NO_RATE_LIMITS, rpmLimit })
const tpm = (tpmLimit: number): RateLimits => ({ ...NO_RATE_LIMITS, tpmLimit })
const parallel = (maxParallelRequests: number): RateLimits => ({
  ...NO_RATE_LIMITS,
  maxParallelRequests,
})

/** The first millisecond of a second of the clock. */
const T = 1_795_000_000_000

/** A window in which calls were admitted: each as [milliseconds after T, tokens]. */
function windowWith(...calls: [number, number][]) {
  const window = new RateWindow()
  const holds = calls.map(
    ([after, tokens]) => window.admit(NO_RATE_LIMITS, { now: T + after, tokens }) as RateHold,
  )
  return { window, holds }
}

describe('admit', () => {
  // A row is the calls before, the limits, the call, and what is said of it.
  test.each<
    [string, [number, number][], RateLimits, [number, number], Partial<RateRefusal> | null]
  >([
    ['the first call', [], rpm(1), [0, 0], null],
    ['a second call at once', [[0, 0]], rpm(1), [0, 0], { refused: 'rpm', retryAfterMs: 61_000 }],
    ['a second call 60 s later', [[0, 0]], rpm(1), [60_000, 0], { retryAfterMs: 1_000 }],
    ['a second call 61 s later', [[0, 0]], rpm(1), [61_000, 0], null],
    ['a call beside one late in its second', [[999, 0]], rpm(1), [60_999, 0], { retryAfterMs: 1 }],
    [
      'the wait is for one place only',
      [
        [0, 0],
        [5_000, 0],
      ],
      rpm(2),
      [9_000, 0],
      { retryAfterMs: 52_000 },
    ],
    [
      'the wait is for as many places as a lowered limit takes',
      [
        [0, 0],
        [5_000, 0],
      ],
      rpm(1),
      [9_000, 0],
      { retryAfterMs: 57_000 },
    ],
    ['tokens up to the limit', [[0, 60]], tpm(100), [0, 40], null],
    [
      'one token above the limit',
      [[0, 60]],
      tpm(100),
      [0, 41],
      { refused: 'tpm', remaining: 40, retryAfterMs: 61_000 },
    ],
    [
      'the wait is for as many tokens as it takes',
      [
        [0, 10],
        [7_000, 60],
        [8_000, 30],
      ],
      tpm(100),
      [9_000, 50],
      { retryAfterMs: 59_000 },
    ],
    [
      'more tokens than a minute has',
      [],
      tpm(100),
      [0, 101],
      { refused: 'too_large', limit: 100, remaining: 100, retryAfterMs: null },
    ],
    ['no tokens at all, when the limit is used up', [[0, 100]], tpm(100), [0, 0], null],
    [
      'tokens, when there may be none',
      [],
      tpm(0),
      [0, 1],
      { refused: 'too_large', retryAfterMs: null },
    ],
    [
      'a call, when there may be none',
      [],
      rpm(0),
      [0, 0],
      { refused: 'rpm', limit: 0, retryAfterMs: null },
    ],
    [
      'a call, when none may be in flight',
      [],
      parallel(0),
      [0, 0],
      { refused: 'parallel', retryAfterMs: null },
    ],
    ['a call beside one in flight', [[0, 0]], parallel(2), [0, 0], null],
    [
      'one more than may be in flight',
      [
        [0, 0],
        [0, 0],
      ],
      parallel(2),
      [0, 0],
      { refused: 'parallel', limit: 2, remaining: 0, retryAfterMs: null, resetMs: null },
    ],
    [
      'a call that is still in flight after a minute',
      [[0, 0]],
      parallel(1),
      [90_000, 0],
      { refused: 'parallel' },
    ],
    [
      'both: requests are in the way for longer',
      [
        [0, 90],
        [9_000, 0],
      ],
      { ...rpm(1), tpmLimit: 100 },
      [9_000, 50],
      { refused: 'rpm', retryAfterMs: 61_000 },
    ],
    [
      'both: tokens are in the way for longer',
      [
        [0, 0],
        [9_000, 90],
      ],
      { ...rpm(2), tpmLimit: 100 },
      [9_000, 50],
      { refused: 'tpm', retryAfterMs: 61_000 },
    ],
    [
      'both, and calls in flight: no time can be told',
      [[0, 90]],
      { rpmLimit: 1, tpmLimit: 100, maxParallelRequests: 1 },
      [0, 50],
      { refused: 'parallel', retryAfterMs: null },
    ],
  ])('%s', (_reason, calls, limits, [after, tokens], refusal) => {
    const { window } = windowWith(...calls)
    const answer = window.admit(limits, { now: T + after, tokens })
    expect(answer).toMatchObject(refusal ?? { refused: null })
  })

  test('a refused call counts nothing', () => {
    const { window } = windowWith([0, 60])
    for (let tries = 0; tries < 5; tries++) window.admit(tpm(100), { now: T, tokens: 41 })
    expect(window.admit({ ...tpm(100), rpmLimit: 2 }, { now: T, tokens: 40 }).refused).toBeNull()
  })

  test('tokens that are no whole number are our bug, and are said', () => {
    for (const tokens of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const admit = () => new RateWindow().admit(tpm(100), { now: T, tokens })
      expect(admit, `${tokens}`).toThrow(`not a number of tokens: ${tokens}`)
    }
  })
})

describe('settle', () => {
  test('gives back at once the tokens that a call did not use', () => {
    const { window, holds } = windowWith([0, 100])
    window.settle(holds[0]!, 30)
    expect(window.admit(tpm(100), { now: T, tokens: 70 }).refused).toBeNull()
  })

  test('books what a call used above its worst case, in the second of its admission', () => {
    const { window, holds } = windowWith([0, 100])
    expect(window.remaining(tpm(200), T + 9_000).tokens?.remaining).toBe(100)
    window.settle(holds[0]!, 250)
    expect(window.admit(tpm(200), { now: T + 9_000, tokens: 1 })).toMatchObject({
      refused: 'tpm',
      remaining: 0,
      retryAfterMs: 52_000,
    })
  })

  test('changes nothing for a call that began more than a minute ago', () => {
    const { window, holds } = windowWith([0, 100], [61_000, 5])
    window.settle(holds[0]!, 1)
    expect(window.remaining(tpm(100), T + 61_000).tokens?.remaining).toBe(95)
  })

  test('makes a place among the calls in flight, and none among those of the minute', () => {
    const { window, holds } = windowWith([0, 0])
    window.settle(holds[0]!, 0)
    expect(window.admit(parallel(1), { now: T, tokens: 0 }).refused).toBeNull()
    expect(window.admit(rpm(2), { now: T, tokens: 0 }).refused).toBe('rpm')
  })

  test('is our bug when it comes twice for the only call', () => {
    const { window, holds } = windowWith([0, 0])
    window.settle(holds[0]!, 0)
    expect(() => window.settle(holds[0]!, 0)).toThrow('twice')
  })
})

test('a withdrawn call has never been', () => {
  const { window, holds } = windowWith([0, 100])
  window.withdraw(holds[0]!)
  expect(window.isIdle(T)).toBe(true)
  const limits = { rpmLimit: 1, tpmLimit: 100, maxParallelRequests: 1 }
  expect(window.admit(limits, { now: T, tokens: 100 }).refused).toBeNull()
})

describe('isIdle', () => {
  test('is so 61 seconds after the last call, and not before', () => {
    const { window, holds } = windowWith([0, 0], [5_000, 0])
    for (const hold of holds) window.settle(hold, 0)
    expect(window.isIdle(T + 65_999)).toBe(false)
    expect(window.isIdle(T + 66_000)).toBe(true)
  })

  test('is not so while a call is in flight, however long', () => {
    const { window } = windowWith([0, 0])
    expect(window.isIdle(T + 3_600_000)).toBe(false)
  })
})

describe('a clock that is set back', () => {
  test('makes no room, and no refusal longer', () => {
    const { window } = windowWith([0, 0])
    const anHourAgo = T - 3_600_000
    expect(window.admit(rpm(1), { now: anHourAgo, tokens: 0 })).toMatchObject({
      refused: 'rpm',
      retryAfterMs: 61_000,
    })
    expect(window.admit(rpm(1), { now: anHourAgo + 60_999, tokens: 0 }).refused).toBe('rpm')
    expect(window.admit(rpm(1), { now: anHourAgo + 61_000, tokens: 0 }).refused).toBeNull()
  })

  test('settles what was admitted before where it was counted', () => {
    const { window, holds } = windowWith([0, 100])
    window.remaining(tpm(100), T - 3_600_000)
    window.settle(holds[0]!, 1)
    expect(window.remaining(tpm(100), T - 3_600_000).tokens?.remaining).toBe(99)
  })

  test('may begin anywhere, at zero and before it', () => {
    const window = new RateWindow()
    expect(window.admit(rpm(1), { now: -5_000, tokens: 0 }).refused).toBeNull()
    expect(window.admit(rpm(1), { now: 0, tokens: 0 })).toMatchObject({ retryAfterMs: 56_000 })
  })
})

test('a customer without limits needs no window', () => {
  expect(hasRateLimits(NO_RATE_LIMITS)).toBe(false)
  for (const limits of [rpm(0), tpm(0), parallel(0)]) expect(hasRateLimits(limits)).toBe(true)
})

describe('rateLimitHeaders', () => {
  test('are the six that OpenAI clients read', () => {
    const { window } = windowWith([0, 150], [500, 0])
    const limits = { rpmLimit: 60, tpmLimit: 150_000, maxParallelRequests: null }
    expect(rateLimitHeaders(window.remaining(limits, T + 500))).toEqual({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '58',
      'x-ratelimit-reset-requests': '1m0.5s',
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149850',
      'x-ratelimit-reset-tokens': '1m0.5s',
    })
  })

  test('say nothing of what is not limited', () => {
    expect(rateLimitHeaders(new RateWindow().remaining(parallel(1), T))).toEqual({})
  })

  test.each<[number, string]>([
    [0, '0s'],
    [12, '12ms'],
    [1_000, '1s'],
    [8_640, '8.64s'],
    [59_999, '59.999s'],
    [60_000, '1m0s'],
    [61_000, '1m1s'],
    [360_000, '6m0s'],
  ])('%d ms is %s', (resetMs, text) => {
    const requests = { limit: 1, remaining: 0, resetMs }
    const headers = rateLimitHeaders({ requests, tokens: null })
    expect(headers['x-ratelimit-reset-requests']).toBe(text)
  })
})
