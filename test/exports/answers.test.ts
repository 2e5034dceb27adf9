import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { CloudEventsConfig, StripeConfig } from '../../src/config/exporter.ts'
import { cloudEventsWire } from '../../src/exports/cloud-events.ts'
import { stripeWire } from '../../src/exports/stripe.ts'
import type { Parcel } from '../../src/ledger/parcel.ts'
import { listenRaw, type RawRequest, type RawServer } from '../support/raw-http.ts'
import { row } from './rows.ts'

const NOW = Date.UTC(2026, 10, 2)
const HOUR_MS = 3_600_000

/** What the double answers next; what it was asked last. */
let answer: readonly [status: number, body: string] = [200, '{}']
let asked: RawRequest | null = null
let server: RawServer

beforeAll(async () => {
  server = await listenRaw(async (request, reply) => {
    asked = request
    const body = Buffer.from(answer[1])
    await reply.head(answer[0], { 'retry-after': '7' }, body.length)
    await reply.write(body)
  })
})
afterAll(() => server.close())

const parcel = (content: unknown, more: Partial<Parcel> = {}): Parcel => ({
  ...{ id: 1, events: 1, lane: null, queuedAt: NOW, attempts: 0, unsureSince: null, error: null },
  content: JSON.stringify(content),
  ...more,
})

const EVENT = {
  ...{ identifier: 'tollgate-1', eventName: 'used', customerId: 'alice', tab: 1, value: '-12' },
  at: NOW - 1,
}

const stripe = (customer: StripeConfig['customer'] = { metadata: 'stripe_customer_id' }) =>
  stripeWire(
    {
      ...{ name: 'stripe', type: 'stripe', since: null, apiKey: 'sk_test', meters: [] },
      ...{ apiBase: `http://127.0.0.1:${server.port}`, customer, perSecond: 100 },
    },
    {
      now: () => NOW,
      metadataOf: (tab) => (tab === 1 ? { stripe_customer_id: 'cus_1' } : {}),
    },
  )

test('a meter event is a form, with the id that the customer’s metadata has', async () => {
  answer = [200, '{}']
  expect(await stripe().send(parcel(EVENT))).toEqual({ kind: 'taken' })
  const { path, headers, body } = asked!
  expect([path, headers.get('authorization')]).toEqual([
    '/v1/billing/meter_events',
    'Bearer sk_test',
  ])
  expect(Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body)))).toEqual({
    event_name: 'used',
    identifier: 'tollgate-1',
    timestamp: String(Math.floor((NOW - 1) / 1_000)),
    'payload[stripe_customer_id]': 'cus_1',
    'payload[value]': '-12',
  })
})

const error = (message: string, code?: string) => JSON.stringify({ error: { message, code } })

test.each<[status: number, body: string, kind: string, isUnsure: boolean]>([
  [400, error('An event already exists with identifier tollgate-1.'), 'taken', false],
  [400, error('already submitted', 'duplicate_meter_event'), 'taken', false],
  [400, error("No such customer: 'cus_1'"), 'never', false],
  [400, error('Timestamp too far in the past', 'timestamp_too_far_in_past'), 'never', false],
  [400, error('No active meter found for event name used'), 'later', false],
  [400, error('archived', 'archived_meter'), 'later', false],
  [401, error('Invalid API Key'), 'later', false],
  [404, 'nothing here', 'later', false],
  [409, error('in use'), 'later', false],
  [429, error('slow down', 'rate_limit'), 'later', false],
  [429, error('locked', 'lock_timeout'), 'later', false],
  [500, '<html>', 'later', true],
  [503, '', 'later', true],
  [302, '', 'later', true],
])('Stripe’s %p %p: %p', async (status, body, kind, isUnsure) => {
  answer = [status, body]
  const receipt = await stripe().send(parcel(EVENT))
  expect(receipt.kind).toBe(kind as never)
  if (receipt.kind !== 'later') return
  expect(receipt.isUnsure).toBe(isUnsure)
  expect(receipt.isOwn).toBe(body.includes('lock_timeout'))
})

test('how long a receiver asks to wait is heeded, and its words are kept', async () => {
  answer = [429, '{"error": {"message": "slow\\ndown"}}']
  expect(await stripe().send(parcel(EVENT))).toMatchObject({
    error: 'status 429: {"error": {"message": "slow\\ndown"}}',
    retryAfterMs: 7_000,
  })
})

