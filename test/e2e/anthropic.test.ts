import { afterAll, describe, expect, test } from 'bun:test'
import Anthropic, { BadRequestError, RateLimitError } from '@anthropic-ai/sdk'
import { verify } from '../../src/store/verify.ts'
import { ORGANIZATION } from '../support/anthropic-errors.ts'
import { type Claude, claudeNanos, startClaude } from '../support/claude.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { Gate } from '../support/gate.ts'

/** Anthropic's own API, with its own client, against a strict double of it. */

const GREETING = 'Hello! How can I help you today?'
/** Two words, and four for the message, as the double counts. */
const messages = [{ role: 'user' as const, content: 'Say hello' }]
const ask = (user: string) => ({
  model: 'claude',
  max_tokens: 1_000,
  messages,
  metadata: { user_id: user },
})
const PLAIN = { input: 6, output: 7 }
/** "Say hello", as our tokenizer counts a message. */
const COUNTED = 9

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('/v1/messages on $on', async ({ command }) => {
  const claude: Claude = await startClaude({ command })
  const { server, upstream, rowOn, customer, budget } = claude
  const client = new Anthropic({ apiKey: server.key, baseURL: server.url, maxRetries: 0 })

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await claude[Symbol.asyncDispose]()
  })

  describe('in one piece', () => {
    test('is answered byte for byte, and charged what Anthropic reports', async () => {
      const { data, response } = await client.messages.create(ask('plain')).withResponse()
      expect(data.content).toEqual([{ type: 'text', text: GREETING } as never])
      const received = upstream.calls.at(-1)!
      expect(received.headers.get('x-api-key')).toBe('sk-ant-upstream-secret')
      expect(received.headers.get('authorization')).toBeNull()
      expect(received.json).toEqual({ ...ask('plain'), model: 'claude-sonnet-4-5' })
      expect(response.headers.get('request-id')).toMatch(/^req_/)
      expect(response.headers.get('anthropic-organization-id')).toBeNull()
      const row = await rowOn('plain')
      expect(row).toMatchObject({ ...PLAIN, usage_source: 'upstream', charge: claudeNanos(PLAIN) })
      expect(Number(response.headers.get('x-tollgate-cost'))).toBe(claudeNanos(PLAIN) / 1e9)
    })

    test('sends on the version and the betas of the client', async () => {
      await client.messages.create(ask('betas'), {
        headers: { 'anthropic-beta': 'interleaved-thinking-2025-05-14' },
      })
      const { headers } = upstream.calls.at(-1)!
      expect(headers.get('anthropic-version')).toBe('2026-10-21')
      expect(headers.get('anthropic-beta')).toBe('interleaved-thinking-2025-05-14')
    })

    test('keeps to itself what is for the gateway, and Anthropic refuses', async () => {
      const { metadata, ...asked } = ask('x')
      const json = { ...asked, user: 'ours', litellm_metadata: {}, safety_identifier: 's' }
      expect((await server.ask('/v1/messages', { json })).status).toBe(200)
      expect(upstream.calls.at(-1)!.json).toEqual({ ...asked, model: 'claude-sonnet-4-5' })
      expect(await rowOn('ours')).toMatchObject(PLAIN)
    })

    test('counts each kind of a cached prompt by itself', async () => {
      upstream.next({
        tokens: { input: 3, cachedInput: 1_000, cacheWrite: 200 },
        cacheWriteHour: 50,
      })
      const { usage } = await client.messages.create(ask('cached'))
      expect(usage).toMatchObject({
        input_tokens: 3,
        cache_read_input_tokens: 1_000,
        cache_creation_input_tokens: 250,
      })
      const used = { input: 3, cachedInput: 1_000, cacheWrite: 200, cacheWriteHour: 50, output: 7 }
      expect(await rowOn('cached')).toMatchObject({
        input: 3,
        cached_input: 1_000,
        cache_write: 200,
        cache_write_hour: 50,
        output: 7,
        charge: claudeNanos(used),
      })
    })

    test('calls tools, and thinks', async () => {
      upstream.next({
        thinking: 'They want the weather.',
        toolCalls: [{ name: 'get_weather', arguments: '{"city":"Paris"}' }],
      })
      const { content, stop_reason } = await client.messages.create({
        ...ask('tools'),
        thinking: { type: 'adaptive' },
        tools: [{ name: 'get_weather', input_schema: { type: 'object' } }],
      })
      expect(content.map(({ type }) => type)).toEqual(['thinking', 'tool_use'])
      expect(stop_reason).toBe('tool_use')
      // A name and four pieces of arguments; thoughts are counted with what is written.
      expect(await rowOn('tools')).toMatchObject({ input: 6, output: 9, usage_source: 'upstream' })
    })

    test('without usage is counted by us', async () => {
      upstream.next({ usage: 'absent' })
      await client.messages.create(ask('untold'))
      expect(await rowOn('untold')).toMatchObject({
        input: COUNTED,
        output: 9,
        usage_source: 'estimated',
      })
    })

    test('of a client that hangs up while it waits is charged for the prompt', async () => {
      const gate = new Gate()
      upstream.next({ holds: [{ gate, at: 'headers' }] })
      const controller = new AbortController()
      const asked = client.messages.create(ask('gone'), { signal: controller.signal })
      asked.catch(() => {})
      await gate.reached
      controller.abort()
      expect(await rowOn('gone')).toMatchObject({ outcome: 'client_closed', input: COUNTED })
      gate.open()
    })

    test('that is no answer is a 502 in the shape of Anthropic, and costs nothing', async () => {
      upstream.next({ body: '{"hello":"there"}' })
      const { status, json } = await server.ask('/v1/messages', { json: ask('nonsense') })
      expect([status, json.type, json.error.type]).toEqual([502, 'error', 'api_error'])
      expect(await rowOn('nonsense')).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
    })
  })

  describe('is refused', () => {
    test('over the budget, before anything is sent', async () => {
      await budget('poor', 0)
      const before = upstream.calls.length
      const error = await client.messages.create(ask('poor')).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(RateLimitError)
      expect(error).toMatchObject({
        type: 'budget_exceeded',
        apiMessage: expect.stringContaining('ExceededBudget: End User=poor'),
        error: { type: 'error', error: { param: null, code: '429' } },
      })
      expect(upstream.calls.length).toBe(before)
    })

    test('with less to write than asked for, when the budget has not more', async () => {
      await budget('short', 0.001)
      const thinking = { type: 'enabled' as const, budget_tokens: 1_500 }
      await client.messages.create({ ...ask('short'), max_tokens: 2_000, thinking })
      const { max_tokens, thinking: sent } = upstream.calls.at(-1)!.json!
      expect(max_tokens).toBeLessThan(70)
      expect(sent).toEqual({ type: 'disabled' })
      expect((await customer('short')).spend).toBeLessThanOrEqual(0.001)
    })

    test.each([
      [400, 'invalid_request_error'],
      [401, 'authentication_error'],
      [403, 'permission_error'],
      [404, 'not_found_error'],
      [429, 'rate_limit_error'],
      [500, 'api_error'],
      [529, 'overloaded_error'],
    ])('by Anthropic with %p, as Anthropic refuses, and charged nothing', async (status, type) => {
      const user = `refused ${status}`
      upstream.next({ status })
      const error = await client.messages.create(ask(user)).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ status, type })
      expect(String(error)).not.toContain(ORGANIZATION)
      expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
    })

    test('with a wrong key', async () => {
      const stranger = new Anthropic({ apiKey: 'sk-no', baseURL: server.url, maxRetries: 0 })
      const error = await stranger.messages.create(ask('x')).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ status: 401, type: 'authentication_error' })
    })

    test.each([
      ['missing', undefined],
      ['none', 'many'],
      ['broken', 1.5],
    ])('without a cap that is one: it is %s', async (_, max_tokens) => {
      const json = { ...ask('uncapped'), max_tokens }
      const { status, json: answer } = await server.ask('/messages', { json })
      expect([status, answer.type, answer.error.param]).toEqual([400, 'error', 'max_tokens'])
      expect(claude.rowsOf('uncapped')).toEqual([])
    })

    test('for a model that is not of Anthropic, naming where it is served', async () => {
      const asked = client.messages.create({ ...ask('x'), model: 'gpt' })
      const error = await asked.catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(BadRequestError)
      expect(String(error)).toContain('Call it at /chat/completions')
      for (const path of ['/responses', '/embeddings', '/completions']) {
        const { status, json } = await server.ask(path, { json: { model: 'claude', input: 'x' } })
        expect([status, json.error.param]).toEqual([400, 'model'])
      }
    })

    test.each([
      ['speed', { speed: 'fast' }],
      ['inference_geo', { inference_geo: 'us' }],
      ['tools[0]', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ])('with a budget when %s would cost more than the tokens do', async (param, more) => {
      await budget('extras', 1)
      const json = { ...ask('extras'), ...more }
      const { status, json: answer } = await server.ask('/v1/messages', { json })
      expect([status, answer.error.type, answer.error.param]).toEqual([
        400,
        'model_not_priced',
        param,
      ])
    })
  })

  test('spends no more than the budget, however many call at once', async () => {
    await budget('crowd', 0.002)
    const calls = Array.from({ length: 40 }, async (_, at) => {
      const json = { ...ask('crowd'), max_tokens: 20 + at, stream: at % 2 === 0 }
      const response = await server.fetch('/v1/messages', { json })
      await response.text()
      return response.status
    })
    const statuses = await Promise.all(calls)
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
    const { spend, held } = await customer('crowd')
    expect(held).toBe(0)
    expect(spend).toBeLessThanOrEqual(0.002)
    const booked = claude.rowsOf('crowd').reduce((sum, row) => sum + row.charge, 0)
    expect(booked).toBe(Math.round(spend * 1e9))
  })

  test('holds for what a PDF may come to, which nobody can see', async () => {
    await budget('reader', 0.5)
    const source = { type: 'base64' as const, media_type: 'application/pdf' as const, data: 'JVBE' }
    const content = [{ type: 'document' as const, source }]
    const asked = client.messages.create({
      ...ask('reader'),
      messages: [{ role: 'user', content }],
    })
    // 200,000 tokens, at worst written to a cache at $3.75 a million.
    expect(await asked.catch((thrown: unknown) => thrown)).toMatchObject({ status: 429 })
  })

  test.each(['"speed":"fast","speed":"standard"', '"messages":[],"\\u006dessages":[]'])(
    'refuses a member that is given twice: %s',
    async (twice) => {
      const body = `{"model":"claude","max_tokens":9,${twice}}`
      const { status, json } = await server.ask('/v1/messages', { method: 'POST', body })
      expect([status, json.type]).toEqual([400, 'error'])
      expect(json.error.message).toContain('is given twice')
    },
  )

  describe('count_tokens', () => {
    test('is forwarded, costs nothing, and is not held for', async () => {
      await budget('broke', 0)
      const body = { model: 'claude', messages }
      const counted = await client.messages.countTokens(body, {
        headers: { 'x-litellm-customer-id': 'broke' },
      })
      expect(counted).toEqual({ input_tokens: 14 })
      expect(upstream.calls.at(-1)!.json).toEqual({ ...body, model: 'claude-sonnet-4-5' })
      expect(await customer('broke')).toMatchObject({ spend: 0, held: 0 })
      expect(claude.rowsOf('broke')).toEqual([])
    })

    test('is kept from a blocked customer and a wrong key', async () => {
      await server.ask('/customer/block', { json: { user_ids: ['blocked'] } })
      const json = { model: 'claude', messages, metadata: { user_id: 'blocked' } }
      const told = await server.ask('/v1/messages/count_tokens', { json })
      expect([told.status, told.json.type]).toEqual([403, 'error'])
      const headers = { authorization: 'Bearer sk-no' }
      const { status } = await server.ask('/v1/messages/count_tokens', { json, headers })
      expect(status).toBe(401)
    })

    test('tells what Anthropic refuses', async () => {
      const { status, json } = await server.ask('/messages/count_tokens', {
        json: { model: 'claude', messages: [] },
      })
      expect([status, json.type, json.error.type]).toEqual([400, 'error', 'invalid_request_error'])
    })
  })
})
