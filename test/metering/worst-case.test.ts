import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import type { Price, Rates } from '../../src/metering/price.ts'
import { NO_USAGE, TOKEN_KINDS, type Usage } from '../../src/metering/usage.ts'
import {
  type Demand,
  outputWithin,
  type Room,
  sizeWithin,
  wholeSize,
  worstCase,
  worstRates,
} from '../../src/metering/worst-case.ts'

const rules = { share: 0.5, outputTokensMin: 16, outputTokensMaxDefault: 4096 }
const rate = fc.integer({ min: 0, max: 600_000_000_000 }).map(nanos)
const tokens = fc.integer({ min: 0, max: 2_000_000 })
const allRates = fc.record(
  Object.fromEntries(
    [...TOKEN_KINDS, 'images', 'audioMs', 'characters'].map((kind) => [kind, rate]),
  ),
) as unknown as fc.Arbitrary<Rates>
const price: fc.Arbitrary<Price> = fc.record({
  rates: allRates,
  tiers: fc.array(fc.record({ inputTokensAbove: tokens, rates: allRates }), { maxLength: 2 }),
  source: fc.constant('test'),
})
const worst = fc.record({ input: rate, output: rate, besides: rate })
const demand: fc.Arbitrary<Demand> = fc
  .record({
    seenTokens: tokens,
    unseenTokens: fc.oneof(fc.constant(0), tokens),
    cap: fc.option(fc.integer({ min: 0, max: 200_000 })),
    choices: fc.integer({ min: 1, max: 4 }),
    modelMax: fc.option(fc.integer({ min: 1, max: 200_000 })),
    rates: fc.option(worst, { freq: 10 }),
  })
  .map(({ seenTokens, ...rest }) => ({ inputTokens: seenTokens + rest.unseenTokens, ...rest }))
const count = fc.nat({ max: 10_000 })
const ALL = { hasAudio: true, hasImages: true, hasHourCache: () => true }
const INPUTS = TOKEN_KINDS.slice(0, 6)
const OUTPUTS = TOKEN_KINDS.slice(6)
const money = fc.integer({ min: 0, max: 9_000_000_000_000_000 }).map(nanos)

test('no usage within the tokens costs more than their worst case, whatever its kinds', () => {
  fc.assert(
    fc.property(
      price,
      tokens,
      tokens,
      fc.array(fc.nat({ max: 100 }), { minLength: 7, maxLength: 7 }),
      fc.record({ images: count, audioMs: count, characters: count }),
      (price, input, output, parts, units) => {
        const tiers = price.tiers.toSorted((a, b) => a.inputTokensAbove - b.inputTokensAbove)
        const usage = { ...NO_USAGE, ...units } as Record<keyof Usage, number>
        const spread = (kinds: readonly (keyof Usage)[], total: number) => {
          let left = total
          for (const [index, kind] of kinds.entries()) {
            const share = Math.min(left, Math.floor((total * parts[index]!) / 100))
            usage[kind] += share
            left -= share
          }
          usage[kinds[0]!] += left
        }
        spread(INPUTS, input)
        spread(OUTPUTS, output)
        const sorted = { ...price, tiers }
        const rates = worstRates([sorted], { ...ALL, units, inputTokens: input })
        expect(costOf(usage, sorted)).toBeLessThanOrEqual(worstCase({ input, output }, rates))
      },
    ),
  )
})

test('the most output within a room fits it, and one token more does not', () => {
  fc.assert(
    fc.property(money, tokens, worst, (room, inputTokens, rates) => {
      const output = outputWithin(room, { inputTokens, rates })
      if (output < 0)
        expect(worstCase({ input: inputTokens, output: 0 }, rates)).toBeGreaterThan(room)
      else if (output < Number.MAX_SAFE_INTEGER) {
        expect(worstCase({ input: inputTokens, output }, rates)).toBeLessThanOrEqual(room)
        expect(worstCase({ input: inputTokens, output: output + 1 }, rates)).toBeGreaterThan(room)
      }
    }),
  )
})

