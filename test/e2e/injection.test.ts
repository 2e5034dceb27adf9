import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { exchange } from '../support/raw-client.ts'

/** Ids that would be something else if they were put into a header, an address or a page as they are. */
const IDS = [
  '"><script>alert(1)</script>',
  "'; DROP TABLE ledger; --",
  '%0d%0aset-cookie: x=1',
  '\\r\\nset-cookie: x=1',
  'a,b;c',
  'a&end_user_id=b',
  'x?y#z',
  '../../etc/passwd',
  '<https://evil.example>; rel="next"',
  '__proto__',
  'constructor',
  '{"a":1}',
  'ü 日本 🙂',
  '\u2028\u202e',
  '%',
  '*',
]

/** Control characters, and halves of characters. */
const NO_IDS = ['a\r\nset-cookie: x=1', 'a\nb', 'a\0b', '\x7f', '\x85', '\ud800', 'a\tb', '']

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ upstream: { isStrict: false } })
})
afterAll(() => gateway[Symbol.asyncDispose]())

const urlOf = (path: string, query: Record<string, string>) =>
  `${path}?${new URLSearchParams(query)}`

describe.each(IDS)('a customer called %p', (id) => {
  test('has a tab of its own, found by that name and by no other', async () => {
    const answer = await gateway.chat({ user: id })
    expect(answer.status).toBe(200)
    const customer = await gateway.customer(id)
    expect(customer.user_id).toBe(id)
    expect(customer.total_spend).toBeGreaterThan(0)
    expect(gateway.upstream.calls.at(-1)?.json?.['user']).toBe(id)
  })

  test('is in no header, but for an address where it is encoded', async () => {
    const { server } = gateway
    await server.ask('/customer/block', { json: { user_ids: [id, `${id}2`] } })
    const refused = await gateway.chat({ user: id })
    expect(refused.json.error.message).toContain(id)
    const query = { search: id, page_size: '1', sort: 'user_id' }
    const list = await server.ask(urlOf('/customer/list', query))
    for (const { headers } of [refused, list]) {
      expect(headers.get('set-cookie')).toBeNull()
      expect(headers.get('content-type')).toStartWith('application/json')
      const others = [...headers].filter(([name]) => name !== 'link').join()
      if (id.length > 1) expect(others).not.toContain(id)
    }
    const next = /^<([^<>" ]+)>; rel="next"$/.exec(list.headers.get('link') ?? '')?.[1]
    const following = new URL(next ?? '', server.url)
    expect(following.searchParams.get('search')).toBe(id)
    expect((await server.ask(`${following.pathname}${following.search}`)).json).toHaveLength(1)
    await server.ask('/customer/delete', { json: { user_ids: [id, `${id}2`] } })
  })
})

test.each(NO_IDS)('nobody is called %p, wherever it is written', async (id) => {
  const places = [
    { user: id },
    { user: undefined, litellm_metadata: { user: id } },
    { user: undefined, metadata: { user_id: id } },
    { user: undefined, safety_identifier: id },
  ]
  for (const place of places) {
    const { status, headers } = await gateway.chat(place)
    expect([place, status]).toEqual([place, 400])
    expect(headers.get('set-cookie')).toBeNull()
  }
  const { server } = gateway
  for (const path of ['/customer/new', '/customer/update']) {
    expect((await server.ask(path, { json: { user_id: id } })).status).toBe(400)
  }
  expect((await server.ask('/customer/block', { json: { user_ids: [id] } })).status).toBe(400)
  expect((await server.ask('/budget/new', { json: { budget_id: id } })).status).toBe(400)
  if (id.isWellFormed()) {
    const query = urlOf('/customer/info', { end_user_id: id })
    expect((await server.ask(query)).status).toBe(400)
  }
})

describe('what a client writes into a call', () => {
  test('a model with line breaks in its name is not found, and makes no header', async () => {
    const { status, json, headers } = await gateway.chat({ model: 'a\r\nset-cookie: x=1' })
    expect(status).toBe(404)
    expect(json.error.param).toBe('model')
    expect(headers.get('set-cookie')).toBeNull()
  })

  test('metadata comes back as it was, line breaks and all', async () => {
    const metadata = { 'a\r\nb': '\0<script>', __proto__: null, list: [{ c: '\u2028' }] }
    const { json } = await gateway.server.ask('/customer/new', {
      json: { user_id: 'with-metadata', metadata },
    })
    expect(JSON.stringify(json.metadata)).toBe(JSON.stringify(metadata))
  })

  test('headers that are passed on reach the upstream as one header each', async () => {
    const body = JSON.stringify({ model: 'gpt-4o-mini', messages: [] })
    const key = '\xfc "a": b; c=\\r\\nx-evil: 1'
    const lines = [
      'POST /chat/completions HTTP/1.1',
      'host: localhost',
      'authorization: Bearer sk-test',
      'connection: close, x-hop',
      'x-hop: 1',
      'trailer: x-evil',
      `idempotency-key: ${key}`,
      `traceparent: ${key}`,
      `content-length: ${body.length}`,
    ]
    const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1')
    const { port } = new URL(gateway.server.url)
    const { answers } = await exchange(Number(port), bytes)
    expect(answers.map(({ status }) => status)).toEqual([200])
    const sent = gateway.upstream.calls.at(-1)!.headers
    expect(sent.get('idempotency-key')).toBe(key)
    expect(sent.get('traceparent')).toBe(key)
    for (const name of ['x-evil', 'x-hop', 'trailer'])
      expect([name, sent.get(name)]).toEqual([name, null])
  })
})
