import { expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import { startAnthropic } from './anthropic.ts'

/** The double is an Anthropic: the official client cannot tell, and what is wrong is refused. */

const messages = [{ role: 'user' as const, content: 'Say hello' }]
const ASK = { model: 'claude-sonnet-4-5', max_tokens: 100, messages }

test('the official client gets a message, whole and streamed, with exact usage', async () => {
  await using double = await startAnthropic()
  const client = new Anthropic({
    baseURL: double.url,
    apiKey: null,
    maxRetries: 0,
    defaultHeaders: { 'x-api-key': 'k' },
  })
  double.next({ cacheWriteHour: 5, tokens: { cachedInput: 3 } })
  const { content, stop_reason, usage } = await client.messages.create(ASK)
  expect(content).toEqual([{ type: 'text', text: 'Hello! How can I help you today?' } as never])
  expect(stop_reason).toBe('end_turn')
  expect(usage).toMatchObject({
    input_tokens: 6,
    cache_read_input_tokens: 3,
    cache_creation_input_tokens: 5,
    cache_creation: { ephemeral_1h_input_tokens: 5, ephemeral_5m_input_tokens: 0 },
    output_tokens: 7,
  })
  const final = await client.messages.stream({ ...ASK, max_tokens: 3 }).finalMessage()
  expect([final.stop_reason, final.usage.output_tokens]).toEqual(['max_tokens', 3])
  expect(await client.messages.countTokens({ model: 'm', messages })).toEqual({ input_tokens: 14 })
})

const user = (content: unknown) => ({ role: 'user', content })
const call = { type: 'tool_use', id: 'a', name: 'f', input: {} }

test.each<[string, object, object]>([
  ['authentication_error', { 'x-api-key': null }, {}],
  ['invalid_request_error', { 'anthropic-version': null }, {}],
  ['invalid_request_error', { 'anthropic-version': '2020-01-01' }, {}],
  ['invalid_request_error', {}, { max_tokens: undefined }],
  ['invalid_request_error', {}, { user: 'alice' }],
  ['invalid_request_error', {}, { stream_options: {} }],
  ['invalid_request_error', {}, { temperature: 1.5 }],
  ['invalid_request_error', { 'anthropic-version': '2026-10-21' }, { temperature: 1 }],
  ['invalid_request_error', {}, { tool_choice: { type: 'any' } }],
  ['invalid_request_error', {}, { tools: [{ name: 'f' }] }],
  ['invalid_request_error', {}, { thinking: { type: 'enabled', budget_tokens: 1_024 } }],
  ['invalid_request_error', {}, { messages: [] }],
  ['invalid_request_error', {}, { messages: [{ role: 'system', content: 'x' }] }],
  ['invalid_request_error', {}, { messages: [user([{ type: 'text', text: '' }])] }],
  ['invalid_request_error', {}, { messages: [user([{ type: 'image_url', image_url: {} }])] }],
  ['invalid_request_error', {}, { messages: [{ role: 'assistant', content: [call] }, user('x')] }],
  ['invalid_request_error', {}, { messages: [user([{ type: 'tool_result', tool_use_id: 'a' }])] }],
])('is refused with %s: headers %p, body %p', async (type, headers, body) => {
  await using double = await startAnthropic()
  const all = Object.entries({
    'content-type': 'application/json',
    'x-api-key': 'k',
    'anthropic-version': '2023-06-01',
    ...headers,
  }).filter(([, value]) => value !== null) as [string, string][]
  const response = await fetch(`${double.url}/v1/messages`, {
    method: 'POST',
    headers: all,
    body: JSON.stringify({ ...ASK, ...body }),
  })
  expect(response.ok).toBe(false)
  expect(await response.json()).toMatchObject({ type: 'error', error: { type } })
})
