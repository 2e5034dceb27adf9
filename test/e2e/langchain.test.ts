import { afterAll, describe, expect, test } from 'bun:test'
import { HumanMessage, ToolMessage } from '@langchain/core/messages'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { bookedOn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

/** LangChain's classes for OpenAI as they are shipped, with a base URL and a key of ours. */

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
const configuration = { baseURL: `${server.url}/v1` }
const GREETING = 'Hello! How can I help you today?'

const chatOn = (user: string, more: object = {}) =>
  new ChatOpenAI({
    model: 'gpt-4o-mini',
    apiKey: server.key,
    configuration,
    maxRetries: 0,
    user,
    ...more,
  })

const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}
const inZurich = { name: 'weather', arguments: '{"city":"Zürich"}' }

const chargesOn = (user: string) =>
  bookedOn(server.databasePath, user).map(({ charge, usage_source }) => [charge, usage_source])

/** What the upstream told of the calls of a customer. */
const counted = (user: string) =>
  eventually(() => {
    const served = upstream.served.get(user)
    expect(served).toBeDefined()
    return served!
  })

test('invoke: the answer, its usage, and its charge', async () => {
  const message = await chatOn('whole').invoke('Say hello')
  expect(message.text).toBe(GREETING)
  const { input, output } = await counted('whole')
  expect(message.usage_metadata).toMatchObject({ input_tokens: input, output_tokens: output })
  expect(chargesOn('whole')).toEqual([[nanosOf({ input, output }), 'upstream']])
})

test.each([true, false])('stream, with streamUsage %p: the same in pieces', async (streamUsage) => {
  const user = `streamed ${streamUsage}`
  const pieces: string[] = []
  let usage: object | undefined
  for await (const chunk of await chatOn(user, { streamUsage }).stream('Say hello')) {
    pieces.push(chunk.text)
    usage = chunk.usage_metadata ?? usage
  }
  expect(pieces.join('')).toBe(GREETING)
  const { input, output } = await counted(user)
  const told = { input_tokens: input, output_tokens: output }
  if (streamUsage) expect(usage).toMatchObject(told)
  else expect(usage).toBeUndefined()
  expect(chargesOn(user)).toEqual([[nanosOf({ input, output }), 'upstream']])
})

describe('tools', () => {
  test('are called, and their results go back up', async () => {
    upstream.next({ toolCalls: [inZurich] }, { text: 'It is mild.' })
    const bound = chatOn('tooled').bindTools([WEATHER])
    const asked = new HumanMessage('The weather in Zürich?')
    const first = await bound.invoke([asked])
    expect(first.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Zürich' } }])
    const result = new ToolMessage({
      tool_call_id: first.tool_calls![0]!.id!,
      content: '17 °C',
    })
    expect((await bound.invoke([asked, first, result])).text).toBe('It is mild.')
    const sent = upstream.calls.at(-1)!.json!['messages'] as object[]
    expect(sent.at(-1)).toMatchObject({ role: 'tool', content: '17 °C' })
    expect(chargesOn('tooled')).toHaveLength(2)
  })

  test('are called in a stream', async () => {
    upstream.next({ text: 'Let me look.', toolCalls: [inZurich] })
    const stream = await chatOn('tooled in pieces').bindTools([WEATHER]).stream('The weather?')
    let name = ''
    let given = ''
    for await (const { tool_call_chunks: chunks } of stream) {
      for (const chunk of chunks ?? []) {
        name += chunk.name ?? ''
        given += chunk.args ?? ''
      }
    }
    expect([name, given]).toEqual([inZurich.name, inZurich.arguments])
    expect(chargesOn('tooled in pieces')).toHaveLength(1)
  })
})

test('the classes for embeddings and for the Responses API', async () => {
  const embeddings = new OpenAIEmbeddings({
    model: 'vectors',
    apiKey: server.key,
    configuration,
  })
  expect(await embeddings.embedQuery('a b')).toEqual([0.5, -0.5])
  const message = await chatOn('responses', { useResponsesApi: true }).invoke('Say hello')
  expect(message.text).toBe(GREETING)
  const { input, output } = await counted('responses')
  expect(message.usage_metadata).toMatchObject({ input_tokens: input, output_tokens: output })
  expect(chargesOn('responses')).toHaveLength(1)
})

test('over budget: an error of status 429 with the sentence', async () => {
  await server.ask('/customer/new', { json: { user_id: 'broke', max_budget: 0 } })
  const before = upstream.calls.length
  const error = await chatOn('broke')
    .invoke('Say hello')
    .then(
      () => null,
      (error: Error & { status?: number }) => error,
    )
  expect(error?.status).toBe(429)
  expect(error?.message).toContain('ExceededBudget: End User=broke')
  expect(upstream.calls.length).toBe(before)
  expect((await customer('broke')).spend).toBe(0)
})
