import { describe, expect, test } from 'bun:test'
import { nanos } from '../../src/ledger/money.ts'
import { type Price, ratesWith } from '../../src/metering/price.ts'
import { costAt, serviceOf } from '../../src/metering/repricing.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'

const priceOf = (input: number): Price => ({
  rates: ratesWith({ input: nanos(input), output: nanos(2 * input) }),
  tiers: [],
  source: 'config',
})

describe('what a call costs at another price', () => {
  const tokens = { ...NO_USAGE, input: 10 }
  const unitsOnly: Price = { ...priceOf(0), hasTokens: false }

  test('is its usage times that', () => {
    expect(costAt(tokens, priceOf(3_000_000))).toBe(nanos(30))
  })

  test('is not known where the price has no rate for what was used', () => {
    expect(costAt(tokens, unitsOnly)).toBeNull()
    expect(costAt({ ...NO_USAGE, images: 1 }, priceOf(1))).toBeNull()
    const rates = { ...priceOf(1).rates, images: nanos(2_000_000) }
    expect(costAt({ ...NO_USAGE, images: 1 }, { ...priceOf(1), rates })).toBe(nanos(2))
    expect(costAt(NO_USAGE, unitsOnly)).toBe(nanos(0))
  })

  test('is of the tier that it was booked in', () => {
    expect(serviceOf({ ...priceOf(1), source: 'config, flex' })).toBe('flex')
    expect(serviceOf({ ...priceOf(1), source: 'config, batches' })).toBe('batch')
    expect(serviceOf(priceOf(1))).toBeNull()
  })
})
