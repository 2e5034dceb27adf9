import { describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { verify } from '../../src/store/verify.ts'
import { bookedOn } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import type { Script } from '../support/script.ts'

const SOON = { 'retry-after': '0.01' }
const BUSY: Script = { status: 503, headers: SOON }

const gateway = await startGateway({ params: ['num_retries: 2', 'timeout: 2'] })
const { upstream, server, chat, stream, customer } = gateway
const booked = (user: string) => bookedOn(server.databasePath, user)
const withKey = (key: string, more: RequestInit = {}) => ({
  ...more,
  headers: { 'idempotency-key': key },
})

/** How many calls the upstream gets while something is done. */
async function asked<T>(during: () => Promise<T>): Promise<[T, number]> {
  const before = upstream.calls.length
  const done = await during()
  return [done, upstream.calls.length - before]
}

describe('a call that fails before its first byte', () => {
  test.each([{ isStream: false }, { isStream: true }])(
    'is sent again, with the same bytes and the same key, and charged once (%p)',
    async ({ isStream }) => {
      const user = `again ${isStream}`
      upstream.next(BUSY, BUSY)
      const ask = () => stream({ user, stream: isStream }, withKey(user)).then(piecesOf)
      const [{ bytes }, tries] = await asked(ask)
      expect(tries).toBe(3)
      expect(new TextDecoder().decode(bytes)).toContain('Hello!')
      const last = upstream.calls.slice(-3)
      expect(new Set(last.map(({ body }) => Buffer.from(body).toString())).size).toBe(1)
      expect(last.map(({ headers }) => headers.get('idempotency-key'))).toEqual([user, user, user])
      expect(booked(user)).toHaveLength(1)
    },
  )

  test('is sent no more often than the config says, and charged nothing', async () => {
    upstream.next(BUSY, BUSY, BUSY)
    const [{ status }, tries] = await asked(() => chat({ user: 'thrice' }))
    expect([status, tries]).toEqual([503, 3])
    expect(booked('thrice')).toMatchObject([{ outcome: 'upstream_failed', charge: 0 }])
  })

  test.each<[string, Script]>([
    ['the upstream says what is wrong with it', { status: 400 }],
    ['the upstream asks not to', { ...BUSY, headers: { ...SOON, 'x-should-retry': 'false' } }],
    ['the upstream wants a long wait', { ...BUSY, headers: { 'retry-after': '60' } }],
    ['it is not known what the upstream did', { status: 408 }],
    ['an answer had begun', { dies: { after: { bytes: 200 } } }],
  ])('is not sent again when %s', async (_, script) => {
    upstream.next(script)
    const [, tries] = await asked(() => chat())
    expect(tries).toBe(1)
  })

  test('is not sent again after a time-out: the first may still go on', async () => {
    await using slow = await startGateway({ params: ['num_retries: 2', 'timeout: 0.2'] })
    slow.upstream.next({ isSilent: true })
    expect((await slow.chat()).status).toBe(504)
    expect(slow.upstream.calls).toHaveLength(1)
  })

  test('is sent again on a new connection when the upstream has closed the old one', async () => {
    await using plain = await startGateway()
    for (let n = 0; n < 5; n++) {
      // Answered, and dropped a moment later: the gateway may find out when it sends the next.
      plain.upstream.next({ dies: { after: { bytes: 1e6 }, how: 'reset' } })
      expect((await plain.chat({ user: 'old' })).status).toBe(200)
    }
    expect((await plain.chat({ user: 'old' })).status).toBe(200)
    expect(bookedOn(plain.server.databasePath, 'old')).toHaveLength(6)
  })

  test('costs nothing when its client leaves between two tries', async () => {
    upstream.next({ status: 503, headers: { 'retry-after': '4' } })
    const controller = new AbortController()
    const answer = chat({ user: 'between' }, { signal: controller.signal }).catch(() => {})
    await eventually(() => expect(upstream.calls.at(-1)!.user).toBe('between'))
    await upstream.calls.at(-1)!.finished
    controller.abort()
    await answer
    await eventually(() => expect(booked('between')).toHaveLength(1))
    expect(booked('between')).toMatchObject([{ outcome: 'client_closed', charge: 0 }])
  })
})

describe('a call with an Idempotency-Key that is repeated', () => {
  test('gets the answer of the first, is not sent upstream and not charged', async () => {
    const first = await chat({ user: 'twice' }, withKey('a'))
    const [again, tries] = await asked(() => chat({ user: 'twice' }, withKey('a')))
    expect([again.status, again.text, tries]).toEqual([200, first.text, 0])
    for (const name of ['x-tollgate-call-id', 'x-tollgate-cost', 'content-type']) {
      expect(again.headers.get(name)).toBe(first.headers.get(name))
    }
    expect(again.headers.get('x-tollgate-replayed')).toBe('true')
    expect(booked('twice')).toHaveLength(1)
  })

  test('by another customer is another call', async () => {
    await chat({ user: 'one' }, withKey('b'))
    const [{ status }, tries] = await asked(() => chat({ user: 'other' }, withKey('b')))
    expect([status, tries]).toEqual([200, 1])
  })

  test('while the first is under way is told to come back, and then gets its answer', async () => {
    const gate = new Gate()
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const first = chat({ user: 'eager' }, withKey('c'))
    await gate.reached
    const second = await chat({ user: 'eager' }, withKey('c'))
    expect(second.status).toBe(409)
    expect(second.json.error).toMatchObject({ type: 'idempotency_error', param: 'Idempotency-Key' })
    expect(second.headers.get('retry-after')).toBe('1')
    const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1` })
    const third = client.chat.completions.create(
      { model: 'gpt-4o-mini', user: 'eager', messages: [{ role: 'user', content: 'Say hello' }] },
      { idempotencyKey: 'c', headers: { 'Idempotency-Key': 'c' } },
    )
    gate.open()
    expect((await first).json.id).toBe((await third).id)
    expect(booked('eager')).toHaveLength(1)
  })

  test('with another request is refused', async () => {
    await chat({ user: 'careless' }, withKey('d'))
    const { status, json } = await chat({ user: 'careless', temperature: 1 }, withKey('d'))
    expect([status, json.error.type]).toEqual([422, 'idempotency_error'])
    expect(json.error.message).toContain('use a new one')
    expect(booked('careless')).toHaveLength(1)
  })

  test('after a stream is refused, and not charged again', async () => {
    await piecesOf(await stream({ user: 'streams' }, withKey('e')))
    const { status, json, headers } = await chat({ user: 'streams', stream: true }, withKey('e'))
    expect([status, json.error.type]).toEqual([409, 'idempotency_error'])
    expect(json.error.message).toContain(booked('streams')[0]!.id)
    expect(headers.get('x-should-retry')).toBe('false')
    expect(booked('streams')).toHaveLength(1)
  })

  test.each<[string, Script]>([
    ['failed', { status: 400 }],
    ['was cut off before it said anything', { dies: { after: { bytes: 0 } } }],
  ])('after it %s is a new call', async (what, script) => {
    upstream.next(script)
    await chat({ user: what }, withKey('f'))
    const { status } = await chat({ user: what }, withKey('f'))
    expect(status).toBe(200)
    expect(booked(what).map(({ charge }) => charge > 0)).toEqual([false, true])
  })

  test('after a refusal is a new call', async () => {
    await server.ask('/customer/new', { json: { user_id: 'poor', max_budget: 0 } })
    expect((await chat({ user: 'poor' }, withKey('g'))).status).toBe(429)
    await server.ask('/customer/update', { json: { user_id: 'poor', max_budget: 1 } })
    expect((await chat({ user: 'poor' }, withKey('g'))).status).toBe(200)
  })

  test('after its client has hung up gets the answer all the same: it was read to its end', async () => {
    const gate = new Gate()
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const controller = new AbortController()
    const first = chat({ user: 'lost' }, withKey('h', { signal: controller.signal }))
    await gate.reached
    controller.abort()
    await first.catch(() => {})
    gate.open()
    await eventually(() => expect(booked('lost')).toHaveLength(1))
    const [again, tries] = await asked(() => chat({ user: 'lost' }, withKey('h')))
    expect([again.status, tries]).toEqual([200, 0])
    const usage = { input: 6, output: 7 }
    expect(booked('lost')).toMatchObject([{ ...usage, charge: nanosOf(usage) }])
    expect((await customer('lost')).held).toBe(0)
  })

  test('with a key that is too long is refused', async () => {
    const { status, json } = await chat({}, withKey('k'.repeat(256)))
    expect([status, json.error.param]).toEqual([400, 'Idempotency-Key'])
  })
})

test('the books balance after all of that', async () => {
  await server.stop()
  expect((await verify(server.databasePath)).faults).toEqual([])
})
