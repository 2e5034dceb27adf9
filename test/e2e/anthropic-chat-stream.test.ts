import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI, { APIError } from 'openai'
import { verify } from '../../src/store/verify.ts'
import { startClaude } from '../support/claude.ts'
import { textOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { Gate } from '../support/gate.ts'

/** Streams of OpenAI's chat, with its own client, translated from a double of Anthropic. */

const messages = [{ role: 'user' as const, content: 'Say hello' }]
const ask = (user: string) => ({ model: 'claude', messages, user })
const PLAIN = { input: 6, output: 7 }

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

describe.each(RUNTIMES)('a stream of /chat/completions of a Claude on $on', async ({ command }) => {
  const claude = await startClaude({ command })
  const { server, upstream, rowOn, customer, budget } = claude
  const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1`, maxRetries: 0 })
  const sent = () => upstream.calls.at(-1)!

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await claude[Symbol.asyncDispose]()
  })

  test('streams text, tools and thoughts, with the usage at its end', async () => {
    upstream.next({
      thinking: 'They want the weather.',
      text: 'One moment.',
      toolCalls: [
        { name: 'get_weather', arguments: '{"city":"Paris"}' },
        { name: 'get_time', arguments: '' },
      ],
    })
    const stream = client.chat.completions.stream({
      ...ask('streamed'),
      tools: [WEATHER],
      stream_options: { include_usage: true },
    })
    let reasoning = ''
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta as { reasoning_content?: string } | undefined
      reasoning += delta?.reasoning_content ?? ''
    }
    const { choices, usage } = await stream.finalChatCompletion()
    expect(reasoning).toBe('They want the weather.')
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'One moment.',
        tool_calls: [
          { function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
          { function: { name: 'get_time', arguments: '{}' } },
        ],
      },
    })
    // Four words thought, two said, two names, and four pieces of arguments.
    expect(usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 12 })
    expect(await rowOn('streamed')).toMatchObject({ input: 6, output: 12, outcome: 'ok' })
  })

  test('keeps the usage from a client that did not ask for it', async () => {
    const response = await server.fetch('/v1/chat/completions', {
      json: { ...ask('unasked'), stream: true },
    })
    const text = await response.text()
    expect(text).not.toContain('"usage"')
    expect(text).toEndWith('data: [DONE]\n\n')
    expect(await rowOn('unasked')).toMatchObject({ ...PLAIN, usage_source: 'upstream' })
  })

  test('that Anthropic breaks off with an error in the stream tells it', async () => {
    upstream.next({ errorAfter: { events: 6 } })
    const stream = await client.chat.completions.create({ ...ask('overloaded'), stream: true })
    const readAll = async () => {
      for await (const _ of stream);
    }
    const error = await readAll().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(APIError)
    expect(String(error)).toContain('Overloaded')
    // The client leaves when it reads of the error, which may be before the upstream ends.
    const { outcome, output } = await rowOn('overloaded')
    expect(['interrupted', 'client_closed']).toContain(outcome)
    expect(output).toBe(4)
  })

  test('that dies in its stream is charged for what came, and says so last', async () => {
    const gate = new Gate()
    const at = { events: 8 }
    upstream.next({ deltas: 20, holds: [{ gate, at }], dies: { after: at } })
    const json = { ...ask('broken'), stream: true }
    const response = await server.fetch('/v1/chat/completions', { json })
    const text = await textOf(response, (soFar) => {
      if (soFar.split(' word').length === 5) gate.open()
    })
    const last = JSON.parse(text.trim().split('\n').at(-1)!.slice('data: '.length))
    expect(last.error).toMatchObject({ message: expect.stringContaining('broke off'), code: '502' })
    expect(await rowOn('broken')).toMatchObject({ outcome: 'interrupted', output: 5 })
  })

  test('of a client that hangs up is charged for what it was sent, and Anthropic is told', async () => {
    const gate = new Gate()
    upstream.next({ deltas: 20, holds: [{ gate, at: { events: 8 } }] })
    const stream = await client.chat.completions.create({ ...ask('left'), stream: true })
    let words = 0
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) words++
      if (words === 5) break
    }
    await sent().finished
    expect(sent().hungUpAfter).not.toBeNull()
    expect(await rowOn('left')).toMatchObject({
      outcome: 'client_closed',
      usage_source: 'estimated',
      output: 5,
    })
    expect((await customer('left')).held).toBe(0)
  })

  test('that ignores its cap is cut before the budget is passed', async () => {
    await budget('cut', 0.0006)
    upstream.next({ deltas: 200, ignoresCap: true })
    const stream = client.chat.completions.stream(ask('cut'))
    const { choices } = await stream.finalChatCompletion()
    expect(choices[0]!.finish_reason).toBe('length')
    const { spend, held } = await customer('cut')
    expect(held).toBe(0)
    expect(spend).toBeGreaterThan(0)
    expect(spend).toBeLessThanOrEqual(0.0006)
  })
})
