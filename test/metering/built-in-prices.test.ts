import { describe, expect, test } from 'bun:test'
import { type Nanos, nanos, ZERO } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import type { Price } from '../../src/metering/price.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import { NO_USAGE, TOKEN_KINDS } from '../../src/metering/usage.ts'

const NOVEMBER = Date.parse('2026-11-24')

const priceOf = (name: string, at: number | null = NOVEMBER) => {
  const slash = name.indexOf('/')
  return builtInPrice(name.slice(0, slash), name.slice(slash + 1), at)
}

// As the providers publish them: dollars for a million of input, cached input, output.
test.each<[string, number, number, number]>([
  ['openai/gpt-4o', 2.5, 1.25, 10],
  ['openai/gpt-4o-2024-08-06', 2.5, 1.25, 10],
  ['openai/gpt-4o-20240806', 2.5, 1.25, 10],
  ['openai/gpt-4o-mini', 0.15, 0.075, 0.6],
  ['openai/gpt-4.1', 2, 0.5, 8],
  ['openai/gpt-5', 1.25, 0.125, 10],
  ['openai/gpt-5-mini', 0.25, 0.025, 2],
  ['openai/o3', 2, 0.5, 8],
  ['openai/o4-mini', 1.1, 0.275, 4.4],
  ['azure/gpt-4o', 2.5, 1.25, 10],
  ['anthropic/claude-sonnet-4-20250514', 3, 0.3, 15],
  ['anthropic/claude-sonnet-4-5-20250929', 3, 0.3, 15],
  ['anthropic/claude-opus-4-1-20250805', 15, 1.5, 75],
  ['anthropic/claude-opus-4-6', 5, 0.5, 25],
  ['anthropic/claude-haiku-4-5-20251001', 1, 0.1, 5],
  ['vertex_ai/claude-sonnet-4@20250514', 3, 0.3, 15],
  ['gemini/gemini-2.5-pro', 1.25, 0.125, 10],
  ['gemini/gemini-2.5-flash', 0.3, 0.03, 2.5],
  ['groq/llama-3.3-70b-versatile', 0.59, 0.59, 0.79],
  ['groq/llama-3.1-8b-instant', 0.05, 0.05, 0.08],
  ['xai/grok-4', 3, 0.75, 15],
  ['together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo', 0.88, 0.88, 0.88],
])('%s costs %d, %d, %d dollars a million', (name, input, cachedInput, output) => {
  const rates = priceOf(name)?.rates
  const dollars = [rates?.input, rates?.cachedInput, rates?.output].map(
    (rate) => Number(rate) / 1e9,
  )
  expect(dollars).toEqual([input, cachedInput, output])
})

test.each<[string, object, number]>([
  // 1,000 x 2.5 + 500 x 10, per million
  ['openai/gpt-4o', { input: 1_000, output: 500 }, 7_500_000],
  // 200 x 3 + 600 x 0.3 + 300 x 3.75 + 50 x 15
  [
    'anthropic/claude-sonnet-4-20250514',
    { input: 200, cachedInput: 600, cacheWrite: 300, output: 50 },
    2_655_000,
  ],
  // 200,000 x 1.25 + 1,000 x 10, and one token later 200,001 x 2.5 + 1,000 x 15
  ['gemini/gemini-2.5-pro', { input: 200_000, reasoning: 1_000 }, 260_000_000],
  ['gemini/gemini-2.5-pro', { input: 200_001, reasoning: 1_000 }, 515_002_500],
  // 100 x 6, an hour's cache being twice the input, + 10 x 3.75
  ['anthropic/claude-sonnet-4-20250514', { cacheWriteHour: 100, cacheWrite: 10 }, 637_500],
  // 20 of text x 0.3 + 100 of sound x 1
  ['gemini/gemini-2.5-flash', { input: 20, inputAudio: 100 }, 106_000],
])('a call of %s with %p costs %d nano-dollars', (name, kinds, cost) => {
  expect(costOf({ ...NO_USAGE, ...kinds }, priceOf(name) as Price)).toBe(nanos(cost))
})

