import { describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import OpenAI, { APIError, NotFoundError } from 'openai'
import { ASK, post } from './client.ts'
import { eventually } from './eventually.ts'
import type { Script } from './script.ts'
import { startUpstream, type Upstream, type UpstreamOptions } from './upstream.ts'
import { NO_TOKENS } from './wire.ts'

/** The double is an OpenAI: the official client cannot tell. */

const clientOf = (upstream: Upstream, apiKey = 'sk-upstream') =>
  new OpenAI({ baseURL: upstream.url, apiKey, maxRetries: 0 })

async function upstreamThat(script: Script, options?: UpstreamOptions) {
  const upstream = await startUpstream(options)
  upstream.always(script)
  return upstream
}

describe('to the official client', () => {
  test('a plain answer is whole, with exact usage', async () => {
    await using upstream = await upstreamThat({ tokens: { cachedInput: 3, reasoning: 5 } })
    const answer = await clientOf(upstream).chat.completions.create({ ...ASK, user: 'alice' })

    expect(answer.object).toBe('chat.completion')
    expect(answer.id).toMatch(/^chatcmpl-\w{29}$/)
    expect(answer.choices[0]).toMatchObject({
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'Hello! How can I help you today?', refusal: null },
    })
    expect(answer.usage).toMatchObject({
      prompt_tokens: 9,
      completion_tokens: 12,
      total_tokens: 21,
      prompt_tokens_details: { cached_tokens: 3, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 5, audio_tokens: 0 },
    })
    expect(upstream.served.get('alice')).toEqual({
      ...NO_TOKENS,
      calls: 1,
      input: 6,
      cachedInput: 3,
      output: 7,
      reasoning: 5,
    })
  })

  test('a stream begins with the role, ends with the usage, and says in between what was said', async () => {
    await using upstream = await upstreamThat({ text: 'Zwölf Boxkämpfer 😀', deltas: 5 })
    const stream = await clientOf(upstream).chat.completions.create({
      ...ASK,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await Array.fromAsync(stream)

    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '', refusal: null })
    const texts = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '')
    expect(texts.join('')).toBe('Zwölf Boxkämpfer 😀')
    expect(texts.filter((text) => text !== '')).toHaveLength(5)
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('stop')
    expect(chunks.at(-1)!.choices).toEqual([])
    expect(chunks.at(-1)!.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 5 })
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
  })

  test('the client puts a stream of parallel tool calls together again', async () => {
    const toolCalls = [
      { name: 'get_weather', arguments: '{"city":"Zürich"}' },
      { name: 'get_time', arguments: '{}' },
    ]
    await using upstream = await upstreamThat({ toolCalls })
    const runner = clientOf(upstream).chat.completions.stream(ASK)
    const { choices } = await runner.finalChatCompletion()

    expect(choices[0]!.finish_reason).toBe('tool_calls')
    expect(choices[0]!.message.content).toBeNull()
    const called = choices[0]!.message.tool_calls!.map(
      (call) => (call as { function: object }).function,
    )
    expect(called).toMatchObject(toolCalls)

    const whole = await clientOf(upstream).chat.completions.create(ASK)
    expect(whole.choices[0]!.message.tool_calls).toMatchObject(
      toolCalls.map((call) => ({ type: 'function', function: call })),
    )
  })

  test('a cap and several choices are obeyed', async () => {
    await using upstream = await upstreamThat({ deltas: 54 })
    const ask = { ...ASK, max_completion_tokens: 3, n: 2 }
    const { choices, usage } = await clientOf(upstream).chat.completions.create(ask)
    expect(choices.map((choice) => choice.message.content)).toEqual([
      'Word word word',
      'Word word word',
    ])
    expect(choices[0]!.finish_reason).toBe('length')
    expect(usage!.completion_tokens).toBe(6)
  })

  test('models are listed and found', async () => {
    await using upstream = await startUpstream({ models: ['gpt-4o'] })
    const client = clientOf(upstream)
    const listed = await Array.fromAsync(client.models.list())
    expect(listed.map((model) => model.id)).toEqual(['gpt-4o'])
    expect((await client.models.retrieve('gpt-4o')).object).toBe('model')
    const gone = await client.models.retrieve('gpt-9').catch((error) => error)
    expect(gone).toBeInstanceOf(NotFoundError)
    const refused = await client.chat.completions.create(ASK).catch((error) => error)
    expect(refused).toMatchObject({ status: 404, code: 'model_not_found' })
  })

  test.each<[number, string, Script, UpstreamOptions]>([
    [401, 'AuthenticationError', {}, { key: 'sk-another' }],
    [429, 'RateLimitError', { status: 429, headers: { 'retry-after': '20' } }, {}],
    [500, 'InternalServerError', { status: 500 }, {}],
    [503, 'InternalServerError', { status: 503 }, {}],
  ])('a %p is its %p', async (status, name, script, options) => {
    await using upstream = await upstreamThat(script, options)
    const error = await clientOf(upstream)
      .chat.completions.create(ASK)
      .catch((error) => error)
    expect(error).toBeInstanceOf(APIError)
    expect(error.constructor.name).toBe(name)
    expect(error.status).toBe(status)
    expect(error.error.message.length).toBeGreaterThan(20)
    expect(upstream.served.size).toBe(0)
  })

  test('an error inside a stream is thrown', async () => {
    await using upstream = await upstreamThat({ deltas: 9, errorAfter: { events: 3 } })
    const stream = await clientOf(upstream).chat.completions.create({ ...ASK, stream: true })
    const thrown = await Array.fromAsync(stream).catch((error) => error)
    expect(thrown).toBeInstanceOf(APIError)
  })
})

test.each<[string, object | string]>([
  ['a broken body', '{"model":'],
  ['no model', { ...ASK, model: undefined }],
  ['no messages', { ...ASK, messages: undefined }],
  ['an empty list of messages', { ...ASK, messages: [] }],
  ['stream_options of a call that is not streamed', { ...ASK, stream_options: {} }],
  ['a member it does not know', { ...ASK, litellm_metadata: {} }],
  ['both caps at once', { ...ASK, max_tokens: 1, max_completion_tokens: 1 }],
  ['a cap of nothing', { ...ASK, max_tokens: 0 }],
])('refuses %s with a 400 of OpenAI', async (_, body) => {
  await using upstream = await startUpstream()
  const response = await post(
    upstream,
    {},
    {
      body: typeof body === 'string' ? body : JSON.stringify(body),
    },
  )
  const json = (await response.json()) as { error: object }
  expect(response.status).toBe(400)
  expect(Object.keys(json.error)).toEqual(['message', 'type', 'param', 'code'])
})

test('requests in chunks, one after the other on one connection, are read', async () => {
  await using upstream = await startUpstream()
  const body = JSON.stringify(ASK)
  const [one, two] = [body.slice(0, 9), body.slice(9)]
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-x\r\n'
  const request = `${head}transfer-encoding: chunked\r\n\r\n${chunk(one)}${chunk(two)}0\r\n\r\n`
  const socket = connect(Number(new URL(upstream.url).port), '127.0.0.1')
  let answers = ''
  socket.on('data', (data) => {
    answers += data
  })
  socket.write(request + request)
  await eventually(() => expect(answers.match(/"chat.completion"/g)).toHaveLength(2))
  socket.destroy()
  expect(upstream.calls.map((call) => call.json)).toEqual([ASK, ASK])
})
