import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { monthOf, monthStart } from '../../src/ledger/day.ts'
import { nanos } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import { type Price, ratesWith } from '../../src/metering/price.ts'
import {
  cardOf,
  chargeOf,
  grossOf,
  readCard,
  takenOff,
  tokensOf,
} from '../../src/metering/rate-card.ts'
import { NO_USAGE, type Usage } from '../../src/metering/usage.ts'

const price: Price = {
  rates: ratesWith({ input: nanos(3e9), cachedInput: nanos(1), output: nanos(15e9) }),
  tiers: [],
  source: 'test',
}
const usage = fc
  .record({ input: fc.nat(200_000), cachedInput: fc.nat(5_000), output: fc.nat(100_000) })
  .map((some): Usage => ({ ...NO_USAGE, ...some }))
const dollars = fc.nat(5_000_000).map((nano) => nano / 1e9)
const given = fc.record(
  {
    markup_percent: fc.integer({ min: -1_000_000, max: 5_000_000 }).map((parts) => parts / 1e4),
    prices: fc.constant({ m: { input_cost_per_token: 0.000002, output_cost_per_token: 0 } }),
    fee_per_call: dollars,
    minimum_per_call: dollars,
    free_allowance: fc.oneof(
      fc.record({ tokens: fc.nat(500_000) }),
      fc.record({ dollars: fc.nat(500_000_000).map((nano) => nano / 1e9) }),
    ),
  },
  { requiredKeys: [] },
)
const model = fc.constantFrom('m', 'n', 'constructor')

function card(json: unknown) {
  const read = readCard(json)
  if ('problem' in read) throw new Error(`${read.key} ${read.problem}`)
  return read.card
}

describe('a charge', () => {
  test('is the card’s rule to the nano-dollar, rounded up', () => {
    const used = { model: 'n', usage: { ...NO_USAGE, input: 10 }, cost: nanos(1_001) }
    expect(chargeOf(card({ markup_percent: 25 }), used, 0).charge as number).toBe(1_252)
    expect(chargeOf(card({ markup_percent: -100 }), used, 0).charge as number).toBe(0)
    expect(chargeOf(card({ fee_per_call: 0.000001 }), used, 0).charge as number).toBe(2_001)
    expect(chargeOf(card({ minimum_per_call: 0.000005 }), used, 0).charge as number).toBe(5_000)
    const prices = { n: { input_cost_per_token: 0.0000005, output_cost_per_token: 0.000001 } }
    expect(chargeOf(card({ markup_percent: 25, prices }), used, 0).charge as number).toBe(5_000)
  })

  test('of a call that used nothing is nothing, whatever the fee', () => {
    const used = { model: 'n', usage: NO_USAGE, cost: nanos(0) }
    expect(grossOf(card({ fee_per_call: 1, minimum_per_call: 2 }), used) as number).toBe(0)
  })

  test('is exact: the same as in fractions of whole numbers', () => {
    fc.assert(
      fc.property(given, usage, (json, usage) => {
        const { markup, fee, minimum } = card({ ...json, prices: null })
        const cost = costOf(usage, price)
        const marked = (BigInt(cost) * BigInt(1_000_000 + markup) + 999_999n) / 1_000_000n
        const used = tokensOf(usage) === 0 ? 0 : Math.max(Number(marked) + fee, minimum)
        const gross = grossOf(card({ ...json, prices: null }), { model: 'x', usage, cost })
        expect(gross as number).toBe(used)
      }),
    )
  })

  test('takes no more from the allowance than is left, and never becomes less than nothing', () => {
    fc.assert(
      fc.property(given, usage, model, fc.nat(1_000_000), (json, usage, model, left) => {
        const own = card(json)
        const used = { model, usage, cost: costOf(usage, price) }
        const { charge, freeTokens, freeMoney } = chargeOf(own, used, left)
        expect(charge).toBeGreaterThanOrEqual(0)
        expect(freeTokens).toBeLessThanOrEqual(left)
        expect(freeMoney).toBeLessThanOrEqual(left)
        const gross = grossOf(own, used)
        const tokens = tokensOf(usage)
        const off =
          own.allowance === null
            ? 0
            : takenOff(own.allowance, { gross, tokens }, freeTokens + freeMoney)
        expect(charge as number).toBe(gross - off)
      }),
    )
  })

  test('is no less for more usage, with as much left of the allowance', () => {
    fc.assert(
      fc.property(given, usage, usage, fc.nat(400_000), (json, one, more, left) => {
        const own = card(json)
        const both = { ...NO_USAGE } as Record<keyof Usage, number>
        for (const kind of Object.keys(both) as (keyof Usage)[]) both[kind] = one[kind] + more[kind]
        const chargeFor = (usage: Usage) =>
          chargeOf(own, { model: 'm', usage, cost: costOf(usage, price) }, left).charge
        expect(chargeFor(both)).toBeGreaterThanOrEqual(chargeFor(one))
      }),
    )
  })
})

describe('a card', () => {
  test('is kept as one text, in whatever order its fields came', () => {
    const [one, other] = [
      { fee_per_call: 1, markup_percent: 5, currency: null },
      { markup_percent: 5, fee_per_call: 1 },
    ].map(readCard)
    expect(one).toEqual(other!)
    expect(cardOf((one as { text: string }).text)).toMatchObject({ markup: 50_000, fee: 1e9 })
  })

  test.each([
    [5, 'must be an object, got 5'],
    [{ markup: 5 }, 'has no field markup; there are markup_percent'],
    [{ markup_percent: -101 }, 'must be a percentage from -100'],
    [{ markup_percent: 0.00001 }, 'must be a percentage from -100'],
    [{ prices: { m: { input_cost_per_token: 1 } } }, 'output_cost_per_token is missing'],
    [{ prices: { m: { cost: 1 } } }, 'has no price cost'],
    [{ fee_per_call: -1 }, 'must be dollars, from 0'],
    [{ fee_per_call: '1' }, 'must be dollars, from 0'],
    [{ free_allowance: { tokens: 1, dollars: 1 } }, 'must be {"tokens": …} or {"dollars": …}'],
    [{ free_allowance: { tokens: 0.5 } }, 'must be {"tokens": …} or {"dollars": …}'],
    [{ currency: { code: 'EUR' } }, 'must be {"code": "EUR", "rate": 0.92}'],
  ])('%j is refused: it %s', (json, problem) => {
    expect((readCard(json) as { problem: string }).problem).toStartWith(problem)
  })

  test('has months of UTC', () => {
    const last = Date.UTC(2026, 0, 31, 23, 59, 59, 999)
    expect(monthOf(last + 1)).toBe(monthOf(last) + 1)
    expect(monthStart(monthOf(last))).toBe(Date.UTC(2026, 0, 1))
  })
})