describe('what is held under a limit', () => {
  test('is within the room, and covers all that its cap allows', () => {
    fc.assert(
      fc.property(fc.option(money), fc.option(tokens), demand, (money, tokens, demand) => {
        const size = sizeWithin({ money, tokens }, demand, rules)
        if (size === null) return
        if (money !== null) expect(size.worstCase).toBeLessThanOrEqual(money)
        if (tokens !== null) expect(size.seenTokens + size.outputTokens).toBeLessThanOrEqual(tokens)
        const each =
          size.cap ??
          Math.min(
            demand.cap ?? Number.POSITIVE_INFINITY,
            demand.modelMax ?? Number.POSITIVE_INFINITY,
          )
        if (Number.isFinite(each))
          expect(each * demand.choices).toBeLessThanOrEqual(size.outputTokens)
        const { inputTokens: input, rates } = demand
        expect(size.seenTokens).toBe(input - demand.unseenTokens)
        expect(size.worstCase).toBe(worstCase({ input, output: size.outputTokens }, rates))
      }),
    )
  })

  test('never caps above what the client asked, nor below what is worth sending', () => {
    fc.assert(
      fc.property(fc.option(money), fc.option(tokens), demand, (money, tokens, demand) => {
        const size = sizeWithin({ money, tokens }, demand, rules)
        if (size === null || size.cap === null) return
        if (demand.cap !== null) expect(size.cap).toBeLessThanOrEqual(demand.cap)
        const most = wholeSize(demand, rules).outputTokens / demand.choices
        expect(size.cap).toBeGreaterThanOrEqual(Math.min(rules.outputTokensMin, most))
      }),
    )
  })

  test('is refused only when not even the least fits', () => {
    fc.assert(
      fc.property(fc.option(money), fc.option(tokens), demand, (money, tokens, demand) => {
        if (sizeWithin({ money, tokens }, demand, rules) !== null) return
        const most = wholeSize(demand, rules).outputTokens / demand.choices
        const output = Math.min(rules.outputTokensMin, most) * demand.choices
        const { inputTokens: input, rates } = demand
        const overMoney = money !== null && worstCase({ input, output }, rates) > money
        const overTokens = tokens !== null && input - demand.unseenTokens + output > tokens
        expect(overMoney || overTokens).toBe(true)
      }),
    )
  })

  const rates = { input: nanos(3e9), output: nanos(15e9), besides: nanos(0) }
  const call = (more: Partial<Demand>): Demand => ({
    inputTokens: 1_000,
    unseenTokens: 0,
    cap: null,
    choices: 1,
    modelMax: 16_384,
    rates,
    ...more,
  })
  const cents = (n: number) => ({ money: nanos(n * 10_000_000), tokens: null })
  test.each<[string, Room, Demand, object | null]>([
    [
      'all of it, when it fits, without a cap',
      cents(100),
      call({}),
      { cap: null, outputTokens: 16_384 },
    ],
    [
      'half of what is left, when it does not',
      cents(10),
      call({}),
      { cap: 3_133, outputTokens: 3_133 },
    ],
    ['all that fits of the client’s own cap', cents(10), call({ cap: 10_000 }), { cap: 6_466 }],
    ['the client’s own cap as it is, when it fits', cents(10), call({ cap: 1_000 }), { cap: null }],
    [
      'for each of two answers half',
      cents(10),
      call({ cap: 10_000, choices: 2 }),
      { cap: 3_233, outputTokens: 6_466 },
    ],
    [
      'the assumed most, and says so upstream, for a model nobody knows',
      cents(100),
      call({ modelMax: null }),
      { cap: 4_096 },
    ],
    [
      'the least, when the share would be less',
      { money: nanos(3_300_000), tokens: null },
      call({}),
      { cap: 16 },
    ],
    [
      'nothing, when not even the least fits',
      { money: nanos(3_239_999), tokens: null },
      call({}),
      null,
    ],
    [
      'a client’s cap below the least',
      { money: nanos(3_015_000), tokens: null },
      call({ cap: 1 }),
      { cap: null, outputTokens: 1 },
    ],
    [
      'tokens of the minute as well as money',
      { money: null, tokens: 2_000 },
      call({ cap: 4_000 }),
      { cap: 1_000 },
    ],
  ])('is %s', (_, room, demand, size) => {
    const held = sizeWithin(room, demand, rules)
    if (size === null) expect(held).toBeNull()
    else expect(held).toMatchObject(size)
  })
})
