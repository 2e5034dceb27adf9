import { expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type GatewayOptions, startGateway } from '../support/gateway.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { type Server, startServer } from '../support/server.ts'

/** As much of an event as these tests look at. */
type Told = { readonly id: string; readonly customer_id: string; readonly event: string }

const OLD = `whsec_${btoa('o'.repeat(32))}`
const NEW = `whsec_${btoa('n'.repeat(32))}`

/** Longer than the pauses after the first failed tries, which are about 1 s and 3 s. */
const DELIVERED = { deadlineMs: 15_000 }

/** Receivers by name, each with the rest of its entry in the config. */
const settingsOf = (receivers: Readonly<Record<string, readonly [Receiver, string]>>) =>
  ['tollgate_settings:', '  webhooks:']
    .concat(
      Object.entries(receivers).map(([name, [{ url }, rest]]) => {
        return `    - {name: ${name}, url: "${url}"${rest === '' ? '' : `, ${rest}`}}`
      }),
    )
    .join('\n')

const gatewayFor = (
  receivers: Readonly<Record<string, readonly [Receiver, string]>>,
  options: GatewayOptions = {},
) => startGateway({ settings: `${settingsOf(receivers)}\n`, ...options })

const accepted = (receiver: Receiver) => receiver.accepted as readonly Told[]
const toldOf = (receiver: Receiver, customer: string) =>
  accepted(receiver).filter(({ customer_id }) => customer_id === customer)

const events = async (server: Server, query = '') =>
  (await server.ask(`/webhook/events?${query}`)).json.events

test('each receiver gets the events that it chose', async () => {
  await using all = await startReceiver()
  await using crm = await startReceiver()
  await using usual = await startReceiver()
  const receivers = { all: [all, ''], crm: [crm, 'events: [budget_crossed]'] } as const
  await using gateway = await gatewayFor(receivers, {
    settings: `general_settings: {alerting: [webhook]}\n${settingsOf(receivers)}\n`,
    env: { WEBHOOK_URL: usual.url },
  })
  const budget = { max_budget: 0.0001, budget_mode: 'soft' }
  await gateway.server.ask('/customer/new', { json: { user_id: 'alice', ...budget } })
  await gateway.chat()
  await gateway.chat({ user: 'bob' })
  const told = ['spend_tracked', 'threshold_crossed', 'threshold_crossed', 'budget_crossed']
  for (const receiver of [all, usual]) {
    await eventually(() => expect(accepted(receiver)).toHaveLength(5))
    expect(toldOf(receiver, 'alice').map(({ event }) => event)).toEqual(told)
  }
  await eventually(async () => expect(await events(gateway.server, 'status=pending')).toEqual([]))
  expect(accepted(crm).map(({ event, customer_id }) => [event, customer_id])).toEqual([
    ['budget_crossed', 'alice'],
  ])
  // One event, whoever is told of it.
  expect(accepted(crm)[0]!.id).toBe(toldOf(all, 'alice')[3]!.id)
})

test('every try is signed anew over the same bytes, by both secrets while one is replaced', async () => {
  await using receiver = await startReceiver()
  receiver.fail(1)
  await using gateway = await gatewayFor({ a: [receiver, `secrets: ["${NEW}", "${OLD}"]`] })
  await gateway.chat()
  await eventually(() => expect(receiver.accepted).toHaveLength(1), DELIVERED)
  const tries = receiver.requests.map(({ body, headers }) => ({
    text: new TextDecoder().decode(body),
    headers: Object.fromEntries(headers.entries()),
  }))
  expect(tries).toHaveLength(2)
  for (const { text, headers } of tries) {
    for (const secret of [OLD, NEW]) {
      expect(new Webhook(secret).verify(text, headers)).toMatchObject({ event: 'spend_tracked' })
    }
    expect(headers['webhook-id']).toBe(accepted(receiver)[0]!.id)
  }
  expect(tries[1]!.text).toBe(tries[0]!.text)
  for (const { at, headers } of receiver.requests) {
    expect(Number(headers.get('webhook-timestamp')) * 1000).toBeWithin(at - 2_000, at + 1)
  }

  await gateway.server.stop()
  const config = `${settingsOf({ a: [receiver, `secret: "${NEW}"`] })}\n`
  await using again = await startServer({ folder: gateway.server.folder, config })
  await again.ask('/chat/completions', {
    json: { model: 'demo', user: 'alice', messages: [{ role: 'user', content: 'hi' }] },
  })
  await eventually(() => expect(receiver.accepted).toHaveLength(2), DELIVERED)
  const { body, headers } = receiver.requests.at(-1)!
  const text = new TextDecoder().decode(body)
  const sent = Object.fromEntries(headers.entries())
  expect(new Webhook(NEW).verify(text, sent)).toBeTruthy()
  expect(() => new Webhook(OLD).verify(text, sent)).toThrow()
}, 30_000)

