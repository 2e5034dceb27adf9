import { describe, expect, test } from 'bun:test'
import { PROVIDERS } from '../../src/config/providers.ts'
import { editsFor } from '../../src/gateway/edits.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import type { Json } from '../../src/metering/wire.ts'
import { deployment } from '../support/world.ts'

/** What of a chat of `m` is changed for a provider. */
function editsOf(provider: string, json: Json, cap: number | null = null) {
  const { dialect } = PROVIDERS.get(provider)!
  const edits = editsFor(
    { model: 'm', ...json },
    {
      endpoint: ENDPOINTS.CHAT,
      deployment: { ...deployment, dialect },
      asked: { stream: json['stream'] === true, usage: false },
      cap,
    },
  )
  return Object.fromEntries(edits)
}

test('what the config says is refused is left out, where it is there', () => {
  const drops = ['logit_bias', 'seed']
  const about = {
    endpoint: ENDPOINTS.CHAT,
    deployment: { ...deployment, dialect: { ...deployment.dialect, drops } },
    asked: { stream: false, usage: false },
    cap: null,
  }
  expect(Object.fromEntries(editsFor({ model: 'm', seed: 7 }, about))).toEqual({ seed: null })
})

describe('a stream', () => {
  test('is asked for its usage', () => {
    const stream_options = '{"include_usage":true}'
    expect(editsOf('groq', { stream: true })).toEqual({ stream_options })
  })

  test('is not where that is refused, and what the client asked is left out', () => {
    expect(editsOf('mistral', { stream: true })).toEqual({})
    const asked = { stream: true, stream_options: { include_usage: true } }
    expect(editsOf('mistral', asked)).toEqual({ stream_options: null })
  })
})

describe('a cap', () => {
  test.each<[string, Json, number | null, object]>([
    ['openai', {}, 20, { max_completion_tokens: '20' }],
    ['azure', {}, 20, { max_completion_tokens: '20' }],
    ['groq', {}, 20, { max_tokens: '20' }],
    ['openai', { max_completion_tokens: 50 }, 20, { max_completion_tokens: '20' }],
    ['openai', { max_completion_tokens: 50 }, null, {}],
    ['openai', { max_tokens: 50 }, 20, { max_tokens: '20' }],
    [
      'mistral',
      { max_completion_tokens: 50 },
      null,
      { max_completion_tokens: null, max_tokens: '50' },
    ],
    [
      'mistral',
      { max_completion_tokens: 50 },
      20,
      { max_completion_tokens: null, max_tokens: '20' },
    ],
    [
      'ollama',
      { max_completion_tokens: 50 },
      20,
      { max_completion_tokens: null, max_tokens: '20' },
    ],
    [
      'ollama',
      { max_completion_tokens: 50, max_tokens: 40 },
      null,
      { max_completion_tokens: null, max_tokens: '40' },
    ],
    ['ollama', { max_tokens: 40 }, null, {}],
    ['mistral', { max_completion_tokens: null }, null, { max_completion_tokens: null }],
    [
      'mistral',
      { max_completion_tokens: null },
      9,
      { max_completion_tokens: null, max_tokens: '9' },
    ],
  ])('for %s of %p lowered to %p is %p', (provider, json, cap, edits) => {
    expect(editsOf(provider, json, cap)).toEqual(edits as Record<string, string | null>)
  })
})
