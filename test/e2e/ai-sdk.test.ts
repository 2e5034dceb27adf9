import { afterAll, describe, expect, test } from 'bun:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, embed, generateText, isStepCount, jsonSchema, streamText, tool } from 'ai'
import { bookedOn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

/** Vercel's AI SDK as it is shipped, with nothing but a base URL and a key of ours. */

const gateway = await startGateway({
  settings: (upstream) => `
  - model_name: vectors
    litellm_params:
      model: openai/text-embedding-3-small
      api_base: ${upstream.url}
      api_key: sk-upstream-secret
      input_cost_per_token: 3e-6
      output_cost_per_token: 0
`,
})
const { upstream, server, customer } = gateway
afterAll(() => gateway[Symbol.asyncDispose]())
const tollgate = createOpenAICompatible({
  name: 'tollgate',
  baseURL: `${server.url}/v1`,
  apiKey: server.key,
  includeUsage: true,
})
const model = tollgate('gpt-4o-mini')
const prompt = 'Say hello'
const GREETING = 'Hello! How can I help you today?'

/** Options that put a call on a customer's tab. */
const on = (user: string) => ({ providerOptions: { tollgate: { user } } })

const weather = tool({
  description: 'The weather of a city',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  }),
  execute: async ({ city }) => `17 °C in ${city}`,
})
const inZurich = { name: 'weather', arguments: '{"city":"Zürich"}' }

const chargesOn = (user: string) =>
  bookedOn(server.databasePath, user).map(({ charge, usage_source }) => [charge, usage_source])

test('generateText: the answer, its usage, and its charge', async () => {
  const { text, usage, finishReason } = await generateText({ model, prompt, ...on('whole') })
  expect([text, finishReason]).toEqual([GREETING, 'stop'])
  const { input, output } = await counted('whole')
  expect([usage.inputTokens, usage.outputTokens]).toEqual([input, output])
  expect(chargesOn('whole')).toEqual([[nanosOf({ input, output }), 'upstream']])
})

test('streamText: the same in pieces', async () => {
  const result = streamText({ model, prompt, ...on('streamed') })
  const pieces: string[] = []
  for await (const piece of result.textStream) pieces.push(piece)
  expect(pieces.join('')).toBe(GREETING)
  expect(pieces.length).toBeGreaterThan(1)
  const { input, output } = await counted('streamed')
  const usage = await result.usage
  expect([usage.inputTokens, usage.outputTokens]).toEqual([input, output])
  expect(chargesOn('streamed')).toEqual([[nanosOf({ input, output }), 'upstream']])
})

test('streamText, by a client that asks for no usage: it is charged all the same', async () => {
  const silent = createOpenAICompatible({
    name: 'tollgate',
    baseURL: server.url,
    apiKey: server.key,
  })
  const result = streamText({ model: silent('gpt-4o-mini'), prompt, ...on('silent') })
  expect(await result.text).toBe(GREETING)
  expect((await result.usage).outputTokens).toBeUndefined()
  const { input, output } = await counted('silent')
  expect(chargesOn('silent')).toEqual([[nanosOf({ input, output }), 'upstream']])
})

describe('tools', () => {
  test('are called and answered, whole: each step is a call on the tab', async () => {
    upstream.next({ toolCalls: [inZurich] }, { text: 'It is mild.' })
    const { text, steps } = await generateText({
      model,
      prompt,
      tools: { weather },
      stopWhen: isStepCount(2),
      ...on('tooled'),
    })
    expect(text).toBe('It is mild.')
    expect(steps[0]!.toolCalls[0]).toMatchObject({ toolName: 'weather', input: { city: 'Zürich' } })
    const sent = upstream.calls.at(-1)!.json!['messages'] as { role: string; content: string }[]
    expect(sent.at(-1)).toMatchObject({ role: 'tool', content: '17 °C in Zürich' })
    expect(chargesOn('tooled')).toHaveLength(2)
  })

  test('are called and answered, streamed', async () => {
    upstream.next({ text: 'Let me look.', toolCalls: [inZurich] }, { text: 'It is mild.' })
    const result = streamText({
      model,
      prompt,
      tools: { weather },
      stopWhen: isStepCount(2),
      ...on('tooled in pieces'),
    })
    expect(await result.text).toBe('It is mild.')
    const [first] = await result.steps
    expect(first!.text).toBe('Let me look.')
    expect(first!.toolResults[0]).toMatchObject({ output: '17 °C in Zürich' })
    expect(chargesOn('tooled in pieces')).toHaveLength(2)
  })
})

test('embed: the vector, and what it cost', async () => {
  const { embedding, usage } = await embed({
    model: tollgate.embeddingModel('vectors'),
    value: 'a b',
    ...on('embedded'),
  })
  expect(embedding).toEqual([0.5, -0.5])
  expect(usage.tokens).toBe(2)
  expect(chargesOn('embedded')).toEqual([[6_000, 'upstream']])
})

describe('errors', () => {
  test('over budget: an APICallError with the sentence, asked once', async () => {
    await server.ask('/customer/new', { json: { user_id: 'broke', max_budget: 0 } })
    const before = upstream.calls.length
    const error = await generateText({ model, prompt, maxRetries: 0, ...on('broke') }).then(
      () => null,
      (error: unknown) => error,
    )
    expect(APICallError.isInstance(error)).toBe(true)
    expect((error as APICallError).statusCode).toBe(429)
    expect((error as APICallError).message).toContain('ExceededBudget: End User=broke')
    expect(upstream.calls.length).toBe(before)
  })

  test('a stream that breaks: an error part, and what came is on the tab', async () => {
    // Together with the error the SDK would show nothing of what came before it.
    const gate = new Gate()
    const dies = { after: { events: 6 } }
    upstream.next({ deltas: 20, dies, holds: [{ gate, at: { events: 4 } }] })
    const parts: string[] = []
    const result = streamText({ model, prompt, onError: () => {}, ...on('broken') })
    for await (const part of result.fullStream) {
      parts.push(part.type)
      if (part.type === 'text-delta') gate.open()
    }
    expect(parts).toContain('text-delta')
    expect(parts).toContain('error')
    await eventually(async () => expect((await customer('broken')).spend).toBeGreaterThan(0))
  })
})

/** What the upstream told of the calls of a customer. */
async function counted(user: string) {
  return eventually(() => {
    const served = upstream.served.get(user)
    expect(served).toBeDefined()
    return served!
  })
}
