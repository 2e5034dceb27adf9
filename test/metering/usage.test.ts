import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  inputTokens,
  NO_USAGE,
  outputTokens,
  type Usage,
  usageFromOpenAI,
} from '../../src/metering/usage.ts'

const counts = (prompt: number, completion: number, total: number) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: total,
})

// A row is what a provider sends, and the kinds that are not 0.
test.each<[string, object, Partial<Usage>]>([
  ['OpenAI, plain', counts(9, 4, 13), { input: 9, output: 4 }],
  [
    'OpenAI, each part of its whole',
    {
      ...counts(2006, 300, 2306),
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 10, cache_write_tokens: 50 },
      completion_tokens_details: { reasoning_tokens: 200, audio_tokens: 30 },
    },
    {
      input: 26,
      cachedInput: 1920,
      cacheWrite: 50,
      inputAudio: 10,
      output: 70,
      reasoning: 200,
      outputAudio: 30,
    },
  ],
  ['OpenAI, an embedding', { prompt_tokens: 8, total_tokens: 8 }, { input: 8 }],
  [
    'details that are null',
    { ...counts(5, 1, 6), prompt_tokens_details: null, completion_tokens_details: {} },
    { input: 5, output: 1 },
  ],
  [
    'DeepSeek, a cache hit',
    { ...counts(100, 7, 107), prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 },
    { input: 36, cachedInput: 64, output: 7 },
  ],
  [
    'Moonshot, a cache hit',
    { ...counts(100, 7, 107), cached_tokens: 64 },
    { input: 36, cachedInput: 64, output: 7 },
  ],
  [
    'xAI, reasoning beside completion_tokens',
    {
      ...counts(10120, 1499, 14428),
      prompt_tokens_details: { cached_tokens: 128 },
      completion_tokens_details: { reasoning_tokens: 2809 },
    },
    { input: 9992, cachedInput: 128, output: 1499, reasoning: 2809 },
  ],
  [
    'Gemini, thoughts in the total alone',
    counts(20, 198, 623),
    { input: 20, output: 198, reasoning: 405 },
  ],
  [
    'xAI, as many tokens reasoned as cached',
    {
      ...counts(100, 5, 169),
      prompt_tokens_details: { cached_tokens: 64 },
      completion_tokens_details: { reasoning_tokens: 64 },
    },
    { input: 36, cachedInput: 64, output: 5, reasoning: 64 },
  ],
  [
    'Gemini, nothing but thoughts',
    { prompt_tokens: 21, total_tokens: 81 },
    { input: 21, reasoning: 60 },
  ],
  [
    'LiteLLM in front of Anthropic, cache inside prompt_tokens',
    {
      ...counts(1000, 50, 1050),
      cache_read_input_tokens: 600,
      cache_creation_input_tokens: 300,
      prompt_tokens_details: { cached_tokens: 600, cache_creation_tokens: 300 },
    },
    { input: 100, cachedInput: 600, cacheWrite: 300, output: 50 },
  ],
  [
    'LiteLLM of 2025, cache writes beside prompt_tokens and in no total',
    {
      ...counts(120_357, 4156, 124_513),
      cache_read_input_tokens: 120_269,
      cache_creation_input_tokens: 21_002,
    },
    { input: 88, cachedInput: 120_269, cacheWrite: 21_002, output: 4156 },
  ],
  [
    'cache beside prompt_tokens, and in the total',
    {
      ...counts(1000, 50, 1950),
      cache_read_input_tokens: 600,
      cache_creation_input_tokens: 300,
    },
    { input: 1000, cachedInput: 600, cacheWrite: 300, output: 50 },
  ],
  [
    'cache beside prompt_tokens, more than could be inside',
    { ...counts(4, 50, 54), cache_read_input_tokens: 600 },
    { input: 4, cachedInput: 600, output: 50 },
  ],
  [
    'parts larger than their wholes are cut down',
    {
      ...counts(10, 5, 15),
      prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 8, audio_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 4, audio_tokens: 4 },
    },
    { cachedInput: 8, cacheWrite: 2, output: 0, reasoning: 4, outputAudio: 1 },
  ],
])('%s', (_, json, kinds) => {
  expect(usageFromOpenAI(json)).toEqual({ ...NO_USAGE, ...kinds })
})

