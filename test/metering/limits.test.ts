import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { outputTokensMax } from '../../src/metering/limits.ts'

/**
 * Compared in November 2026 with each maker's page: developers.openai.com/api/docs/models/NAME,
 * platform.claude.com/docs/en/models/NAME/overview, ai.google.dev/gemini-api/docs/models/NAME.
 */
test.each([
  ['openai', 'gpt-3.5-turbo', 4_096],
  ['openai', 'gpt-4', 8_192],
  ['openai', 'gpt-4-turbo', 4_096],
  ['openai', 'gpt-4o', 16_384],
  ['openai', 'gpt-4o-mini', 16_384],
  ['openai', 'gpt-4.1-nano', 32_768],
  ['openai', 'o1-preview', 32_768],
  ['openai', 'o1-mini', 65_536],
  ['openai', 'o3', 100_000],
  ['openai', 'o4-mini', 100_000],
  ['openai', 'gpt-5', 128_000],
  ['openai', 'gpt-5-chat-latest', 16_384],
  ['openai', 'gpt-5-codex', 128_000],
  ['openai', 'gpt-5-pro', 272_000],
  ['openai', 'gpt-5.4-mini', 128_000],
  ['openai', 'gpt-5.6-luna', 128_000],
  ['anthropic', 'claude-3-haiku-20240307', 4_096],
  ['anthropic', 'claude-3-5-sonnet-latest', 8_192],
  ['anthropic', 'claude-3-7-sonnet-20250219', 64_000],
  ['anthropic', 'claude-opus-4-1-20250805', 32_000],
  ['anthropic', 'claude-sonnet-4-5', 64_000],
  ['anthropic', 'claude-sonnet-4-6', 128_000],
  ['anthropic', 'claude-opus-5-5', 128_000],
  ['gemini', 'gemini-2.0-flash', 8_192],
  ['gemini', 'gemini-2.5-flash-lite', 65_536],
  ['gemini', 'gemini-3-flash-preview', 65_536],
  ['gemini', 'gemini-3.8-flash', 65_536],
])('%s/%s writes at most %p tokens', (provider, model, tokens) => {
  expect(outputTokensMax(provider, model)).toBe(tokens)
})

// A row is a name as some host has it, and the maker's plain name of the same model.
test.each([
  ['openai', 'gpt-4o-2024-08-06', 'gpt-4o'],
  ['openai', 'gpt-5-mini-2025-08-07', 'gpt-5-mini'],
  ['openai', 'gpt-3.5-turbo-0125', 'gpt-3.5-turbo'],
  ['openai', 'GPT-4.1', 'gpt-4.1'],
  ['openai', 'ft:gpt-4o-mini-2024-07-18:acme::7p4lURel', 'gpt-4o-mini'],
  ['openrouter', 'openai/gpt-4o', 'gpt-4o'],
  ['openrouter', 'openai/gpt-5:online', 'gpt-5'],
  ['openrouter', 'anthropic/claude-opus-4.1', 'claude-opus-4-1'],
  ['openrouter', 'anthropic/claude-3.7-sonnet:thinking', 'claude-3-7-sonnet'],
  ['openrouter', 'google/gemini-2.5-pro-preview-05-06', 'gemini-2.5-pro'],
  ['gemini', 'models/gemini-2.5-flash', 'gemini-2.5-flash'],
  ['gemini', 'gemini-2.5-flash-lite-preview-09-2025', 'gemini-2.5-flash-lite'],
  ['gemini', 'gemini-2.0-flash-001', 'gemini-2.0-flash'],
  ['bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
  ['bedrock', 'anthropic.claude-3-5-sonnet-20241022-v2:0', 'claude-3-5-sonnet'],
  ['bedrock', 'eu.anthropic.claude-opus-4-6-v1', 'claude-opus-4-6'],
  ['vertex_ai', 'claude-opus-4@20250514', 'claude-opus-4'],
])('%s/%s is %s', (provider, name, plain) => {
  expect(outputTokensMax('openai', plain)).not.toBeNull()
  expect(outputTokensMax(provider, name)).toBe(outputTokensMax('openai', plain))
})

test('a dated version with a limit of its own has that one', () => {
  expect(outputTokensMax('openai', 'gpt-4o-2024-05-13')).toBe(4_096)
  expect(outputTokensMax('openrouter', 'openai/gpt-4o-2024-05-13')).toBe(4_096)
})

describe('is not known, so that nothing wrong is sent as a cap,', () => {
  test.each([
    ['openai', 'gpt-5.7', 'of a model to come'],
    ['openai', 'gpt-5.2-chat-latest', 'of a model that pages disagree about'],
    ['openai', 'gpt-4o-audio-preview', 'of a relative that is another model'],
    ['openai', 'gpt-4-32k', 'of a relative that is another model'],
    ['openai', 'gpt-3.5-turbo-instruct', 'of a relative that is another model'],
    ['openai', 'text-embedding-3-small', 'of a model that writes nothing'],
    ['openai', 'my-gpt-4o', 'of a name of somebody’s own'],
    ['anthropic', 'claude-opus-6', 'of a model to come'],
    ['anthropic', 'claude-sonnet-latest', 'of an alias that moves'],
    ['gemini', 'gemini-2.5-flash-image', 'of a relative that is another model'],
    ['gemini', 'gemini-2.5-flash-preview-tts', 'of a relative that is another model'],
    ['gemini', 'gemini-4-argon', 'of a model whose prompt and answer share one limit'],
    ['gemini', 'gemini-flash-latest', 'of an alias that moves'],
    ['deepseek', 'deepseek-chat', 'of a name whose limit has changed'],
    ['mistral', 'mistral-large-latest', 'of a model without a published one'],
    ['xai', 'grok-4', 'of a model without a published one'],
    ['groq', 'openai/gpt-oss-120b', 'of open weights, where each host has its own'],
    ['ollama', 'llama3.2', 'of open weights, where each host has its own'],
    ['openai', '', 'of nothing'],
    ['openai', 'constructor', 'of a word of JavaScript'],
  ])('%s/%s: %s', (provider, model) => {
    expect(outputTokensMax(provider, model)).toBeNull()
  })
})

test("the demo's own words are never more than is said of it", async () => {
  const { simulate } = await import('../../src/providers/demo.ts')
  const most = outputTokensMax('demo', 'demo')!
  for (const sign of ['!', 'a ', '中', '🎉']) {
    const json = { messages: [{ role: 'user', content: sign.repeat(500) }] }
    const path = '/chat/completions'
    const answer = simulate({ path, json, model: 'demo', text: null, id: '1', now: 0 })!
    const { usage } = (await answer.json()) as { usage: { completion_tokens: number } }
    expect(usage.completion_tokens).toBeLessThanOrEqual(most)
  }
})

test('any text has an answer, and it is null or a limit of the table', () => {
  const limits = [4_096, 8_192, 16_384, 32_000, 32_768, 64_000, 65_536, 100_000, 128_000, 272_000]
  const piece = fc.constantFrom('gpt-', '4o', 'claude', '-3', '.', ':', '@', '/', '-v1', 'ft:', '-')
  const name = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(name, (model) => {
      expect([null, ...limits]).toContain(outputTokensMax('openai', model))
    }),
  )
})
