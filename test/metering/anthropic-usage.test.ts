import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  anthropicUsage,
  openaiUsage,
  streamedUsage,
  usageFromAnthropic,
} from '../../src/metering/anthropic-usage.ts'
import { costOf } from '../../src/metering/cost.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import {
  inputTokens,
  NO_USAGE,
  outputTokens,
  type Usage,
  usageFromOpenAI,
} from '../../src/metering/usage.ts'

// A row is what Anthropic sends, and the kinds that are not 0.
test.each<[string, object, Partial<Usage>]>([
  ['plain', { input_tokens: 2095, output_tokens: 503 }, { input: 2095, output: 503 }],
  [
    // https://docs.claude.com/en/docs/build-with-claude/prompt-caching
    'caches beside the input, by how long they last',
    {
      input_tokens: 2048,
      cache_read_input_tokens: 1800,
      cache_creation_input_tokens: 248,
      output_tokens: 503,
      cache_creation: { ephemeral_5m_input_tokens: 148, ephemeral_1h_input_tokens: 100 },
    },
    { input: 2048, cachedInput: 1800, cacheWrite: 148, cacheWriteHour: 100, output: 503 },
  ],
  [
    'a write that nobody says the time of, for five minutes',
    { input_tokens: 21, cache_creation_input_tokens: 188086, output_tokens: 393 },
    { input: 21, cacheWrite: 188086, output: 393 },
  ],
  [
    'members that are null',
    {
      input_tokens: 1,
      cache_read_input_tokens: null,
      cache_creation_input_tokens: null,
      cache_creation: null,
      output_tokens: 2,
      output_tokens_details: null,
      server_tool_use: null,
      service_tier: 'standard',
    },
    { input: 1, output: 2 },
  ],
  [
    'thinking as a part of the output',
    { input_tokens: 30, output_tokens: 500, output_tokens_details: { thinking_tokens: 420 } },
    { input: 30, output: 80, reasoning: 420 },
  ],
  [
    'a conversation made shorter on the way, which is in the iterations alone',
    {
      input_tokens: 23_000,
      output_tokens: 1_000,
      iterations: [
        { type: 'compaction', input_tokens: 180_000, output_tokens: 3_500 },
        { type: 'message', input_tokens: 23_000, output_tokens: 1_000 },
      ],
    },
    { input: 203_000, output: 4_500 },
  ],
  [
    'parts that are more than their whole',
    {
      input_tokens: 0,
      cache_creation_input_tokens: 10,
      cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 5 },
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 9 },
    },
    { cacheWrite: 20, cacheWriteHour: 5, reasoning: 7 },
  ],
])('%s', (_, json, kinds) => {
  expect(usageFromAnthropic(json)).toEqual({ ...NO_USAGE, ...kinds })
})

test.each([
  [null],
  ['12'],
  [{ output_tokens: 1 }],
  [{ input_tokens: 1 }],
  [{ input_tokens: -1, output_tokens: 1 }],
  [{ input_tokens: 1, output_tokens: 1.5 }],
  [{ input_tokens: 1, output_tokens: 1, cache_read_input_tokens: '9' }],
  [{ input_tokens: 1, output_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 1e18 } }],
])('%p is no usage', (json) => {
  expect(usageFromAnthropic(json)).toBeNull()
})

describe('of a stream', () => {
  const first = {
    input_tokens: 3,
    cache_read_input_tokens: 10,
    cache_creation_input_tokens: 7,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 7 },
    output_tokens: 1,
  }

  test('the last counts are of the whole answer', () => {
    expect(streamedUsage(first, { output_tokens: 15 })).toEqual({
      ...NO_USAGE,
      input: 3,
      cachedInput: 10,
      cacheWriteHour: 7,
      output: 15,
    })
  })

  test.each([[undefined], [null], [{}], [{ output_tokens: null }], [{ output_tokens: -1 }]])(
    'a last event that says %p does not tell what was written',
    (last) => {
      expect(streamedUsage(first, last)).toBeNull()
    },
  )

  test('what grew since the first event is believed, what is null is not', () => {
    const last = { input_tokens: 40, cache_read_input_tokens: null, output_tokens: 15 }
    expect(streamedUsage(first, last)).toMatchObject({ input: 40, cachedInput: 10, output: 15 })
  })
})

/** Dollars a million by https://docs.claude.com/en/docs/about-claude/pricing. */
test.each<[string, Partial<Usage>, number, string]>([
  [
    'claude-sonnet-4-20250514',
    { input: 1_000, cachedInput: 10_000, cacheWrite: 2_000, cacheWriteHour: 3_000, output: 500 },
    39_000_000,
    '1000 x $3 + 10000 x $0.30 + 2000 x $3.75 + 3000 x $6 + 500 x $15 a million',
  ],
  [
    'claude-haiku-4-5',
    { input: 100, cacheWriteHour: 1_000, reasoning: 200 },
    3_100_000,
    '100 x $1 + 1000 x $2 + 200 x $5 a million',
  ],
  [
    'claude-opus-4-5',
    { input: 10, cacheWrite: 100, cacheWriteHour: 100 },
    1_675_000,
    '10 x $5 + 100 x $6.25 + 100 x $10 a million',
  ],
])('%s: %p cost %p nano-dollars', (model, used, nanos) => {
  const price = builtInPrice('anthropic', model, Date.UTC(2026, 10, 24))!
  expect(Number(costOf({ ...NO_USAGE, ...used }, price))).toBe(nanos)
})

const MODELS = [
  'claude-fable-5',
  'claude-opus-5-5',
  'claude-opus-4-1',
  'claude-sonnet-5',
  'claude-sonnet-4-5',
  'claude-haiku-4-5',
  'claude-3-haiku-20240307',
]

test.each(MODELS)('an hour in the cache of %s costs twice what plain input does', (model) => {
  const { rates, tiers } = builtInPrice('anthropic', model)!
  for (const each of [rates, ...tiers.map((tier) => tier.rates)]) {
    expect(Number(each.cacheWriteHour)).toBe(2 * each.input)
  }
})

test('whatever Anthropic counts is the same when it has been said in the words of OpenAI', () => {
  const count = fc.nat({ max: 1_000_000 })
  const usage = fc
    .record({
      input: count,
      cachedInput: count,
      cacheWrite: count,
      cacheWriteHour: count,
      output: count,
      reasoning: count,
    })
    .map((kinds): Usage => ({ ...NO_USAGE, ...kinds }))
  fc.assert(
    fc.property(usage, (used) => {
      const said = openaiUsage(used)
      expect(usageFromOpenAI(said)).toEqual(used)
      expect(said.total_tokens).toBe(inputTokens(used) + outputTokens(used))
      const own = usageFromAnthropic(anthropicUsage(used))!
      expect(inputTokens(own)).toBe(inputTokens(used))
      expect(outputTokens(own)).toBe(outputTokens(used))
    }),
  )
})