test('a receiver without a secret is unsigned, and the start says so', async () => {
  await using bare = await startReceiver()
  await using signed = await startReceiver()
  await using gateway = await gatewayFor({ bare: [bare, ''], signed: [signed, `secret: ${NEW}`] })
  const warnings = gateway.server.output().match(/the webhook receiver \w+ has no secret/g)
  expect(warnings).toEqual(['the webhook receiver bare has no secret'])
  await gateway.chat()
  await eventually(() => expect(bare.accepted).toHaveLength(1))
  expect(bare.requests[0]!.headers.get('webhook-signature')).toBeNull()
  expect(bare.requests[0]!.headers.get('webhook-id')).toBe(accepted(bare)[0]!.id)
})

test('a deaf receiver delays no other, and a restart tells it what it missed and nobody twice', async () => {
  await using deaf = await startReceiver()
  await using well = await startReceiver()
  const gate = new Gate()
  deaf.holdAt(gate)
  await using gateway = await gatewayFor({ deaf: [deaf, ''], well: [well, ''] })
  const users = Array.from({ length: 60 }, (_, index) => `customer ${index % 20}`)
  for (const user of users) expect((await gateway.chat({ user })).status).toBe(200)
  await eventually(() => expect(well.accepted).toHaveLength(60), DELIVERED)
  expect(deaf.accepted).toBeEmpty()
  expect(deaf.requests).toHaveLength(16)
  await eventually(async () => {
    expect(await events(gateway.server, 'status=pending&receiver=well')).toEqual([])
  })
  await gateway.server.kill()
  gate.open()
  await using _again = await startServer({ folder: gateway.server.folder })
  await eventually(() => expect(deaf.accepted).toHaveLength(60), DELIVERED)
  expect(well.accepted).toHaveLength(60)
  for (const user of new Set(users)) {
    const ids = toldOf(well, user).map(({ id }) => id)
    expect(toldOf(deaf, user).map(({ id }) => id)).toEqual(ids)
  }
}, 30_000)

test('a customer whose event fails holds back its own later ones and nobody else’s', async () => {
  await using receiver = await startReceiver()
  let isPoisoned = true
  receiver.decide(({ customer_id }) =>
    isPoisoned && customer_id === 'alice' ? { status: 500 } : null,
  )
  await using gateway = await gatewayFor({ a: [receiver, ''] })
  for (let round = 0; round < 5; round++) {
    for (const user of ['alice', 'bob', 'carol']) await gateway.chat({ user })
  }
  await eventually(() => expect(receiver.accepted).toHaveLength(10))
  const tried = receiver.requests.filter(({ status }) => status === 500)
  expect(new Set(tried.map(({ json }) => (json as Told).id)).size).toBe(1)
  const [first, ...later] = (await events(gateway.server, 'customer_id=alice')).toReversed()
  expect(first).toMatchObject({ status: 'pending', last_error: 'status 500' })
  expect(Date.parse(first.next_try_at)).toBeGreaterThan(0)
  for (const event of later) expect(event).toMatchObject({ attempts: 0, next_try_at: null })
  isPoisoned = false
  await eventually(() => expect(receiver.accepted).toHaveLength(15), DELIVERED)
  const inOrder = [first, ...later].map(({ event_id }) => event_id)
  expect(toldOf(receiver, 'alice').map(({ id }) => id)).toEqual(inOrder)
}, 30_000)

test('events for a receiver that was renamed are kept for its old name, and the start says so', async () => {
  await using receiver = await startReceiver()
  await receiver.refuse()
  await using gateway = await gatewayFor({ old: [receiver, ''] })
  const { server } = gateway
  await gateway.chat()
  await server.stop()
  await receiver.resume()
  const { folder } = server
  const renamed = await startServer({ folder, config: settingsOf({ new: [receiver, ''] }) })
  expect(renamed.output()).toContain('events wait for the webhook receiver old')
  await renamed.stop()
  expect(receiver.requests).toBeEmpty()
  await using again = await startServer({ folder, config: settingsOf({ old: [receiver, ''] }) })
  expect(again.output()).not.toContain('events wait for')
  await eventually(() => expect(receiver.accepted).toHaveLength(1), DELIVERED)
}, 20_000)