describe('prices that change', () => {
  test('on a day that is known, the price of that day', () => {
    const output = (day: string) => priceOf('openai/o3', Date.parse(day))?.rates.output
    expect(output('2025-06-09')).toBe(nanos(40_000_000_000))
    expect(output('2025-06-10')).toBe(nanos(8_000_000_000))
  })

  test('else the latest, even if its day is yet to come', () => {
    expect(priceOf('openai/o3', null)?.rates.output).toBe(nanos(8_000_000_000))
    const input = (at: number | null) => priceOf('gemini/gemini-3.6-flash', at)?.rates.input
    expect(input(NOVEMBER)).toBe(nanos(750_000_000))
    expect(input(null)).toBe(nanos(1_500_000_000))
  })

  test('by the hour: the dearest hour, so that no budget is passed at it', () => {
    expect(priceOf('deepseek/deepseek-chat')?.rates).toMatchObject({
      input: nanos(270_000_000),
      cachedInput: nanos(70_000_000),
      output: nanos(1_100_000_000),
    })
    expect(priceOf('deepseek/deepseek-v4-flash')?.rates.output).toBe(nanos(1_320_000_000))
    const before = Date.parse('2026-08-01')
    expect(priceOf('deepseek/deepseek-v4-flash', before)?.rates.input).toBe(nanos(440_000_000))
  })
})

test.each([
  ['openai/no-such-model', 'the data does not know it'],
  ['nobody/gpt-4o', 'nobody is no provider'],
  ['openai/', 'it has no name'],
  ['ollama/llama3', 'it runs where nobody publishes prices'],
  ['perplexity/sonar', 'it is paid by the request too'],
  ['gemini/gemma-3-27b-it', 'the data has no prices for it'],
  ['openai/gpt-4o-audio-preview', 'the data lacks its price of sound'],
  ['openai/gpt-4o-search-preview-2025-03-11', 'each call of it searches, for a fee'],
  ['mistral/mistral-ocr-latest', 'it is paid by the page'],
])('%s has no built-in price: %s', (name) => {
  expect(priceOf(name)).toBeNull()
})

test('a model that only reads has its output at the price of its input, and not for nothing', () => {
  const rate = nanos(20_000_000)
  expect(priceOf('openai/text-embedding-3-small')?.rates).toMatchObject({
    input: rate,
    output: rate,
  })
})

test('a third of a cent that floats made longer is taken to the nearest nano-dollar', () => {
  const price = priceOf('openrouter/google/gemini-2.5-flash-lite')
  expect(price?.rates.cacheWrite).toBe(nanos(83_333_333))
})

test('the demo has its made-up price, and every source is named', () => {
  expect(priceOf('demo/demo')?.rates.output).toBe(nanos(15_000_000_000))
  expect(priceOf('demo/slow')?.source).toBe('demo')
  expect(priceOf('gemini/gemini-2.5-pro')?.source).toBe('genai-prices google/gemini-2.5-pro')
})

test('names are matched whatever their case', () => {
  expect(priceOf('openai/GPT-4o')).toEqual(priceOf('openai/gpt-4o'))
})

/** The whole data, through the package's own look-up of providers. */
test('every price of the data is whole, not negative, and its tiers ascend', () => {
  const { findProvider } =
    require('@pydantic/genai-prices') as typeof import('@pydantic/genai-prices')
  let priced = 0
  for (const provider of [
    'openai',
    'anthropic',
    'google',
    'mistral',
    'groq',
    'openrouter',
    'aws',
  ]) {
    for (const model of findProvider({ providerId: provider })?.models ?? []) {
      const price = builtInPrice(provider, model.id, NOVEMBER)
      if (price === null) continue
      priced++
      for (const rates of [price.rates, ...price.tiers.map((tier) => tier.rates)]) {
        for (const kind of TOKEN_KINDS) expect(rates[kind], model.id).toBeGreaterThanOrEqual(ZERO)
        expect(rates.input, model.id).toBe(nanos(rates.input) as Nanos)
      }
      const starts = price.tiers.map(({ inputTokensAbove }) => inputTokensAbove)
      expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    }
  }
  expect(priced).toBeGreaterThan(700)
})

test('a host of a model that its maker sells cheaper has no price of the maker', () => {
  expect(builtInPrice('deepseek', 'deepseek-reasoner')).not.toBeNull()
  expect(builtInPrice('azure_ai', 'DeepSeek-R1')).toBeNull()
  expect(builtInPrice('azure', 'gpt-4o')).not.toBeNull()
})

test('a provider that the data does not know has the prices of no other', () => {
  expect(builtInPrice('cohere', 'command-a-03-2025')).not.toBeNull()
  expect(builtInPrice('huggingface_cohere', 'command-a-03-2025')).toBeNull()
  expect(builtInPrice('my_openai_proxy', 'gpt-4o')).toBeNull()
})
