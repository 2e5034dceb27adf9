import { expect, test } from 'bun:test'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { startGateway } from '../support/gateway.ts'
import { connectRaw, headOf } from '../support/raw-connection.ts'

const CALLS = '/v1/chat/completions'
const MB = 1_048_576

test('the call too many is a 503 with Retry-After, holds nothing, and keeps nobody from looking', async () => {
  await using gateway = await startGateway({
    settings: 'tollgate_settings: {max_calls_in_flight: 2}\n',
  })
  const { server, upstream, chat, customer } = gateway
  const gate = new Gate()
  upstream.always({ holds: [{ gate, at: 'headers' }] })
  const first = [chat(), chat()]
  await eventually(() => expect(gate.waiting).toBe(2))
  const { status, json, headers } = await chat({ user: 'third' })
  expect([status, json.error.type, headers.get('retry-after')]).toEqual([503, 'overloaded', '1'])
  expect(headers.get('x-tollgate-call-id')).toBeString()
  expect(await customer('third')).toBeNull()
  expect((await server.ask('/health/readiness')).status).toBe(200)
  expect((await server.ask('/metrics')).text).toContain('tollgate_held_reservations 2')
  gate.open()
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200])
  expect((await chat({ user: 'third' })).status).toBe(200)
  expect(upstream.calls).toHaveLength(3)
})

test('so is the one whose body is too much beside those of the others', async () => {
  await using gateway = await startGateway({
    settings: 'tollgate_settings: {max_body_mb: 1, max_bodies_mb: 1.5}\n',
  })
  const { upstream, chat } = gateway
  const gate = new Gate()
  upstream.next({ holds: [{ gate, at: 'headers' }] })
  const large = { messages: [{ role: 'user', content: 'a'.repeat(0.9 * MB) }] }
  const first = chat(large)
  await gate.reached
  expect((await chat(large)).status).toBe(503)
  expect((await chat()).status).toBe(200)
  gate.open()
  expect((await first).status).toBe(200)
  expect((await chat(large)).status).toBe(200)
})

test('hundreds of slow calls are under way at once, though Bun allows 256 by itself', async () => {
  await using gateway = await startGateway({ env: { BUN_CONFIG_MAX_HTTP_REQUESTS: undefined } })
  const gate = new Gate()
  gateway.upstream.always({ deltas: 3, holds: [{ gate, at: { events: 2 } }] })
  const { server } = gateway
  const messages = [{ role: 'user', content: 'hello' }]
  const body = JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages })
  const clients = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const client = await connectRaw(server)
      await client.send(`${headOf(server, CALLS, `content-length: ${body.length}`)}${body}`)
      return client
    }),
  )
  await eventually(() => expect(gate.waiting).toBe(300), { deadlineMs: 10_000 })
  gate.open()
  const last = clients.at(-1)!
  await eventually(() => expect(last.tail()).toContain('data: [DONE]'))
  for (const client of clients) client[Symbol.dispose]()
})

test('a model may think longer than Bun waits by itself, and an unused connection not', async () => {
  await using gateway = await startGateway({
    settings: 'tollgate_settings: {client_idle_timeout: 1}\n',
    // In place of its five minutes.
    env: { BUN_CONFIG_HTTP_IDLE_TIMEOUT: '1' },
  })
  const { server, upstream } = gateway
  using unused = await connectRaw(server)
  await unused.send('GET /health/liveness HTTP/1.1\r\nhost: tollgate\r\n\r\n')
  await eventually(() => expect(unused.text()).toContain('alive'))
  const gate = new Gate()
  const holds = [{ gate, at: { events: 4 } }]
  upstream.next({ deltas: 9, holds }, { holds: [{ gate, at: 'headers' }] })
  const answer = await gateway.stream()
  const plain = gateway.chat()
  await eventually(() => expect(gate.waiting).toBe(2))
  const since = performance.now()
  await eventually(() => expect(performance.now() - since).toBeGreaterThan(9_500), {
    deadlineMs: 11_000,
  })
  gate.open()
  expect(await answer.text()).toEndWith('data: [DONE]\n\n')
  expect((await plain).status).toBe(200)
  await unused.closed
})

test('while a prompt that is slow to count is counted, everybody else is served', async () => {
  await using gateway = await startGateway()
  const { server, chat } = gateway
  await server.ask('/customer/new', { json: { user_id: 'hostile', max_budget: 0.001 } })
  const random = new Uint8Array(300_000)
  for (let at = 0; at < random.length; at += 65_536) {
    crypto.getRandomValues(random.subarray(at, at + 65_536))
  }
  const saying = (content: string) =>
    chat({ user: 'hostile', messages: [{ role: 'user', content }] })
  // The tokenizer is loaded now.
  expect((await saying('word '.repeat(300))).json.error.type).toBe('budget_exceeded')
  let isCounted = false
  const refused = saying(Buffer.from(random).toString('base64')).finally(() => {
    isCounted = true
  })
  let served = 0
  for (; !isCounted; served++) await server.ask('/health/readiness')
  expect((await refused).json.error.type).toBe('budget_exceeded')
  // A round of the server's event loop at least for each; counted at once it takes one in all.
  expect(served).toBeGreaterThan(15)
})
