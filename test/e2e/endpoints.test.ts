import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { verify } from '../../src/store/verify.ts'
import { type BookedRow, bookedOn } from '../support/books.ts'
import { piecesOf, untilIn } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

/** The endpoints besides chat, each as its clients call it, against the double. */

const model = 'gpt-4o-mini'
/** Two words, of which our tokenizer makes two tokens as well. */
const SAID = 'Say hello'

type Endpoint = {
  readonly path: string
  /** Of a call for somebody. */
  readonly body: (user: string) => Record<string, unknown>
  /** Tokens of the prompt, as we count it. */
  readonly prompt: number
  /** What its answers in one piece have. */
  readonly whole: (json: Record<string, unknown>) => unknown
  /** Text of all of a stream; null: it does not stream. */
  readonly streamed: ((text: string) => string) | null
}

// biome-ignore lint/suspicious/noExplicitAny: an event of any shape; what is not there is nothing.
const joined = (text: string, textOf: (json: any) => unknown): string =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => textOf(JSON.parse(line.slice('data: '.length))) ?? '')
    .join('')

const GREETING = 'Hello! How can I help you today?'

const ENDPOINTS: readonly Endpoint[] = [
  {
    path: '/completions',
    body: (user) => ({ model, user, prompt: SAID }),
    prompt: 2,
    // biome-ignore lint/suspicious/noExplicitAny: it fails if it is not there.
    whole: (json: any) => json.choices[0].text,
    streamed: (text) => joined(text, ({ choices }) => choices[0]?.text),
  },
  {
    path: '/responses',
    body: (user) => ({ model, user, input: SAID }),
    prompt: 2,
    // biome-ignore lint/suspicious/noExplicitAny: it fails if it is not there.
    whole: (json: any) => json.output[0].content[0].text,
    streamed: (text) => joined(text, ({ delta }) => delta),
  },
  {
    path: '/embeddings',
    body: (user) => ({ model, user, input: SAID }),
    prompt: 2,
    // biome-ignore lint/suspicious/noExplicitAny: it fails if it is not there.
    whole: (json: any) => (json.data[0].embedding.length === 2 ? GREETING : ''),
    streamed: null,
  },
]

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('on $on', async ({ command }) => {
  const gateway = await startGateway({
    command,
    settings: ({ url }) =>
      '\n  - {model_name: moderation, litellm_params: {model: openai/omni-moderation-latest, ' +
      `api_base: "${url}", api_key: k}}\n`,
  })
  const { upstream, server, customer } = gateway
  const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1`, maxRetries: 0 })
  const rowOn = (user: string): Promise<BookedRow> =>
    eventually(() => {
      const rows = bookedOn(server.databasePath, user)
      expect(rows).toHaveLength(1)
      return rows[0]!
    })

  const budget = (user: string, dollars: number) =>
    server.ask('/customer/new', { json: { user_id: user, max_budget: dollars } })

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await gateway[Symbol.asyncDispose]()
  })

  describe.each(ENDPOINTS)('$path', ({ path, body, prompt, whole, streamed }) => {
    const output = streamed === null ? 0 : 7
    const used = { input: 2, output }

    test.each(['', '/v1'])(
      'is answered at "%s", and charged what the upstream reports',
      async (at) => {
        const user = `${path} whole ${at}`
        const { status, json, headers } = await server.ask(`${at}${path}`, { json: body(user) })
        expect([status, whole(json)]).toEqual([200, GREETING])
        const row = await rowOn(user)
        expect(row).toMatchObject({ ...used, usage_source: 'upstream', charge: nanosOf(used) })
        expect(headers.get('x-tollgate-call-id')).toBe(row.id)
        expect(Number(headers.get('x-tollgate-cost'))).toBe(nanosOf(used) / 1e9)
      },
    )

    test('without usage is counted by us', async () => {
      const user = `${path} untold`
      upstream.next({ usage: 'absent', deltas: streamed === null ? 1 : 7 })
      await server.ask(path, { json: body(user) })
      const counted = { input: prompt, output }
      expect(await rowOn(user)).toMatchObject({
        ...counted,
        usage_source: 'estimated',
        charge: nanosOf(counted),
      })
    })

    test('that the upstream refuses costs nothing', async () => {
      const user = `${path} refused`
      upstream.next({ status: 500 })
      const { status, json } = await server.ask(path, { json: body(user) })
      expect([status, json.error.type]).toEqual([500, 'server_error'])
      expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
    })

    test('that is answered by what is no answer is a 502, and costs nothing', async () => {
      const user = `${path} nonsense`
      upstream.next({ body: '{"hello":"there"}' })
      expect((await server.ask(path, { json: body(user) })).status).toBe(502)
      expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
    })

    test('over the budget is refused before anything is sent', async () => {
      const user = `${path} poor`
      await budget(user, 0)
      const before = upstream.calls.length
      const { status, json } = await server.ask(path, { json: body(user) })
      expect([status, json.error.type]).toEqual([429, 'budget_exceeded'])
      expect(upstream.calls.length).toBe(before)
    })

    test('of a client that hangs up while it waits is charged for the prompt', async () => {
      const user = `${path} gone`
      const gate = new Gate()
      upstream.next({ holds: [{ gate, at: 'headers' }] })
      const controller = new AbortController()
      const asked = server.fetch(path, { json: body(user), signal: controller.signal })
      await gate.reached
      controller.abort()
      await asked.catch(() => {})
      expect(await rowOn(user)).toMatchObject({
        outcome: 'client_closed',
        input: prompt,
        output: 0,
      })
      gate.open()
    })

    if (streamed === null) return

    test('streams, byte for byte, and is charged what the upstream reports', async () => {
      const user = `${path} streamed`
      const response = await server.fetch(path, { json: { ...body(user), stream: true } })
      const { bytes } = await piecesOf(response)
      const text = new TextDecoder().decode(bytes)
      expect(streamed(text)).toBe(GREETING)
      const sent = new TextDecoder().decode(upstream.calls.at(-1)!.sent)
      // Only the chunk of the usage, which the client did not ask for, is kept back.
      expect(text).toBe(sent.replace(/data: [^\n]*"choices":\[\],"usage":\{[^\n]*\n\n/, ''))
      expect(await rowOn(user)).toMatchObject({ ...used, charge: nanosOf(used) })
    })

    test('streams without usage, and is counted by us', async () => {
      const user = `${path} streamed untold`
      upstream.next({ usage: 'absent', deltas: 7 })
      await piecesOf(await server.fetch(path, { json: { ...body(user), stream: true } }))
      expect(await rowOn(user)).toMatchObject({
        input: prompt,
        output,
        usage_source: 'estimated',
        outcome: 'ok',
      })
    })

    test('that dies in its stream is charged for what came, and says so last', async () => {
      const user = `${path} broken`
      const gate = new Gate()
      const at = { events: 8 }
      upstream.next({ deltas: 20, holds: [{ gate, at }], dies: { after: at } })
      const response = await server.fetch(path, { json: { ...body(user), stream: true } })
      const [first, rest] = response.body!.tee()
      // What the client does not have by then may be lost with the connection.
      await untilIn(first, '"Word"')
      gate.open()
      const text = await new Response(rest).text()
      const last = JSON.parse(text.trim().split('\n').at(-1)!.slice('data: '.length))
      expect(last.error).toMatchObject({
        message: expect.stringContaining('broke off'),
        code: '502',
      })
      const row = await rowOn(user)
      expect(row).toMatchObject({ outcome: 'interrupted', usage_source: 'estimated' })
      expect(row.output).toBeGreaterThan(0)
    })

    test('whose client hangs up in the stream is charged for what it was sent', async () => {
      const user = `${path} left`
      const gate = new Gate()
      upstream.next({ deltas: 20, holds: [{ gate, at: { events: 8 } }] })
      const controller = new AbortController()
      const json = { ...body(user), stream: true }
      const response = await server.fetch(path, { json, signal: controller.signal })
      await untilIn(response.body!, '"Word"')
      await gate.reached
      controller.abort()
      const row = await rowOn(user)
      expect(row).toMatchObject({ outcome: 'client_closed', usage_source: 'estimated' })
      expect(row.output).toBeGreaterThan(0)
      expect((await customer(user)).held).toBe(0)
    })

    test('that ignores its cap is cut before the budget is passed', async () => {
      const user = `${path} cut`
      await budget(user, 0.0006)
      upstream.next({
        deltas: 200,
        ignoresCap: true,
        holds: [{ gate: new Gate(), at: { events: 150 } }],
      })
      const response = await server.fetch(path, { json: { ...body(user), stream: true } })
      const { bytes } = await piecesOf(response)
      const text = new TextDecoder().decode(bytes)
      expect(text).toMatch(/"finish_reason":"length"|"reason":"max_output_tokens"/)
      const { spend, held } = await customer(user)
      expect(held).toBe(0)
      expect(spend).toBeGreaterThan(0)
      expect(spend).toBeLessThanOrEqual(0.0006)
    })
  })

  describe('the official client', () => {
    test('gets completions, whole and streamed', async () => {
      const ask = { model, prompt: SAID, user: 'official completions' }
      const { choices } = await client.completions.create(ask)
      expect(choices[0]!.text).toBe(GREETING)
      let text = ''
      for await (const chunk of await client.completions.create({ ...ask, stream: true })) {
        text += chunk.choices[0]?.text ?? ''
      }
      expect(text).toBe(GREETING)
      expect(bookedOn(server.databasePath, ask.user)).toHaveLength(2)
    })

    test('gets responses, whole and streamed', async () => {
      const ask = { model, input: SAID, safety_identifier: 'official responses' }
      expect((await client.responses.create(ask)).output_text).toBe(GREETING)
      const types: string[] = []
      for await (const event of await client.responses.create({ ...ask, stream: true })) {
        types.push(event.type)
      }
      expect(types.at(-1)).toBe('response.completed')
      expect(bookedOn(server.databasePath, ask.safety_identifier)).toHaveLength(2)
    })

    test('is told of an error in a stream of a response', async () => {
      upstream.next({ errorAfter: { events: 6 } })
      const stream = await client.responses.create({ model, input: SAID, stream: true })
      const readAll = async () => {
        for await (const _ of stream);
      }
      await expect(readAll()).rejects.toThrow('server had an error')
    })

    test('gets embeddings, in the form that it asks for by itself', async () => {
      const { data } = await client.embeddings.create({ model, input: ['a', 'b'], user: 'vectors' })
      expect(data.map(({ embedding }) => embedding)).toEqual([
        [0.5, -0.5],
        [0.5, -0.5],
      ])
      expect(await rowOn('vectors')).toMatchObject({ input: 2, output: 0, charge: 6_000 })
    })

    test('gets moderations, which OpenAI gives away', async () => {
      const { results } = await client.moderations.create({ model: 'moderation', input: 'a b' })
      expect(results[0]!.flagged).toBe(false)
      // Free of charge by its maker's word is not the same as without a price.
      await budget('moderated', 0.001)
      const json = { model: 'moderation', input: 'a b', user: 'moderated' }
      expect((await server.ask('/v1/moderations', { json })).status).toBe(200)
      expect(await rowOn('moderated')).toMatchObject({ outcome: 'ok', charge: 0 })
    })
  })
})
