import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import type { Price } from '../../src/metering/price.ts'
import {
  type ConfigPrices,
  PRICE_KEYS,
  pricesFromConfig,
  ratePerMillion,
} from '../../src/metering/prices.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'

describe('ratePerMillion', () => {
  test.each<[number | string, number | null, string]>([
    [1.5e-7, 150_000_000, '15 cents a million, which floats make 149999999.99999997'],
    [0.00000015, 150_000_000, 'the same, written out'],
    ['1.5e-7', 150_000_000, 'the same as text: YAML 1.1 reads 1e-6 as text'],
    ['1.50E-07', 150_000_000, 'and with zeros'],
    [' .000003 ', 3_000_000_000, 'without the zero in front'],
    [0, 0, 'free, because somebody says so'],
    [-0, 0, 'the other zero'],
    ['0.0', 0, 'zero as text'],
    [1e-15, 1, 'the least there is'],
    [9.0071992547e-8, null, 'finer than a nano-dollar for a million, if not by much'],
    [1e-16, null, 'finer than a nano-dollar for a million'],
    [9, 9_000_000_000_000_000, 'nine dollars a token'],
    ['9.007199254740992', null, 'past what money holds'],
    [1e300, null, 'far past it'],
    [-1e-6, null, 'negative'],
    [Number.NaN, null, 'not a number'],
    [Number.POSITIVE_INFINITY, null, 'not finite'],
    ['', null, 'nothing'],
    ['.', null, 'a dot'],
    ['e-6', null, 'an exponent alone'],
    ['0x10', null, 'hexadecimal'],
    ['1e-6 USD', null, 'with a unit'],
    ['1e99999', null, 'an absurd exponent'],
  ])('%p is %p: %s', (dollars, rate) => {
    expect(ratePerMillion(dollars)).toBe(rate as never)
  })

  test('gives back every rate that can be written as dollars for a token', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (rate) => {
        const digits = String(rate).padStart(16, '0')
        const dollars = `${digits.slice(0, -15)}.${digits.slice(-15)}`
        expect(ratePerMillion(dollars)).toBe(nanos(rate))
      }),
    )
  })

  test('a number means the decimal it prints as', () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999 }), fc.integer({ min: 6, max: 15 }), (digits, places) => {
        const rate = ratePerMillion(Number(`${digits}e-${places}`))
        expect(rate).toBe(nanos(digits * 10 ** (15 - places)))
      }),
    )
  })
})

const plain = { input_cost_per_token: 3e-6, output_cost_per_token: 15e-6 }

const priceOf = (params: object): Price => (pricesFromConfig({ ...params }) as ConfigPrices).price

