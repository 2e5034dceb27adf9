import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { verify } from '../../src/store/verify.ts'
import { bookedOn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { configOf, nanosOf, startGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'

/** Responses that their upstream keeps, or makes in the background. */

const gateway = await startGateway()
const { upstream, server, customer } = gateway
const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1`, maxRetries: 0 })
const ask = (user: string, more = {}) =>
  client.responses.create({ model: 'gpt-4o-mini', input: 'Say hello', user, ...more })
/** The double's count of "Say hello", and of its greeting. */
const USED = { input: 2, output: 7 }

/** The client's promises only begin when somebody waits for them. */
const refused = (call: PromiseLike<unknown>) => expect((async () => await call)()).rejects

const rowsOn = (user: string) => bookedOn(server.databasePath, user)

afterAll(async () => {
  expect((await verify(server.databasePath)).faults).toEqual([])
  await gateway[Symbol.asyncDispose]()
})

describe('a response that is kept', () => {
  test('can be fetched, listed from, and deleted, and is charged once', async () => {
    const { id } = await ask('fetcher')
    const fetched = await client.responses.retrieve(id)
    expect(fetched.output_text).toBe('Hello! How can I help you today?')
    expect((await client.responses.inputItems.list(id)).data).toEqual([])
    await client.responses.delete(id)
    await refused(client.responses.retrieve(id)).toThrow('404')
    expect(rowsOn('fetcher')).toHaveLength(1)
  })

  test('that was streamed can be fetched as well', async () => {
    let id = ''
    const input = { model: 'gpt-4o-mini', input: 'Say hello', user: 'streamer' }
    for await (const event of await client.responses.create({ ...input, stream: true })) {
      if (event.type === 'response.completed') id = event.response.id
    }
    expect((await client.responses.retrieve(id)).id).toBe(id)
    expect(rowsOn('streamer')).toHaveLength(1)
  })

  test('is nobody’s who has another key, and unknown ones are a 404', async () => {
    const keyOf = async (customer_id: string) =>
      (await server.ask('/key/generate', { json: { customer_id } })).json.key as string
    const [mine, yours] = [await keyOf('mine'), await keyOf('yours')]
    const as = (apiKey: string) => new OpenAI({ apiKey, baseURL: server.url, maxRetries: 0 })
    const { id } = await as(mine).responses.create({ model: 'gpt-4o-mini', input: 'Say hello' })
    expect((await as(mine).responses.retrieve(id)).id).toBe(id)
    await refused(as(yours).responses.retrieve(id)).toThrow('404')
    await refused(as(yours).responses.delete(id)).toThrow('404')
    const goesOn = { model: 'gpt-4o-mini', input: 'and?', previous_response_id: id }
    await refused(as(yours).responses.create(goesOn)).toThrow('not found')
    expect((await as(mine).responses.create(goesOn)).previous_response_id).toBe(id)
    await refused(client.responses.retrieve('resp_none')).toThrow('404')
    expect((await server.ask('/v1/responses/%zz')).status).toBe(404)
  })

  test('is not gone on from for another customer', async () => {
    const { id } = await ask('alice')
    await refused(ask('bob', { previous_response_id: id })).toThrow('not found')
    expect((await ask('alice', { previous_response_id: id })).id).not.toBe(id)
  })

  test('is held for when a call goes on from it, so that no budget is passed', async () => {
    await server.ask('/customer/new', { json: { user_id: 'limited', max_budget: 0.01 } })
    upstream.next({ tokens: { input: 3_000 } })
    const { id } = await ask('limited', { max_output_tokens: 16 })
    // 3,007 tokens at $3.75 a million, the dearest that input can be, are more than what is left.
    const goesOn = ask('limited', { previous_response_id: id, max_output_tokens: 16 })
    await refused(goesOn).toThrow('ExceededBudget')
    expect(rowsOn('limited')).toHaveLength(1)
  })

  test.each([{ conversation: 'conv_1' }, { prompt: { id: 'pmpt_1' } }])(
    'is needed by whoever has a budget: %p adds what cannot be held for',
    async (more) => {
      const [param] = Object.keys(more)
      await server.ask('/customer/new', { json: { user_id: `has ${param}`, max_budget: 1 } })
      await refused(ask(`has ${param}`, more)).toThrow('only the upstream knows')
      expect((await ask(`has no budget ${param}`, more)).status).toBe('completed')
    },
  )
})

describe('a response in the background', () => {
  test('is answered at once, and charged once when it is done', async () => {
    const gate = new Gate()
    upstream.next({ background: gate })
    const queued = await ask('patient', { background: true })
    expect(queued.status).toBe('queued')
    expect((await client.responses.retrieve(queued.id)).status).toBe('in_progress')
    expect(rowsOn('patient')).toEqual([])
    await refused(client.responses.delete(queued.id)).toThrow('cancel it first')
    gate.open()
    await eventually(() => expect(rowsOn('patient')).toHaveLength(1))
    expect(rowsOn('patient')[0]).toMatchObject({ ...USED, outcome: 'ok', charge: nanosOf(USED) })
    const done = await client.responses.retrieve(queued.id)
    expect(done.output_text).toBe('Hello! How can I help you today?')
    expect((await ask('patient', { previous_response_id: queued.id })).status).toBe('completed')
    expect(rowsOn('patient')).toHaveLength(2)
  })

  test('is held for as long as it is being made', async () => {
    await server.ask('/customer/new', { json: { user_id: 'holder', max_budget: 1 } })
    const gate = new Gate()
    upstream.next({ background: gate })
    await ask('holder', { background: true, max_output_tokens: 100 })
    expect((await customer('holder')).held).toBeGreaterThan(0)
    gate.open()
    await eventually(async () => expect((await customer('holder')).held).toBe(0))
  })

  test('that is cancelled is charged for what its upstream says', async () => {
    upstream.next({ background: new Gate() })
    const { id } = await ask('canceller', { background: true })
    expect((await client.responses.cancel(id)).status).toBe('cancelled')
    await eventually(() => expect(rowsOn('canceller')).toHaveLength(1))
    expect(rowsOn('canceller')[0]).toMatchObject({ ...USED, charge: nanosOf(USED) })
  })

  test('cannot be a stream, which nobody would see the end of', async () => {
    await refused(ask('both', { background: true, stream: true })).toThrow('cannot be had together')
  })

  test.each(['kill', 'stop'] as const)(
    'is called off when the server is told to %s, and charged by the next start at the latest',
    async (how) => {
      const settings = 'tollgate_settings: {shutdown_timeout: 0.1}\n'
      await using other = await startGateway({ settings })
      other.upstream.next({ background: new Gate() })
      const json = { model: 'gpt-4o-mini', input: 'Say hello', user: 'cut short', background: true }
      expect((await other.server.ask('/v1/responses', { json })).json.status).toBe('queued')
      await (how === 'kill' ? other.server.kill() : other.server.stop())
      const { calls } = other.upstream
      // Told to stop, it calls it off itself; killed, the next start does.
      expect(calls.some(({ path }) => path.endsWith('/cancel'))).toBe(how === 'stop')
      const { folder } = other.server
      await using _ = await startServer({ folder, config: configOf(other.upstream, { settings }) })
      const rows = bookedOn(other.server.databasePath, 'cut short')
      expect(rows).toHaveLength(1)
      expect(rows[0]).toMatchObject({ ...USED, charge: nanosOf(USED) })
      expect((await verify(other.server.databasePath)).faults).toEqual([])
    },
  )
})