test('Retry-After is waited for', async () => {
  await using receiver = await startReceiver()
  let tries = 0
  receiver.decide(() => {
    tries++
    return tries === 1 ? { status: 503, headers: { 'retry-after': '2' } } : null
  })
  await using gateway = await gatewayFor({ a: [receiver, ''] })
  await gateway.chat()
  await eventually(() => expect(receiver.accepted).toHaveLength(1), DELIVERED)
  const [first, second] = receiver.requests
  expect(second!.at - first!.at).toBeGreaterThanOrEqual(2_000)
})

test('a dead event lets later ones pass, outlives a restart, and is replayed under its id', async () => {
  await using receiver = await startReceiver()
  await using other = await startReceiver()
  receiver.fail(1, 410)
  await using gateway = await gatewayFor({ a: [receiver, ''], b: [other, ''] })
  await gateway.chat()
  await eventually(async () => {
    expect(await events(gateway.server, 'status=dead')).toHaveLength(1)
  })
  await gateway.chat()
  await eventually(() => expect(receiver.accepted).toHaveLength(1))
  const [dead] = await events(gateway.server, 'status=dead')
  expect(dead).toMatchObject({ receiver: 'a', attempts: 1, last_error: 'status 410' })
  expect(dead.payload.id).toBe(dead.event_id)
  const nothingPends = (server: Server, dead: number) =>
    eventually(async () => {
      const { json } = await server.ask('/webhook/receivers')
      expect(json).toMatchObject([{ pending: 0, dead }, { pending: 0 }])
    })
  // What was taken is written down as well: else it would be sent again after the kill.
  await nothingPends(gateway.server, 1)
  expect(other.accepted).toHaveLength(2)

  await gateway.server.kill()
  await using again = await startServer({ folder: gateway.server.folder })
  const [a] = (await again.ask('/webhook/receivers')).json
  expect(a).toMatchObject({ name: 'a', pending: 0, dead: 1 })
  const { json } = await again.ask('/webhook/replay', { json: { receiver: 'a' } })
  expect(json).toEqual({ replayed: 1 })
  await eventually(() => expect(receiver.accepted).toHaveLength(2))
  expect(accepted(receiver)[1]!.id).toBe(dead.event_id)
  const [first, second] = receiver.requests.filter(
    ({ json }) => (json as Told).id === dead.event_id,
  )
  expect(second!.body).toEqual(first!.body)
  expect(other.accepted).toHaveLength(2)
  // Or it would still be on its way, and not be queued anew.
  await nothingPends(again, 0)

  // A delivered one can be had again too, here at both.
  await again.ask('/webhook/replay', { json: { event_ids: [dead.event_id] } })
  await eventually(() =>
    expect([receiver, other].map(accepted)).toMatchObject([
      [{}, {}, {}],
      [{}, {}, {}],
    ]),
  )
}, 30_000)

test('a receiver is tried with a signed sample, and no secret of it is logged or answered', async () => {
  await using receiver = await startReceiver()
  const hidden = { ...receiver, url: `${receiver.url}/hidden?token=hidden` }
  await using gateway = await gatewayFor({ a: [hidden, `secret: "${NEW}"`] })
  const { server } = gateway
  const tryIt = async () => (await server.ask('/webhook/test', { json: { receiver: 'a' } })).json
  expect(await tryIt()).toMatchObject({ delivered: true, status: 200, error: null })
  const { body, headers } = receiver.requests[0]!
  const sent = Object.fromEntries(headers.entries())
  expect(new Webhook(NEW).verify(new TextDecoder().decode(body), sent)).toMatchObject({
    customer_id: 'sample-customer',
    spend: 0,
  })
  expect((await server.ask('/health/services?service=webhook')).json).toEqual(
    receiver.requests[1]!.json as object,
  )
  receiver.fail(1)
  expect(await tryIt()).toMatchObject({ delivered: false, status: 500, error: 'status 500' })
  await receiver.refuse()
  expect(await tryIt()).toMatchObject({ delivered: false, status: null })
  await gateway.chat()
  await eventually(() => expect(server.output()).toContain('a receiver does not take events'))
  const answers = await Promise.all(
    ['/webhook/receivers', '/webhook/events', '/health/services?service=webhook'].map(
      async (path) => (await server.ask(path)).text,
    ),
  )
  for (const text of [server.output(), ...answers]) {
    expect(text).not.toContain('hidden')
    expect(text).not.toContain(NEW.slice(6))
  }
  // Nobody is charged for a sample, and nothing of it is kept.
  expect(await gateway.customer('sample-customer')).toBeNull()
  expect(await events(server)).toHaveLength(1)
})
