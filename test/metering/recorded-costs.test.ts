import { expect, test } from 'bun:test'
import { nanos } from '../../src/ledger/money.ts'
import { usageFromAnthropic } from '../../src/metering/anthropic-usage.ts'
import { costOf } from '../../src/metering/cost.ts'
import { type Price, ratesWith } from '../../src/metering/price.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import { usageFromOpenAI, usageFromResponses } from '../../src/metering/usage.ts'

/**
 * The README's table of usage, a row each: a usage as the provider sends it, and what it costs at
 * the price that the provider publishes. OpenRouter, Perplexity and xAI state the cost themselves:
 * theirs are in `provider-wires.test.ts`, and pictures and sound in `media-usage.test.ts`.
 */

const NOVEMBER = Date.parse('2026-11-24')

/** Of the price data; there the dollars for a million tokens are as the comment has them. */
const published = (provider: string, model: string): Price =>
  builtInPrice(provider, model, NOVEMBER)!

/** Dollars for a million, where the data is behind what the provider publishes, or has nothing. */
const stated = (dollars: { input: number; cachedInput: number; output: number }): Price => {
  const { input, cachedInput, output } = dollars
  const rate = (amount: number) => nanos(Math.round(amount * 1e9))
  const rates = { input: rate(input), cachedInput: rate(cachedInput), output: rate(output) }
  return { rates: ratesWith(rates), tiers: [], source: 'test' }
}

test.each<[string, unknown, (json: unknown) => unknown, Price, number]>([
  [
    // https://platform.openai.com/docs/guides/prompt-caching: 86 x 2.5 + 1,920 x 1.25 + 300 x 10
    'OpenAI chat',
    {
      prompt_tokens: 2006,
      completion_tokens: 300,
      total_tokens: 2306,
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    usageFromOpenAI,
    published('openai', 'gpt-4o'),
    215_000 + 2_400_000 + 3_000_000,
  ],
  [
    // What a prediction got wrong is part of completion_tokens, and billed as output: 19 x 2.5 + 70 x 10
    'OpenAI chat, with a prediction that was partly rejected',
    {
      prompt_tokens: 19,
      completion_tokens: 70,
      total_tokens: 89,
      completion_tokens_details: {
        reasoning_tokens: 0,
        accepted_prediction_tokens: 10,
        rejected_prediction_tokens: 20,
      },
    },
    usageFromOpenAI,
    published('openai', 'gpt-4o'),
    47_500 + 700_000,
  ],
  [
    // 9 x 2.5 + 12 x 10
    'Azure',
    { completion_tokens: 12, prompt_tokens: 9, total_tokens: 21, prompt_tokens_details: null },
    usageFromOpenAI,
    published('azure', 'gpt-4o'),
    22_500 + 120_000,
  ],
  [
    // https://platform.openai.com/docs/guides/reasoning: 75 x 1.25 + 1,186 x 10, thoughts within
    'OpenAI responses',
    {
      input_tokens: 75,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1186,
      output_tokens_details: { reasoning_tokens: 1024 },
      total_tokens: 1261,
    },
    usageFromResponses,
    published('openai', 'gpt-5'),
    93_750 + 11_860_000,
  ],
  [
    // https://platform.openai.com/docs/guides/embeddings: 5 x 0.02
    'embeddings',
    { prompt_tokens: 5, total_tokens: 5 },
    usageFromOpenAI,
    published('openai', 'text-embedding-3-small'),
    100,
  ],
  [
    // https://docs.claude.com/en/docs/build-with-claude/prompt-caching:
    // 2,048 x 3 + 1,800 x 0.3 + 148 x 3.75 + 100 x 6 + 503 x 15
    'Anthropic',
    {
      input_tokens: 2048,
      cache_read_input_tokens: 1800,
      cache_creation_input_tokens: 248,
      output_tokens: 503,
      cache_creation: { ephemeral_5m_input_tokens: 148, ephemeral_1h_input_tokens: 100 },
    },
    usageFromAnthropic,
    published('anthropic', 'claude-sonnet-4-20250514'),
    6_144_000 + 540_000 + 555_000 + 600_000 + 7_545_000,
  ],
  [
    // 20 x 0.3 + (198 + 405 thought) x 2.5
    'Gemini, by its face of OpenAI',
    { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
    usageFromOpenAI,
    published('gemini', 'gemini-2.5-flash'),
    6_000 + 1_507_500,
  ],
  [
    // 9,992 x 3 + 128 x 0.75 + (1,499 + 2,809 reasoned) x 15
    'xAI chat, reasoning beside the rest',
    {
      prompt_tokens: 10120,
      completion_tokens: 1499,
      total_tokens: 14428,
      prompt_tokens_details: { cached_tokens: 128 },
      completion_tokens_details: { reasoning_tokens: 2809 },
    },
    usageFromOpenAI,
    published('xai', 'grok-4'),
    29_976_000 + 96_000 + 64_620_000,
  ],
  [
    // https://api-docs.deepseek.com/quick_start/pricing: 36 x 0.28 + 64 x 0.028 + 7 x 0.42
    'DeepSeek',
    {
      prompt_tokens: 100,
      completion_tokens: 7,
      total_tokens: 107,
      prompt_cache_hit_tokens: 64,
      prompt_cache_miss_tokens: 36,
    },
    usageFromOpenAI,
    stated({ input: 0.28, cachedInput: 0.028, output: 0.42 }),
    10_080 + 1_792 + 2_940,
  ],
  [
    // 36 x 0.6 + 64 x 0.15 + 7 x 2.5
    'Moonshot',
    { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107, cached_tokens: 64 },
    usageFromOpenAI,
    published('moonshot', 'kimi-k2-0711-preview'),
    21_600 + 9_600 + 17_500,
  ],
  [
    // 18 x 0.59 + 439 x 0.79
    'Groq',
    {
      queue_time: 0.061348671,
      prompt_tokens: 18,
      prompt_time: 0.000211569,
      completion_tokens: 439,
      completion_time: 0.798181818,
      total_tokens: 457,
      total_time: 0.798393387,
    },
    usageFromOpenAI,
    published('groq', 'llama-3.3-70b-versatile'),
    10_620 + 346_810,
  ],
  [
    // 100 x 3 + 600 x 0.3 + 300 x 3.75 + 50 x 15
    'LiteLLM in front of Anthropic',
    {
      prompt_tokens: 1000,
      completion_tokens: 50,
      total_tokens: 1050,
      cache_read_input_tokens: 600,
      cache_creation_input_tokens: 300,
      prompt_tokens_details: { cached_tokens: 600, cache_creation_tokens: 300 },
    },
    usageFromOpenAI,
    published('anthropic', 'claude-sonnet-4-20250514'),
    300_000 + 180_000 + 1_125_000 + 750_000,
  ],
  [
    // What its owner says it costs: 32 x 0.1 + 4 x 0.2
    'Ollama',
    { prompt_tokens: 32, completion_tokens: 4, total_tokens: 36 },
    usageFromOpenAI,
    stated({ input: 0.1, cachedInput: 0.1, output: 0.2 }),
    3_200 + 800,
  ],
])('%s', (_, json, read, price, cost) => {
  expect(costOf(read(json) as never, price)).toBe(nanos(cost))
})
