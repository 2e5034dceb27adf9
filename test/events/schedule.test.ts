import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type FailedTry, nextTryAt, parseRetryAfter } from '../../src/events/schedule.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Halfway between the least and the most jitter, so that the pause is the plain one. */
const failed = (more: Partial<FailedTry>): FailedTry => ({
  attempts: 1,
  queuedAt: NOW,
  now: NOW,
  retryAfterMs: null,
  isGone: false,
  chance: 0.5,
  ...more,
})

/** Pauses in seconds and the hours they take until an event is given up. */
function lifeOf(chance: () => number, answerMs: number) {
  let now = NOW
  const pauses: number[] = []
  for (let attempts = 1; attempts < 1_000; attempts++) {
    now += answerMs
    const at = nextTryAt(failed({ attempts, now, chance: chance() }))
    if (at === null) return { pauses, tries: attempts, hours: (now - NOW) / HOUR_MS }
    pauses.push((at - now) / 1_000)
    now = at
  }
  throw new Error('never given up')
}

describe('the pauses between tries', () => {
  test('grow threefold to two hours, and end after a day', () => {
    const { pauses, tries, hours } = lifeOf(() => 0.5, 0)
    expect(pauses.slice(0, 11)).toEqual([1, 3, 9, 27, 81, 243, 729, 2187, 6561, 7200, 7200])
    expect(tries).toBe(21)
    expect(hours).toBeWithin(24, 26)
  })

  test('are jittered by a fifth, never more than two hours and a fifth, for a day at least', () => {
    const anyChance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.infiniteStream(anyChance), fc.nat(15_000), (chances, answerMs) => {
        const next = () => chances.next().value as number
        const { pauses, tries, hours } = lifeOf(next, answerMs)
        expect(hours).toBeGreaterThanOrEqual(24)
        expect(hours).toBeLessThan(27)
        expect(tries).toBeWithin(15, 30)
        for (const [index, pause] of pauses.entries()) {
          const plain = Math.min(3 ** index, 7_200)
          expect(pause).toBeWithin(plain * 0.8 - 0.001, plain * 1.2 + 0.001)
        }
      }),
    )
  })
})

test('an old event is given up after its third try, so that a day of silence is not days', () => {
  const old = { queuedAt: NOW - 2 * DAY_MS }
  expect(nextTryAt(failed({ ...old, attempts: 1 }))).not.toBeNull()
  expect(nextTryAt(failed({ ...old, attempts: 2 }))).not.toBeNull()
  expect(nextTryAt(failed({ ...old, attempts: 3 }))).toBeNull()
})

test('what is gone is given up at once', () => {
  expect(nextTryAt(failed({ isGone: true }))).toBeNull()
})

test.each<[number | null, number, number, string]>([
  [null, 1, 1, 'nothing asked'],
  [30_000, 1, 30, 'asked for more than we would wait'],
  [1_000, 5, 81, 'asked for less: our own pause, or one that always says 1 is asked 86,400 times'],
  [DAY_MS, 1, 7_200, 'asked for a day: two hours'],
])('Retry-After of %p ms at try %p is a pause of %p s: %s', (retryAfterMs, attempts, seconds) => {
  expect(nextTryAt(failed({ retryAfterMs, attempts }))).toBe(NOW + seconds * 1_000)
})

test.each<[string | null, number | null, string]>([
  [null, null, 'absent'],
  ['120', 120_000, 'seconds'],
  [' 5 ', 5_000, 'seconds with space about them'],
  ['0', null, 'no wait'],
  ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000, 'an HTTP date'],
  ['Tuesday, 24-Nov-26 12:00:30 GMT', 30_000, 'an obsolete one'],
  ['Tue, 24 Nov 2026 11:59:59 GMT', null, 'a date that is past'],
  ['-5', null, 'a number below zero'],
  ['1.5', null, 'a fraction'],
  ['soon', null, 'a word'],
  ['', null, 'nothing'],
  ['2026-11-24T12:01:00Z', null, 'a date that is no HTTP date'],
])('Retry-After: %p is %p ms: %s', (header, ms) => {
  expect(parseRetryAfter(header, NOW)).toBe(ms)
})
