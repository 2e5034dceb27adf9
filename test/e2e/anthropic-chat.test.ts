import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI, { BadRequestError } from 'openai'
import { verify } from '../../src/store/verify.ts'
import { claudeNanos, startClaude } from '../support/claude.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { Gate } from '../support/gate.ts'

/** OpenAI's chat, with its own client, translated for a strict double of Anthropic. */

const GREETING = 'Hello! How can I help you today?'
const messages = [{ role: 'user' as const, content: 'Say hello' }]
const ask = (user: string) => ({ model: 'claude', messages, user })
const PLAIN = { input: 6, output: 7 }
const COUNTED = 9

const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('/chat/completions of a Claude on $on', async ({ command }) => {
  const claude = await startClaude({ command })
  const { server, upstream, rowOn, budget } = claude
  const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1`, maxRetries: 0 })
  const sent = () => upstream.calls.at(-1)!

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await claude[Symbol.asyncDispose]()
  })

  test('is asked at /v1/messages in its own format, and charged what it reports', async () => {
    const { data, response } = await client.chat.completions.create(ask('plain')).withResponse()
    expect(sent().path).toBe('/v1/messages')
    expect(sent().headers.get('x-api-key')).toBe('sk-ant-upstream-secret')
    expect(sent().headers.get('anthropic-version')).toBe('2023-06-01')
    expect(sent().json).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 64_000,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Say hello' }] }],
      metadata: { user_id: 'plain' },
    })
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'claude-sonnet-4-5',
      choices: [{ message: { role: 'assistant', content: GREETING }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 6, completion_tokens: 7, total_tokens: 13 },
    })
    expect(response.headers.get('x-request-id')).toMatch(/^req_/)
    const row = await rowOn('plain')
    expect(row).toMatchObject({ ...PLAIN, usage_source: 'upstream', charge: claudeNanos(PLAIN) })
    expect(Number(response.headers.get('x-tollgate-cost'))).toBe(claudeNanos(PLAIN) / 1e9)
  })

  test('counts each kind of a cached prompt by itself', async () => {
    const tokens = { input: 3, cachedInput: 1_000, cacheWrite: 200 }
    for (const stream of [false, true]) {
      const user = `cached ${stream}`
      upstream.next({ tokens, cacheWriteHour: 50 })
      await server.ask('/v1/chat/completions', { json: { ...ask(user), stream } })
      expect(await rowOn(user)).toMatchObject({
        input: 3,
        cached_input: 1_000,
        cache_write: 200,
        cache_write_hour: 50,
        output: 7,
        usage_source: 'upstream',
        charge: claudeNanos({ ...tokens, cacheWriteHour: 50, output: 7 }),
      })
    }
  })

  test('tells an OpenAI client of its caches', async () => {
    upstream.next({ tokens: { input: 3, cachedInput: 1_000, cacheWrite: 200 } })
    const { usage } = await client.chat.completions.create(ask('details'))
    expect(usage).toMatchObject({
      prompt_tokens: 1_203,
      prompt_tokens_details: { cached_tokens: 1_000, cache_creation_tokens: 200 },
    })
  })

  test('is translated into one version of the API, whichever the client names', async () => {
    const json = { ...ask('version'), temperature: 0.5 }
    const headers = { 'anthropic-version': '2026-10-21' }
    const { status } = await server.ask('/chat/completions', { json, headers })
    expect([status, sent().json!['temperature']]).toEqual([200, 0.5])
  })

  test('calls tools in parallel and takes their answers', async () => {
    upstream.next({
      text: 'One moment.',
      toolCalls: [
        { name: 'get_weather', arguments: '{"city":"Paris"}' },
        { name: 'get_time', arguments: '{}' },
      ],
    })
    const { choices } = await client.chat.completions.create({
      ...ask('tools'),
      tools: [WEATHER],
      tool_choice: 'required',
      parallel_tool_calls: true,
    })
    const { message, finish_reason } = choices[0]!
    expect(finish_reason).toBe('tool_calls')
    expect(message.content).toBe('One moment.')
    const calls = message.tool_calls!
    expect(calls).toMatchObject([
      { type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
      { type: 'function', function: { name: 'get_time', arguments: '{}' } },
    ])
    expect(sent().json).toMatchObject({
      tools: [{ name: 'get_weather', input_schema: WEATHER.function.parameters }],
      tool_choice: { type: 'any' },
    })
    const answers = calls.map(({ id }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: 'fine',
    }))
    // The double refuses results that do not come together, right after their calls.
    const { choices: after } = await client.chat.completions.create({
      ...ask('answers'),
      messages: [...messages, message, ...answers],
      tools: [WEATHER],
    })
    expect(after[0]!.message.content).toBe(GREETING)
  })

  test('of a client that hangs up while it waits is charged for the prompt', async () => {
    const gate = new Gate()
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const controller = new AbortController()
    const asked = server.fetch('/v1/chat/completions', {
      json: ask('gone'),
      signal: controller.signal,
    })
    asked.catch(() => {})
    await gate.reached
    controller.abort()
    expect(await rowOn('gone')).toMatchObject({ outcome: 'client_closed', input: COUNTED })
    gate.open()
  })

  test('without usage is counted by us, streamed or not', async () => {
    for (const stream of [false, true]) {
      const user = `untold ${stream}`
      upstream.next({ usage: stream ? null : 'absent', deltas: 7 })
      const json = { ...ask(user), stream }
      const { status } = await server.ask('/v1/chat/completions', { json })
      expect(status).toBe(200)
      expect(await rowOn(user)).toMatchObject({
        input: COUNTED,
        output: 7,
        usage_source: 'estimated',
      })
    }
  })

  test('is capped at what the budget has, and refused when that is nothing', async () => {
    await budget('short', 0.001)
    await client.chat.completions.create(ask('short'))
    expect(sent().json!['max_tokens']).toBeLessThan(70)
    await budget('poor', 0)
    const { status, json } = await server.ask('/v1/chat/completions', { json: ask('poor') })
    expect([status, json.error.type, json.type]).toEqual([429, 'budget_exceeded', undefined])
  })

  test.each([
    [429, 'rate_limit_error'],
    [529, 'overloaded_error'],
    [401, 'authentication_error'],
  ])(
    'refused by Anthropic with %p is so to the client, and costs nothing',
    async (status, type) => {
      const user = `refused ${status}`
      upstream.next({ status })
      const asked = client.chat.completions.create(ask(user))
      expect(await asked.catch((thrown: unknown) => thrown)).toMatchObject({ status, type })
      expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
    },
  )

  test('that answers with no message is a 502, and costs nothing', async () => {
    for (const body of ['{"hello":"there"}', '<html>']) {
      const user = `nonsense ${body.length}`
      upstream.next({ body })
      const { status } = await server.ask('/v1/chat/completions', { json: ask(user) })
      expect(status).toBe(502)
      expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
    }
  })

  test('refuses what it cannot say, naming it, before anything is held or booked', async () => {
    const user = 'refused'
    const asked = client.chat.completions.create({ ...ask(user), frequency_penalty: 0.5 })
    const error = await asked.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ param: 'frequency_penalty' })
    expect(String(error)).toContain('drop_params')
    expect(claude.rowsOf(user)).toEqual([])
  })

  test('drops what it cannot say where drop_params says so', async () => {
    const more = { frequency_penalty: 0.5, seed: 7, temperature: 1.5 }
    await client.chat.completions.create({ ...ask('lenient'), model: 'lenient', ...more })
    expect(Object.keys(sent().json!).sort()).toEqual([
      'max_tokens',
      'messages',
      'metadata',
      'model',
    ])
  })

  test('thinks by effort, and answers in a schema', async () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false }
    await client.chat.completions.create({
      ...ask('effort'),
      model: 'claude-5',
      reasoning_effort: 'high',
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema, strict: true } },
    })
    expect(sent().json).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'high', format: { type: 'json_schema', schema } },
    })
  })
})
