import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type GatewayOptions, nanosOf, startGateway } from '../support/gateway.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

/** As much of an event as these tests look at. */
type Told = {
  readonly id: string
  readonly customer_id: string
  readonly call_id: string
  readonly spend: number
  readonly total_spend: number
  readonly event: string
  readonly usage: Readonly<Record<string, number>>
}

/** Longer than the pauses after the first failed tries, which are 1 s and 2 s. */
const DELIVERED = { deadlineMs: 15_000 }

const GREETING = { input: 6, output: 7 }
const greetingDollars = nanosOf(GREETING) / 1e9

/** A gateway that tells the receiver of each charge. */
const tellingGateway = (receiver: Receiver, options: GatewayOptions = {}) =>
  startGateway({
    settings: 'general_settings: {alerting: ["webhook"]}\n',
    env: { WEBHOOK_URL: receiver.url },
    ...options,
  })

const accepted = (receiver: Receiver) => receiver.accepted as readonly Told[]

/** The events of one customer, in the order in which they were taken in. */
const toldOf = (receiver: Receiver, id: string) =>
  accepted(receiver).filter(({ customer_id }) => customer_id === id)

function undelivered(databasePath: string): number {
  using database = new Database(databasePath, { readonly: true })
  const sql = "SELECT count(*) AS rows FROM deliveries WHERE status = 'pending'"
  return (database.query(sql).get() as { rows: number }).rows
}

test('an event has these fields, in this order, and the call’s own amounts', async () => {
  await using receiver = await startReceiver()
  await using gateway = await tellingGateway(receiver)
  const { server, upstream } = gateway
  await server.ask('/customer/new', {
    json: { user_id: 'alice', max_budget: 5, soft_budget: 4, spend: 0.5 },
  })
  upstream.next({ tokens: { input: 10, cachedInput: 20, output: 30, reasoning: 40 } })
  const before = Date.now()
  const { headers } = await gateway.chat()
  const [{ json, headers: sent, body }] = await eventually(() => {
    expect(receiver.requests).toHaveLength(1)
    return receiver.requests as [Receiver['requests'][number]]
  })
  const { id, created_at, ...told } = json as Told & { created_at: string }
  const spend = nanosOf({ input: 10, cachedInput: 20, output: 30, reasoning: 40 }) / 1e9
  const expected = {
    spend,
    max_budget: 5,
    soft_budget: 4,
    token: null,
    customer_id: 'alice',
    user_id: null,
    team_id: null,
    team_alias: null,
    organization_id: null,
    user_email: null,
    key_alias: null,
    projected_exceeded_date: null,
    projected_spend: null,
    event: 'spend_tracked',
    event_group: 'customer',
    event_message: `Customer spend tracked. Customer=alice, spend=${spend}`,
    call_id: headers.get('x-tollgate-call-id'),
    model: 'gpt-4o-mini',
    total_spend: (0.5e9 + spend * 1e9) / 1e9,
    usage: expect.objectContaining({ input: 10, cached_input: 20, output: 30, reasoning: 40 }),
    cost: spend,
    charge: spend,
    rate_card_version: null,
  }
  expect(told as object).toEqual(expected)
  const amounts = ['cost', 'charge', 'rate_card_version']
  const own = ['id', 'created_at', 'call_id', 'model', 'total_spend', 'usage', ...amounts]
  const shared = Object.keys(expected).filter((name) => !own.includes(name))
  expect(Object.keys(json as object)).toEqual([...shared, ...own])
  expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
  expect(Date.parse(created_at)).toBeWithin(before, Date.now() + 1)
  expect(new TextDecoder().decode(body)).toContain(`"spend":${spend},`)
  expect(sent.get('content-type')).toBe('application/json')
})

test('each charge is told once, streamed or not, with what it was and what the period came to', async () => {
  await using receiver = await startReceiver()
  await using gateway = await tellingGateway(receiver)
  await gateway.chat()
  await piecesOf(await gateway.stream())
  gateway.upstream.next({ usage: 'absent' })
  await gateway.chat()
  await eventually(() => expect(receiver.accepted).toHaveLength(3))
  const told = toldOf(receiver, 'alice')
  expect(told.slice(0, 2).map(({ spend }) => spend)).toEqual([greetingDollars, greetingDollars])
  let sum = 0
  for (const { spend, total_spend } of told) {
    sum += Math.round(spend * 1e9)
    expect(Math.round(total_spend * 1e9)).toBe(sum)
  }
  expect((await gateway.customer('alice')).spend).toBe(sum / 1e9)
  expect(new Set(told.map(({ id }) => id)).size).toBe(3)
})