describe('pricesFromConfig', () => {
  test('is null when there is no price at all, and null values are none', () => {
    expect(pricesFromConfig({})).toBeNull()
    expect(pricesFromConfig({ model: 'gpt-4o', rpm: 5 })).toBeNull()
    expect(pricesFromConfig({ input_cost_per_token: null })).toBeNull()
  })

  test('a kind without a price of its own costs what plain input or output costs', () => {
    const [read, written] = [nanos(3_000_000_000), nanos(15_000_000_000)]
    expect(pricesFromConfig(plain)).toEqual({
      price: {
        rates: {
          input: read,
          cachedInput: read,
          cacheWrite: read,
          cacheWriteHour: read,
          inputAudio: read,
          inputImage: read,
          output: written,
          reasoning: written,
          outputAudio: written,
          outputImage: written,
        },
        tiers: [],
        source: 'config',
      },
      services: {},
    })
  })

  test('a cache of an hour costs what one of five minutes costs, unless it has a price', () => {
    const cached = { ...plain, cache_creation_input_token_cost: 4e-6 }
    expect(priceOf(cached).rates.cacheWriteHour).toBe(nanos(4_000_000_000))
    const both = { ...cached, cache_creation_input_token_cost_above_1hr: 6e-6 }
    expect(priceOf(both).rates.cacheWriteHour).toBe(nanos(6_000_000_000))
  })

  test('a service tier has prices of its own, and for what it does not name the usual ones', () => {
    const { services } = pricesFromConfig({
      ...plain,
      cache_read_input_token_cost: 1e-6,
      input_cost_per_token_above_200k_tokens: 6e-6,
      input_cost_per_token_priority: 5e-6,
      output_cost_per_token_priority: 25e-6,
      input_cost_per_token_above_200k_tokens_priority: 10e-6,
      output_cost_per_token_flex: 7e-6,
    }) as ConfigPrices
    expect(Object.keys(services)).toEqual(['flex', 'priority'])
    expect(services.priority).toMatchObject({
      rates: { input: nanos(5e9), cachedInput: nanos(1e9), output: nanos(25e9) },
      tiers: [{ inputTokensAbove: 200_000, rates: { input: nanos(10e9), output: nanos(25e9) } }],
      source: 'config, priority',
    })
    expect(services.flex).toMatchObject({
      rates: { input: nanos(3e9), output: nanos(7e9) },
      tiers: [{ inputTokensAbove: 200_000, rates: { input: nanos(6e9) } }],
    })
  })

  test('each kind is read from its own key', () => {
    const price = priceOf({
      input_cost_per_token: 1e-6,
      cache_read_input_token_cost: 2e-6,
      cache_creation_input_token_cost: 3e-6,
      cache_creation_input_token_cost_above_1hr: 4e-6,
      input_cost_per_audio_token: 5e-6,
      input_cost_per_image_token: 6e-6,
      output_cost_per_token: 7e-6,
      output_cost_per_reasoning_token: 8e-6,
      output_cost_per_audio_token: 9e-6,
      output_cost_per_image_token: 10e-6,
    })
    const dollars = Object.values(price.rates).map((rate) => rate / 1e9)
    expect(dollars.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('tiers are ascending, and what a tier does not name costs what it costs outside', () => {
    const price = priceOf({
      ...plain,
      cache_read_input_token_cost: '3e-7',
      output_cost_per_token_above_200k_tokens: 22.5e-6,
      input_cost_per_token_above_200k_tokens: 6e-6,
      input_cost_per_token_above_128k_tokens: 4e-6,
    })
    expect(price.tiers.map(({ inputTokensAbove }) => inputTokensAbove)).toEqual([128_000, 200_000])
    expect(price.tiers[0]?.rates).toMatchObject({
      input: nanos(4_000_000_000),
      cacheWrite: nanos(4_000_000_000),
      cachedInput: nanos(300_000_000),
      output: nanos(15_000_000_000),
    })
    expect(price.tiers[1]?.rates).toMatchObject({
      input: nanos(6_000_000_000),
      output: nanos(22_500_000_000),
      reasoning: nanos(22_500_000_000),
    })
  })

  test('zero is a price', () => {
    const price = priceOf({ input_cost_per_token: 0, output_cost_per_token: '0' })
    expect(costOf({ ...NO_USAGE, input: 1_000_000, output: 1_000_000 }, price)).toBe(nanos(0))
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['input without output', { input_cost_per_token: 1e-6 }, 'output_cost_per_token'],
    ['output without input', { output_cost_per_token: 1e-6 }, 'input_cost_per_token'],
    ['a cache price alone', { cache_read_input_token_cost: 1e-6 }, 'input_cost_per_token'],
    ['a negative price', { ...plain, input_cost_per_token: -1e-6 }, 'input_cost_per_token'],
    [
      'a price that is no number',
      { ...plain, output_cost_per_token: 'cheap' },
      'output_cost_per_token',
    ],
    ['a list', { ...plain, output_cost_per_token: [1e-6] }, 'output_cost_per_token'],
    ['true', { ...plain, output_cost_per_token: true }, 'output_cost_per_token'],
    [
      'a wrong price of a tier',
      { ...plain, input_cost_per_token_above_200k_tokens: Number.NaN },
      'input_cost_per_token_above_200k_tokens',
    ],
  ])('%s is a problem that names the key', (_, params, key) => {
    const price = pricesFromConfig(params) as { problem: string; key: string }
    expect(price.key).toBe(key)
    expect(price.problem).toStartWith(`${key} `)
  })

  test('the sentence says what was there and what would be right', () => {
    expect(pricesFromConfig({ ...plain, input_cost_per_token: -2 })).toEqual({
      problem:
        'input_cost_per_token must be dollars for one token: from 0 to 9, to 15 decimal places; got -2',
      key: 'input_cost_per_token',
    })
    expect(pricesFromConfig({ input_cost_per_token: 2e-8 })).toEqual({
      problem:
        'output_cost_per_token is missing beside the other prices; add it, or 0 if it is free ' +
        '(nothing is free unless the config says so)',
      key: 'output_cost_per_token',
    })
  })

  test('reads every key that it lists', () => {
    for (const key of PRICE_KEYS) {
      expect(pricesFromConfig({ ...plain, [key]: -1 }), key).toMatchObject({ key })
    }
  })

  test('whatever a config says, it is a price, a problem, or null', () => {
    const params = fc.dictionary(fc.constantFrom(...PRICE_KEYS), fc.anything())
    fc.assert(
      fc.property(params, (params) => {
        const prices = pricesFromConfig(params)
        const isPrice = prices !== null && 'price' in prices && prices.price.source === 'config'
        expect(prices === null || 'problem' in prices || isPrice).toBe(true)
      }),
    )
  })
})
