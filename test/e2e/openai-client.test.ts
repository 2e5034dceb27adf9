import { describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

/** An application that changed its base URL and nothing else, with the client as OpenAI ships it. */

const gateway = await startGateway()
const { upstream, server, customer } = gateway
const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1` })
const messages = [{ role: 'user' as const, content: 'Say hello' }]
const ask = { model: 'gpt-4o-mini', messages }
const GREETING = 'Hello! How can I help you today?'

const WEATHER = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', properties: {} } },
}
const inZurich = { name: 'weather', arguments: '{"city":"Zürich"}' }

/** What was thrown, and how many calls the upstream has seen for it. */
async function failureOf(call: () => PromiseLike<unknown>) {
  const before = upstream.calls.length
  const error = await Promise.resolve(call()).then(
    () => null,
    (error: InstanceType<typeof OpenAI.APIError>) => error,
  )
  return { error, upstreamCalls: upstream.calls.length - before }
}

/** A client whose requests are counted. */
function countingClient() {
  const counter = { requests: 0 }
  const counted = new OpenAI({
    apiKey: server.key,
    baseURL: `${server.url}/v1`,
    fetch: (url, init) => {
      counter.requests += 1
      return fetch(url, init)
    },
  })
  return { counted, counter }
}

async function textOf(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  let text = ''
  const chunks: OpenAI.ChatCompletionChunk[] = []
  for await (const chunk of stream) {
    chunks.push(chunk)
    text += chunk.choices[0]?.delta.content ?? ''
  }
  return { text, chunks }
}

describe.each(['/v1', '', '/v1/', '/'])('with the base URL ending in "%s"', (end) => {
  const based = new OpenAI({ apiKey: server.key, baseURL: `${server.url}${end}` })

  test('an answer in one piece', async () => {
    const completion = await based.chat.completions.create(ask)
    expect(completion.choices[0]!.message.content).toBe(GREETING)
    expect(completion.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 7 })
  })

  test('an answer in pieces', async () => {
    const { text } = await textOf(await based.chat.completions.create({ ...ask, stream: true }))
    expect(text).toBe(GREETING)
  })

  test('the models', async () => {
    const { data } = await based.models.list()
    expect(data.map(({ id }) => id)).toEqual(['gpt-4o-mini', 'renamed', 'unpriced'])
    expect(await based.models.retrieve('renamed')).toMatchObject({ id: 'renamed', object: 'model' })
  })
})

describe('streams', () => {
  test('usage is there for who asked for it, in the last chunk alone', async () => {
    const stream = await client.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    })
    const { chunks } = await textOf(stream)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 13 } })
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull()
  })

  test('usage is not there for who did not, and every chunk has its choice', async () => {
    const { chunks } = await textOf(await client.chat.completions.create({ ...ask, stream: true }))
    expect(chunks.map((chunk) => chunk.choices.length)).toEqual(chunks.map(() => 1))
    expect(JSON.stringify(chunks)).not.toContain('"total_tokens"')
  })

  test('the helper puts the answer together, with the usage that was asked for', async () => {
    const stream = client.chat.completions.stream({
      ...ask,
      stream_options: { include_usage: true },
    })
    expect(await stream.finalContent()).toBe(GREETING)
    expect(await stream.totalUsage()).toMatchObject({ prompt_tokens: 6, completion_tokens: 7 })
  })

  test('the helper puts the answer together where no usage was asked for', async () => {
    const stream = client.chat.completions.stream(ask)
    const { choices, usage } = await stream.finalChatCompletion()
    expect(choices[0]!.message.content).toBe(GREETING)
    expect(usage ?? null).toBeNull()
  })

  test('who stops reading ends the call upstream, and pays for what was sent', async () => {
    const gate = new Gate()
    upstream.next({ deltas: 20, holds: [{ gate, at: { events: 5 } }] })
    const stream = await client.chat.completions.create({ ...ask, user: 'leaver', stream: true })
    for await (const chunk of stream) {
      if (chunk.choices[0]!.delta.content) break
    }
    await eventually(() => expect(upstream.calls.at(-1)!.hungUpAfter).not.toBeNull())
    await eventually(async () => {
      const { spend, held } = await customer('leaver')
      expect(spend).toBeGreaterThan(0)
      expect(held).toBe(0)
    })
  })
})

describe('tools', () => {
  test('are called in an answer of one piece', async () => {
    upstream.next({ toolCalls: [inZurich] })
    const { choices } = await client.chat.completions.create({ ...ask, tools: [WEATHER] })
    expect(choices[0]!.finish_reason).toBe('tool_calls')
    expect(choices[0]!.message.tool_calls).toMatchObject([{ function: inZurich }])
    expect(upstream.calls.at(-1)!.json!['tools']).toEqual([WEATHER])
  })

  test('are called in a stream, several of them, and each is whole', async () => {
    const inBern = { name: 'weather', arguments: '{"city":"Bern 🏔"}' }
    upstream.next({ text: 'Let me look.', toolCalls: [inZurich, inBern] })
    const stream = client.chat.completions.stream({ ...ask, tools: [WEATHER] })
    const { message } = (await stream.finalChatCompletion()).choices[0]!
    expect(message.content).toBe('Let me look.')
    expect(message.tool_calls).toMatchObject([{ function: inZurich }, { function: inBern }])
  })

  test('their results go back up as they are', async () => {
    const call = { id: 'call_1', type: 'function' as const, function: inZurich }
    const history = [
      ...messages,
      { role: 'assistant' as const, content: null, tool_calls: [call] },
      { role: 'tool' as const, tool_call_id: 'call_1', content: '17 °C' },
    ]
    await client.chat.completions.create({ ...ask, messages: history, tools: [WEATHER] })
    expect(upstream.calls.at(-1)!.json!['messages']).toEqual(history)
  })
})

test('a message of text and an image goes up as it is', async () => {
  const content = [
    { type: 'text' as const, text: 'What is in this picture?' },
    {
      type: 'image_url' as const,
      image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' as const },
    },
  ]
  const seen = await client.chat.completions.create({
    ...ask,
    messages: [{ role: 'user', content }],
  })
  expect(seen.choices[0]!.message.content).toBe(GREETING)
  expect(upstream.calls.at(-1)!.json!['messages']).toEqual([{ role: 'user', content }])
})

test('`user` names the tab, to the nano-dollar, streamed or not', async () => {
  await client.chat.completions.create({ ...ask, user: 'on the tab' })
  await textOf(await client.chat.completions.create({ ...ask, user: 'on the tab', stream: true }))
  const { spend } = await customer('on the tab')
  expect(Math.round(spend * 1e9)).toBe(2 * nanosOf({ input: 6, output: 7 }))
})

test('the headers of the answer say what it cost, for who asks the client for them', async () => {
  const { data, response } = await client.chat.completions.create(ask).withResponse()
  expect(data.choices).toHaveLength(1)
  const cost = nanosOf({ input: 6, output: 7 }) / 1e9
  expect(Number(response.headers.get('x-tollgate-cost'))).toBe(cost)
})

describe('errors are of the client’s own classes', () => {
  test('a wrong key: AuthenticationError', async () => {
    const stranger = new OpenAI({ apiKey: 'sk-wrong', baseURL: `${server.url}/v1` })
    const { error, upstreamCalls } = await failureOf(() => stranger.chat.completions.create(ask))
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
    expect(error).toMatchObject({ status: 401, type: 'auth_error', code: '401', param: null })
    expect(upstreamCalls).toBe(0)
  })

  test('a field of the wrong type: BadRequestError, with the field', async () => {
    const wrong = { ...ask, stream: 'yes' } as unknown as typeof ask
    const { error, upstreamCalls } = await failureOf(() => client.chat.completions.create(wrong))
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param: 'stream' })
    expect(upstreamCalls).toBe(0)
  })

  test('a model that is not served: NotFoundError, which names the nearest', async () => {
    const { error } = await failureOf(() =>
      client.chat.completions.create({ ...ask, model: 'gpt-4o-mimi' }),
    )
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ status: 404, param: 'model' })
    expect(error!.message).toContain('gpt-4o-mini')
    const { error: unknown } = await failureOf(() => client.models.retrieve('gpt-4o-mimi'))
    expect(unknown).toBeInstanceOf(OpenAI.NotFoundError)
  })

  test('a blocked customer: PermissionDeniedError', async () => {
    await server.ask('/customer/block', { json: { user_ids: ['mallory'] } })
    const { error } = await failureOf(() =>
      client.chat.completions.create({ ...ask, user: 'mallory' }),
    )
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(error).toMatchObject({ status: 403, type: 'customer_blocked', param: 'user' })
  })

  test('over budget: RateLimitError, of one request, which the client does not repeat', async () => {
    await server.ask('/customer/new', { json: { user_id: 'broke', max_budget: 0 } })
    const { counted, counter } = countingClient()
    for (const stream of [false, true]) {
      counter.requests = 0
      const { error, upstreamCalls } = await failureOf(() =>
        counted.chat.completions.create({ ...ask, user: 'broke', stream }),
      )
      expect(error).toBeInstanceOf(OpenAI.RateLimitError)
      expect(error).toMatchObject({ status: 429, type: 'budget_exceeded', code: '429' })
      expect(error!.message).toContain('ExceededBudget: End User=broke over budget.')
      expect([counter.requests, upstreamCalls]).toEqual([1, 0])
    }
  })

  test('an upstream’s 500: InternalServerError, after the client’s own repeats', async () => {
    const failing = { status: 500 }
    upstream.next(failing, failing)
    const { error, upstreamCalls } = await failureOf(() =>
      client.chat.completions.create({ ...ask, user: 'unlucky' }, { maxRetries: 1 }),
    )
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 500, code: '500' })
    expect(upstreamCalls).toBe(2)
    expect((await customer('unlucky')).spend).toBe(0)
  })

  test('an error inside a stream: APIError, thrown while it is read', async () => {
    upstream.next({ deltas: 9, errorAfter: { events: 4 } })
    const stream = await client.chat.completions.create({ ...ask, stream: true })
    const { error } = await failureOf(() => textOf(stream))
    expect(error).toBeInstanceOf(OpenAI.APIError)
  })

  test('an upstream that breaks off its stream: APIError, thrown while it is read', async () => {
    upstream.next({ deltas: 20, dies: { after: { events: 6 } } })
    const stream = await client.chat.completions.create({ ...ask, stream: true })
    const { error } = await failureOf(() => textOf(stream))
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ type: 'upstream_error' })
  })
})

describe('a client that aborts', () => {
  test('before the answer: the upstream is broken off, and only the prompt is charged', async () => {
    const gate = new Gate()
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const controller = new AbortController()
    const call = failureOf(() =>
      client.chat.completions.create({ ...ask, user: 'hasty' }, { signal: controller.signal }),
    )
    await gate.reached
    controller.abort()
    expect((await call).error).toBeInstanceOf(OpenAI.APIUserAbortError)
    await eventually(() => expect(upstream.calls.at(-1)!.hungUpAfter).toBe(0))
    await eventually(async () => expect((await customer('hasty')).held).toBe(0))
    const { spend } = await customer('hasty')
    expect(spend).toBeGreaterThan(0)
    expect(Math.round(spend * 1e9)).toBeLessThan(nanosOf({ input: 20 }))
  })

  test('within its own time-out: APIConnectionTimeoutError, and the upstream is let go', async () => {
    const gate = new Gate()
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const { error } = await failureOf(() =>
      client.chat.completions.create(ask, { timeout: 200, maxRetries: 0 }),
    )
    expect(error).toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
    await eventually(() => expect(upstream.calls.at(-1)!.hungUpAfter).toBe(0))
  })
})

test('the books balance after all of this', async () => {
  await server.stop()
  const { verify } = await import('../../src/store/verify.ts')
  expect((await verify(server.databasePath)).faults).toEqual([])
})