describe('is null, so that the caller counts', () => {
  test.each<[string, unknown]>([
    ['no usage', undefined],
    ['null', null],
    ['text', '9'],
    ['a list', [9, 4]],
    ['nothing in it', {}],
    ['no prompt_tokens', { completion_tokens: 4, total_tokens: 13 }],
    ['neither completion_tokens nor a total', { prompt_tokens: 9 }],
    ['a negative count', counts(-1, 4, 3)],
    ['a fraction', counts(9.5, 4, 13.5)],
    ['text for a count', counts('9' as never, 4, 13)],
    ['more than a billion', counts(1_000_000_001, 4, 1_000_000_005)],
    ['an absurd total', counts(9, 4, 1e300)],
    [
      'a part that is no count',
      { ...counts(9, 4, 13), prompt_tokens_details: { cached_tokens: -1 } },
    ],
    ['Infinity', counts(Number.POSITIVE_INFINITY, 4, 13)],
  ])('%s', (_, json) => expect(usageFromOpenAI(json)).toBeNull())
})

const count = fc.oneof(fc.nat({ max: 30 }), fc.nat({ max: 1_000_000_000 }))
const maybe = (arbitrary: fc.Arbitrary<unknown>) => fc.option(arbitrary, { nil: undefined })
const reported = fc.record({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: maybe(count),
  prompt_cache_hit_tokens: maybe(count),
  cache_read_input_tokens: maybe(count),
  cache_creation_input_tokens: maybe(count),
  prompt_tokens_details: maybe(
    fc.record({
      cached_tokens: maybe(count),
      cache_write_tokens: maybe(count),
      audio_tokens: maybe(count),
    }),
  ),
  completion_tokens_details: maybe(
    fc.record({ reasoning_tokens: maybe(count), audio_tokens: maybe(count) }),
  ),
})

test('no kind is negative, and none of what was read or written is lost', () => {
  fc.assert(
    fc.property(reported, (json) => {
      const usage = usageFromOpenAI(json) as Usage
      for (const tokens of Object.values(usage)) expect(tokens).toBeGreaterThanOrEqual(0)
      const read = inputTokens(usage)
      const written = outputTokens(usage)
      expect(read).toBeGreaterThanOrEqual(json.prompt_tokens)
      expect(written).toBeGreaterThanOrEqual(json.completion_tokens)
      expect(read + written).toBeGreaterThanOrEqual((json.total_tokens as number) ?? 0)
    }),
  )
})

test("by OpenAI's rules the kinds add up to prompt_tokens and completion_tokens", () => {
  const kinds = fc.record({
    input: count,
    cachedInput: count,
    cacheWrite: count,
    cacheWriteHour: count,
    inputAudio: count,
    output: count,
    reasoning: count,
    outputAudio: count,
  })
  fc.assert(
    fc.property(kinds, (usage) => {
      const whole = { ...NO_USAGE, ...usage }
      const [prompt, completion] = [inputTokens(whole), outputTokens(whole)]
      fc.pre(prompt + completion <= 1_000_000_000)
      const json = {
        ...counts(prompt, completion, prompt + completion),
        prompt_tokens_details: {
          cached_tokens: usage.cachedInput,
          cache_write_tokens: usage.cacheWrite + usage.cacheWriteHour,
          cache_creation_token_details: { ephemeral_1h_input_tokens: usage.cacheWriteHour },
          audio_tokens: usage.inputAudio,
        },
        completion_tokens_details: {
          reasoning_tokens: usage.reasoning,
          audio_tokens: usage.outputAudio,
        },
      }
      expect(usageFromOpenAI(json)).toEqual(whole)
    }),
  )
})

test('whatever else a provider sends, it is a usage or null', () => {
  fc.assert(
    fc.property(
      fc.record({
        prompt_tokens: fc.anything(),
        completion_tokens: fc.anything(),
        total_tokens: fc.anything(),
        prompt_tokens_details: fc.anything(),
      }),
      (json) => {
        const usage = usageFromOpenAI(json)
        if (usage === null) return
        for (const tokens of Object.values(usage)) expect(Number.isInteger(tokens)).toBe(true)
      },
    ),
  )
})
