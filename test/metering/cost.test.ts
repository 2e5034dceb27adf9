import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { fromDollars, type Nanos, nanos } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import { type Price, type Rates, ratesWith } from '../../src/metering/price.ts'
import { inputTokens, KINDS, NO_USAGE, type Usage } from '../../src/metering/usage.ts'

const ratesOf = (input: number, cachedInput: number, output: number): Rates => {
  const [read, cached, written] = [input, cachedInput, output].map(fromDollars) as Nanos[]
  return ratesWith({ input: read!, cachedInput: cached!, output: written! })
}
const flat = (rates: Rates): Price => ({ rates, tiers: [], source: 'test' })

// A row is a call: tokens and dollars a million, each as [input, cached, output]; nano-dollars.
type Three = [number, number, number]
test.each<[Three, Three, number, string]>([
  [[0, 0, 0], [3, 0.3, 15], 0, 'nothing used'],
  [[1_000, 0, 0], [3, 0.3, 15], 3_000_000, 'input only'],
  [[1_000, 500, 20], [3, 0.3, 15], 3_450_000, 'each kind at its own price'],
  [[1, 0, 0], [0.0125, 0, 0], 13, '12.5 is rounded up'],
  [[1, 1, 1], [0.0004, 0.0004, 0.0004], 2, 'three times 0.4 is rounded once: 2, not 3'],
  [[1, 0, 0], [0.000000001, 0, 0], 1, 'what is not nothing is not free'],
  [[1_000_000, 0, 1_000_000], [60, 0, 240], 300_000_000_000, 'past 2^53 on the way'],
  [[9_007, 0, 0], [1_000, 0, 0], 9_007_000_000, 'just below 2^53 on the way'],
])('%p tokens at %p dollars a million cost %p: %s', (tokens, dollars, cost) => {
  const [input, cachedInput, output] = tokens
  const usage = { ...NO_USAGE, input, cachedInput, output }
  expect(costOf(usage, flat(ratesOf(...dollars)))).toBe(nanos(cost))
})

test.each([
  [9_007_199_254_000_001, 9_007_199_255],
  [9_007_199_254_000_000, 9_007_199_254],
  [Number.MAX_SAFE_INTEGER, 9_007_199_255],
])('one millionth is rounded up even close to 2^53: %d', (rate, cost) => {
  const price = flat({ ...ratesOf(0, 0, 0), input: nanos(rate) })
  expect(costOf({ ...NO_USAGE, input: 1 }, price)).toBe(nanos(cost))
})

test('a cost that money cannot hold is our bug, and throws', () => {
  const price = flat({ ...ratesOf(0, 0, 0), input: nanos(Number.MAX_SAFE_INTEGER) })
  expect(() => costOf({ ...NO_USAGE, input: 1_000_000_000 }, price)).toThrow(RangeError)
})

describe('tiers', () => {
  const price: Price = {
    rates: ratesOf(1, 1, 1),
    tiers: [
      { inputTokensAbove: 128_000, rates: ratesOf(2, 2, 2) },
      { inputTokensAbove: 200_000, rates: ratesOf(4, 4, 4) },
    ],
    source: 'test',
  }

  test.each<[number, number, number]>([
    [0, 0, 0],
    [128_000, 0, 128_000],
    [128_001, 0, 256_002],
    [200_000, 0, 400_000],
    [200_001, 0, 800_004],
    [127_000, 1_000, 128_000],
    [127_000, 1_001, 256_002],
  ])(
    '%d plain and %d cached tokens are at the rates of the tier they reach',
    (input, cachedInput, micros) => {
      expect(costOf({ ...NO_USAGE, input, cachedInput }, price)).toBe(nanos(micros * 1000))
    },
  )

  test('what is written reaches no tier, and is paid by the tier that the input reached', () => {
    expect(costOf({ ...NO_USAGE, output: 300_000 }, price)).toBe(nanos(300_000_000))
    expect(costOf({ ...NO_USAGE, input: 200_001, output: 1 }, price)).toBe(nanos(800_008_000))
  })
})

const byKind = <T>(value: fc.Arbitrary<T>) =>
  fc.record(
    Object.fromEntries(KINDS.map((kind) => [kind, value])) as Record<
      (typeof KINDS)[number],
      fc.Arbitrary<T>
    >,
  )
const usages: fc.Arbitrary<Usage> = byKind(
  fc.oneof(fc.nat({ max: 300_000 }), fc.nat({ max: 100_000_000 })),
)
const rates: fc.Arbitrary<Rates> = byKind(
  fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 1_000_000_000_000 })).map(nanos),
)
const prices: fc.Arbitrary<Price> = fc
  .record({
    rates,
    starts: fc.uniqueArray(fc.nat({ max: 1_000_000 }), { maxLength: 3 }),
    tiers: fc.tuple(rates, rates, rates),
  })
  .map(({ rates, starts, tiers }) => ({
    rates,
    tiers: starts
      .sort((a, b) => a - b)
      .map((inputTokensAbove, i) => ({ inputTokensAbove, rates: tiers[i] as Rates })),
    source: 'test',
  }))

/** As plainly as it can be said. */
function naiveCost(usage: Usage, price: Price): bigint {
  let { rates } = price
  for (const tier of price.tiers) {
    if (inputTokens(usage) > tier.inputTokensAbove) rates = tier.rates
  }
  let total = 0n
  for (const kind of KINDS) total += BigInt(usage[kind]) * BigInt(rates[kind] ?? 0)
  return total / 1_000_000n + (total % 1_000_000n > 0n ? 1n : 0n)
}

test('is what exact arithmetic says, for small calls and for large', () => {
  fc.assert(
    fc.property(usages, prices, (usage, price) => {
      expect(BigInt(costOf(usage, price))).toBe(naiveCost(usage, price))
    }),
    { numRuns: 2_000 },
  )
})

test('the fast way and the exact way meet at 2^53 without a step', () => {
  const near = fc.integer({ min: -3_000_000, max: 3_000_000 })
  fc.assert(
    fc.property(near, (offset) => {
      const input = 100_000_000
      const rate = nanos(Math.floor((2 ** 53 + offset) / input))
      const price = flat({ ...ratesOf(0, 0, 0), input: rate, output: nanos(1) })
      const usage = { ...NO_USAGE, input, output: 99_000_000 + Math.abs(offset) }
      expect(BigInt(costOf(usage, price))).toBe(naiveCost(usage, price))
    }),
  )
})

test('more tokens never cost less at one price', () => {
  fc.assert(
    fc.property(
      usages,
      rates,
      fc.constantFrom(...KINDS),
      fc.nat({ max: 1000 }),
      (usage, rates, kind, more) => {
        const larger = { ...usage, [kind]: usage[kind] + more }
        expect(costOf(larger, flat(rates))).toBeGreaterThanOrEqual(costOf(usage, flat(rates)))
      },
    ),
  )
})

test('two calls cost what they cost together, but for the rounding of one nano-dollar', () => {
  fc.assert(
    fc.property(usages, usages, rates, (a, b, rates) => {
      const both = Object.fromEntries(KINDS.map((kind) => [kind, a[kind] + b[kind]])) as Usage
      const apart = costOf(a, flat(rates)) + costOf(b, flat(rates))
      const together = costOf(both, flat(rates))
      expect(apart - together).toBeGreaterThanOrEqual(0)
      expect(apart - together).toBeLessThanOrEqual(1)
    }),
  )
})
