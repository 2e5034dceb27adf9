import { afterAll, describe, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { startServer } from '../support/server.ts'

test('the demo model reports usage in its streams too, so nothing has to be estimated', async () => {
  await using server = await startServer()
  const json = {
    model: 'demo',
    user: 'streamer',
    stream: true,
    messages: [{ role: 'user', content: 'what time is it' }],
  }
  const { text } = await server.ask('/chat/completions', { json })
  expect(text).toEndWith('data: [DONE]\n\n')
  expect(text).not.toContain('"usage":{')
  const { json: customer } = await server.ask('/customer/info?end_user_id=streamer')
  // 4 tokens at $3 a million, 25 at $15, as for the answer in one piece.
  expect(customer.spend).toBe(0.000387)
})

test("the demo model answers Anthropic's client as well", async () => {
  await using server = await startServer()
  const client = new Anthropic({ apiKey: server.key, baseURL: server.url, maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'what time is it' }]
  const ask = { model: 'demo', max_tokens: 100, messages, metadata: { user_id: 'claudia' } }
  const said = /^This is Tollgate's demo model.* You said: what time is it$/
  const { content, usage } = await client.messages.create(ask)
  expect((content[0] as { text: string }).text).toMatch(said)
  expect(usage).toMatchObject({ input_tokens: 4, output_tokens: 25 })
  expect(await client.messages.stream(ask).finalText()).toMatch(said)
  const cut = await client.messages.create({ ...ask, max_tokens: 3 })
  expect([cut.stop_reason, cut.usage.output_tokens]).toEqual(['max_tokens', 3])
  expect(await client.messages.countTokens({ model: 'demo', messages })).toEqual({
    input_tokens: 4,
  })
  const { json: customer } = await server.ask('/customer/info?end_user_id=claudia')
  expect(customer.spend).toBe(0.000831)
})

describe('the demo model answers the official client', async () => {
  const server = await startServer()
  const client = new OpenAI({ apiKey: server.key, baseURL: server.url, maxRetries: 0 })
  const said = /^This is Tollgate's demo model.* You said: what time is it$/
  const asked = 'what time is it'
  const spendOf = async (id: string) =>
    (await server.ask(`/customer/info?end_user_id=${id}`)).json.spend
  afterAll(() => server[Symbol.asyncDispose]())

  test('completions, whole and streamed', async () => {
    const ask = { model: 'demo', user: 'completions', prompt: asked }
    expect((await client.completions.create(ask)).choices[0]!.text).toMatch(said)
    let text = ''
    for await (const chunk of await client.completions.create({ ...ask, stream: true })) {
      text += chunk.choices[0]?.text ?? ''
    }
    expect(text).toMatch(said)
    expect(await spendOf('completions')).toBe(0.000774)
  })

  test('responses, whole, streamed, and cut at a cap', async () => {
    const ask = { model: 'demo', user: 'responses', input: asked }
    expect((await client.responses.create(ask)).output_text).toMatch(said)
    const cut = await client.responses.create({ ...ask, max_output_tokens: 3 })
    expect([cut.status, cut.output_text]).toEqual(['incomplete', 'This is Tollgate'])
    let text = ''
    for await (const event of await client.responses.create({ ...ask, stream: true })) {
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    expect(text).toMatch(said)
    expect(await spendOf('responses')).toBe(0.000831)
  })

  test('embeddings and moderations', async () => {
    const ask = { model: 'demo', user: 'vectors', input: [asked, 'x'] }
    const { data, usage } = await client.embeddings.create(ask)
    expect(data.map(({ embedding }) => embedding.length)).toEqual([8, 8])
    expect(Math.hypot(...data[0]!.embedding)).toBeCloseTo(1, 5)
    expect(usage.total_tokens).toBe(5)
    expect(await spendOf('vectors')).toBe(0.000015)
    const { results } = await client.moderations.create({ model: 'demo', input: [asked, 'x'] })
    expect(results.map(({ flagged }) => flagged)).toEqual([false, false])
  })
})