test('nothing is told of a call that failed or was refused, nor of one that names nobody', async () => {
  await using receiver = await startReceiver()
  await using gateway = await tellingGateway(receiver)
  const { server, upstream } = gateway
  await server.ask('/customer/new', { json: { user_id: 'broke', max_budget: 0 } })
  upstream.next({ status: 500 }, { dies: { after: { bytes: 20 } } })
  expect((await gateway.chat()).status).toBe(500)
  expect((await gateway.chat()).status).toBe(502)
  expect((await gateway.chat({ user: 'broke' })).status).toBe(429)
  expect((await gateway.chat({ user: undefined })).status).toBe(200)
  // The next event of the same customer can only come after whatever was before it.
  await gateway.chat()
  await eventually(() => expect(receiver.accepted).not.toBeEmpty())
  await eventually(() => expect(undelivered(server.databasePath)).toBe(0))
  expect(await server.stop()).toBe(0)
  expect(receiver.requests).toHaveLength(1)
  expect(receiver.accepted).toMatchObject([{ customer_id: 'alice', spend: greetingDollars }])
})

test('nothing is told unless the config asks for it', async () => {
  await using receiver = await startReceiver()
  await using gateway = await tellingGateway(receiver, { settings: '' })
  await gateway.chat()
  expect(await gateway.server.stop()).toBe(0)
  expect(undelivered(gateway.server.databasePath)).toBe(0)
  expect(receiver.requests).toBeEmpty()
})

test('each customer’s events come in order although the receiver fails at first', async () => {
  await using receiver = await startReceiver()
  receiver.fail(2)
  await using gateway = await tellingGateway(receiver)
  const customers = ['a', 'b', 'c']
  const calls = new Map<string, string[]>(customers.map((user) => [user, []]))
  for (let i = 0; i < 5; i++) {
    for (const user of customers) {
      const { headers } = await gateway.chat({ user })
      calls.get(user)!.push(headers.get('x-tollgate-call-id')!)
    }
  }
  await eventually(() => expect(receiver.accepted).toHaveLength(15), DELIVERED)
  for (const user of customers) {
    expect(toldOf(receiver, user).map(({ call_id }) => call_id)).toEqual(calls.get(user)!)
  }
  expect(receiver.requests.filter(({ status }) => status === 500)).toHaveLength(2)
  // What was tried again is the same event: receivers may tell by its id.
  expect(new Set(receiver.requests.map(({ json }) => (json as Told).id)).size).toBe(15)
}, 20_000)

test.each<['SIGKILL' | 'SIGTERM']>([['SIGKILL'], ['SIGTERM']])(
  'what was not delivered before a %s is delivered after the next start',
  async (signal) => {
    await using receiver = await startReceiver()
    await receiver.refuse()
    await using gateway = await tellingGateway(receiver)
    const { server } = gateway
    const calls: string[] = []
    for (let i = 0; i < 4; i++) {
      const { headers } = await gateway.chat()
      calls.push(headers.get('x-tollgate-call-id')!)
    }
    if (signal === 'SIGKILL') await server.kill()
    else expect(await server.stop()).toBe(0)
    expect(undelivered(server.databasePath)).toBe(4)
    await receiver.resume()
    await using again = await startServer({
      folder: server.folder,
      env: { WEBHOOK_URL: receiver.url },
    })
    await eventually(() => expect(receiver.accepted).toHaveLength(4), DELIVERED)
    expect(accepted(receiver).map(({ call_id }) => call_id)).toEqual(calls)
    expect(accepted(receiver).map(({ total_spend }) => Math.round(total_spend * 1e9))).toEqual(
      [1, 2, 3, 4].map((times) => times * nanosOf(GREETING)),
    )
    await eventually(() => expect(undelivered(again.databasePath)).toBe(0))
  },
  20_000,
)

test('an event under way at a SIGKILL is sent again, under its first id', async () => {
  await using receiver = await startReceiver()
  const gate = new Gate()
  receiver.holdAt(gate)
  await using gateway = await tellingGateway(receiver)
  await gateway.chat()
  await gate.reached
  await gateway.server.kill()
  gate.open()
  const { folder } = gateway.server
  await using _again = await startServer({ folder, env: { WEBHOOK_URL: receiver.url } })
  await eventually(() => expect(receiver.requests).toHaveLength(2), DELIVERED)
  const [first, second] = receiver.requests
  expect(second!.json).toEqual(first!.json)
})

test('a receiver that never answers delays no call', async () => {
  await using receiver = await startReceiver()
  const gate = new Gate()
  receiver.holdAt(gate)
  await using gateway = await tellingGateway(receiver)
  await gateway.chat()
  await gate.reached
  // It now holds the first delivery; the calls go on, of the same customer and of others.
  const users = Array.from({ length: 40 }, (_, index) => `customer ${index % 20}`)
  const streams = users.map(
    async (user) => (await piecesOf(await gateway.stream({ user }))).isBroken,
  )
  const answers = users.map(async (user) => (await gateway.chat({ user })).status)
  expect(new Set(await Promise.all(streams))).toEqual(new Set([false]))
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]))
  expect((await gateway.chat()).status).toBe(200)
  expect(receiver.accepted).toBeEmpty()
  gate.open()
  await eventually(() => expect(receiver.accepted).toHaveLength(82), DELIVERED)
  expect(toldOf(receiver, 'alice')).toHaveLength(2)
}, 20_000)
