import { afterAll, describe, expect, test } from 'bun:test'
import Anthropic, { APIError } from '@anthropic-ai/sdk'
import { verify } from '../../src/store/verify.ts'
import { type Claude, claudeNanos, startClaude } from '../support/claude.ts'
import { piecesOf, textOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { Gate } from '../support/gate.ts'

/** Streams of Anthropic's own API, with its own client, against a strict double of it. */

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

describe.each(RUNTIMES)('a stream of /v1/messages on $on', async ({ command }) => {
  const claude: Claude = await startClaude({ command })
  const { server, upstream, rowOn, customer, budget } = claude
  const client = new Anthropic({ apiKey: server.key, baseURL: server.url, maxRetries: 0 })

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await claude[Symbol.asyncDispose]()
  })

  test('passes byte for byte, and is charged what Anthropic reports', async () => {
    const json = { ...ask('streamed'), stream: true }
    const response = await server.fetch('/v1/messages', { json })
    const { bytes } = await piecesOf(response)
    expect(bytes.equals(Buffer.from(upstream.calls.at(-1)!.sent))).toBe(true)
    expect(await rowOn('streamed')).toMatchObject({
      ...PLAIN,
      outcome: 'ok',
      usage_source: 'upstream',
      charge: claudeNanos(PLAIN),
    })
  })

  test('is put together by the client, with tools, thoughts and caches', async () => {
    upstream.next({
      thinking: 'They want the weather in two cities.',
      tokens: { input: 3, cachedInput: 1_000, cacheWrite: 200 },
      cacheWriteHour: 50,
      toolCalls: [
        { name: 'get_weather', arguments: '{"city":"Paris"}' },
        { name: 'get_time', arguments: '{}' },
      ],
    })
    const stream = client.messages.stream({
      ...ask('whole stream'),
      tools: [{ name: 'get_weather', input_schema: { type: 'object' } }],
    })
    const { content, stop_reason } = await stream.finalMessage()
    expect(content.map((block) => [block.type, 'input' in block ? block.input : null])).toEqual([
      ['thinking', null],
      ['tool_use', { city: 'Paris' }],
      ['tool_use', {}],
    ])
    expect(stop_reason).toBe('tool_use')
    expect(await rowOn('whole stream')).toMatchObject({
      input: 3,
      cached_input: 1_000,
      cache_write: 200,
      cache_write_hour: 50,
      usage_source: 'upstream',
    })
  })

  test('of a client that hangs up is charged what was read, and for what it was sent', async () => {
    const gate = new Gate()
    upstream.next({
      deltas: 20,
      tokens: { input: 3, cachedInput: 1_000 },
      holds: [{ gate, at: { events: 8 } }],
    })
    const stream = await client.messages.create({ ...ask('left'), stream: true })
    const seen: string[] = []
    for await (const event of stream) {
      seen.push(event.type)
      // Without the ping, which the client keeps to itself.
      if (seen.length === 7) break
    }
    const row = await rowOn('left')
    expect(row).toMatchObject({
      outcome: 'client_closed',
      usage_source: 'estimated',
      input: 3,
      cached_input: 1_000,
      output: 5,
    })
    expect((await customer('left')).held).toBe(0)
  })

  test('that dies is charged for what came, and says so last', async () => {
    const gate = new Gate()
    const at = { events: 8 }
    upstream.next({ deltas: 20, holds: [{ gate, at }], dies: { after: at } })
    const json = { ...ask('broken'), stream: true }
    const response = await server.fetch('/v1/messages', { json })
    const text = await textOf(response, (soFar) => {
      if (soFar.split(' word').length === 5) gate.open()
    })
    const last = text.trim().split('\n').slice(-2)
    expect(last[0]).toBe('event: error')
    expect(JSON.parse(last[1]!.slice('data: '.length))).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: expect.stringContaining('broke off'), code: '502' },
    })
    expect(await rowOn('broken')).toMatchObject({ outcome: 'interrupted', output: 5 })
  })

  test('that Anthropic breaks off with an error tells it in its words', async () => {
    upstream.next({ errorAfter: { events: 5 } })
    const stream = await client.messages.create({ ...ask('overloaded'), stream: true })
    const readAll = async () => {
      for await (const _ of stream);
    }
    const error = await readAll().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ type: 'overloaded_error' })
    // The client leaves when it reads of the error, which may be before the upstream ends.
    const { outcome, output } = await rowOn('overloaded')
    expect(['interrupted', 'client_closed']).toContain(outcome)
    expect(output).toBe(3)
  })

  test.each([null, {}, 'nonsense'])('whose last usage is %p is counted by us', async (usage) => {
    const user = `half told ${JSON.stringify(usage)}`
    upstream.next({ usage, deltas: 7, tokens: { cachedInput: 100 } })
    await (await server.fetch('/v1/messages', { json: { ...ask(user), stream: true } })).text()
    const told = { input: 6, cached_input: 100 }
    expect(await rowOn(user)).toMatchObject({ ...told, output: 7, usage_source: 'estimated' })
  })

  test('without usage is counted by us', async () => {
    upstream.next({ usage: 'absent', deltas: 7 })
    const json = { ...ask('stream untold'), stream: true }
    await (await server.fetch('/v1/messages', { json })).text()
    expect(await rowOn('stream untold')).toMatchObject({
      input: COUNTED,
      output: 7,
      usage_source: 'estimated',
      outcome: 'ok',
    })
  })

  test('that ignores its cap is cut before the budget is passed, and ends as at a cap', async () => {
    await budget('cut', 0.0006)
    upstream.next({ deltas: 200, ignoresCap: true })
    const stream = client.messages.stream(ask('cut'))
    const message = await stream.finalMessage()
    expect(message.stop_reason).toBe('max_tokens')
    const { spend, held } = await customer('cut')
    expect(held).toBe(0)
    expect(spend).toBeGreaterThan(0)
    expect(spend).toBeLessThanOrEqual(0.0006)
    const row = await rowOn('cut')
    expect(message.usage.output_tokens).toBe(row.output)
    expect(row.output).toBe((message.content[0] as { text: string }).text.split(' ').length)
  })
})