test('nothing is sent for a customer without an id, or that Stripe may count twice', async () => {
  asked = null
  const nameless = await stripe().send(parcel({ ...EVENT, tab: 2 }))
  expect(nameless).toMatchObject({ kind: 'never' })
  expect((nameless as { error: string }).error).toContain(
    'customer alice has no metadata.stripe_customer_id',
  )
  const doubtful = await stripe().send(parcel(EVENT, { unsureSince: NOW - 23.1 * HOUR_MS }))
  expect(doubtful).toMatchObject({ kind: 'never' })
  expect(asked).toBeNull()
  answer = [200, '{}']
  const sure = await stripe('user_id').send(parcel(EVENT, { unsureSince: NOW - 22.9 * HOUR_MS }))
  expect(sure).toEqual({ kind: 'taken' })
  expect(new TextDecoder().decode(asked!.body)).toContain('=alice')
})

const events = (config: Partial<CloudEventsConfig>, rows = [row(1), row(2)]) =>
  cloudEventsWire(
    {
      ...{ name: 'x', type: 'cloudevents', since: null, format: 'openmeter', apiKey: null },
      ...{ url: `http://127.0.0.1:${server.port}/`, eventType: 'llm_call', source: 'tollgate' },
      ...{ customer: 'user_id', batchMax: 100 },
      ...config,
    },
    {
      now: () => NOW,
      metadataOf: () => ({}),
      rowsOf: (ids) => rows.filter(({ record }) => ids.includes(record.id)),
    },
  )

const [one, two] = [row(1).record.id, row(2).record.id]

test('several events are a batch, and one by one they are no list', async () => {
  answer = [204, '']
  expect(await events({}).send(parcel([one, two]))).toEqual({ kind: 'taken' })
  expect(asked!.headers.get('content-type')).toBe('application/cloudevents-batch+json')
  expect(JSON.parse(new TextDecoder().decode(asked!.body))).toHaveLength(2)
  expect(await events({ batchMax: 1 }).send(parcel([one]))).toEqual({ kind: 'taken' })
  expect(asked!.headers.get('content-type')).toBe('application/cloudevents+json')
  expect(JSON.parse(new TextDecoder().decode(asked!.body))).toMatchObject({ id: one })
})

test('a batch that is refused is halved, and an event by itself is given up', async () => {
  answer = [400, 'bad']
  const whole = await events({}).send(parcel([one, two]))
  expect(whole).toMatchObject({ kind: 'never', parts: [{ events: 1 }, { events: 1 }] })
  expect(await events({}).send(parcel([one]))).toEqual({
    kind: 'never',
    error: 'status 400: bad',
  })
  expect(await events({}).send(parcel([one, 'gone']))).toMatchObject({ kind: 'never' })
})

test('Lago has all of a batch if it says so of each; of some, it is halved', async () => {
  const there = { transaction_id: ['value_already_exist'] }
  const details = (of: object) => JSON.stringify({ status: 422, error_details: of })
  const lago = events({ format: 'lago' })
  answer = [422, details({ 0: there, 1: there })]
  expect(await lago.send(parcel([one, two]))).toEqual({ kind: 'taken' })
  answer = [422, details({ 1: there })]
  expect((await lago.send(parcel([one, two]))).kind).toBe('never')
  answer = [422, details({ 0: there, 1: { ...there, code: ['value_is_invalid'] } })]
  expect((await lago.send(parcel([one, two]))).kind).toBe('never')
  answer = [422, 'not JSON']
  expect((await lago.send(parcel([one]))).kind).toBe('never')
})

test('Lago is told the charge in cents, to the last nano-dollar, and a time with its fraction', async () => {
  answer = [200, '{}']
  const rows = [row(1, { charge: 12_345, at: NOW + 7 })]
  await events({ format: 'lago', eventType: 'tokens' }, rows).send(parcel([one]))
  expect(JSON.parse(new TextDecoder().decode(asked!.body)).events).toMatchObject([
    {
      transaction_id: one,
      external_subscription_id: 'customer 1',
      code: 'tokens',
      timestamp: String((NOW + 7) / 1_000),
      precise_total_amount_cents: '0.0012345',
      properties: { charge: '0.000012345', model: 'demo' },
    },
  ])
})
