import { expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { rowsOf as rowsIn } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

const receiver = await startReceiver()
const gateway = await startGateway({
  settings: 'general_settings: {alerting: ["webhook"]}\n',
  env: { WEBHOOK_URL: receiver.url },
})
const { server, upstream, chat } = gateway

const TOKENS = { input: 100, output: 50 }
const COST = nanosOf(TOKENS)

const customer = (json: object) => server.ask('/customer/new', { json })
// biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects, and fails if not.
type Row = any
const rowsOf = async (id: string): Promise<Row[]> =>
  (await server.ask(`/spend/logs?end_user=${id}`)).json
const toldOf = (id: string) =>
  (receiver.accepted as Row[]).filter(({ customer_id }) => customer_id === id)

test('one call has two amounts: on its row, in the webhook, in the quote; the tab has the charge', async () => {
  const card = { markup_percent: 25, fee_per_call: 0.0001 }
  await customer({ user_id: 'alice', max_budget: 1, rate_card: card })
  const charge = (COST * 1.25 + 100_000) / 1e9
  const usage = { prompt_tokens: 100, completion_tokens: 50 }
  const asked = { model: 'gpt-4o-mini', user: 'alice', usage }
  const quote = await server.ask('/price/quote', { json: asked })
  expect(quote.json).toMatchObject({ cost: COST / 1e9, charge, most: null })

  upstream.next({ tokens: TOKENS })
  const { headers } = await chat()
  expect(Number(headers.get('x-tollgate-cost'))).toBe(charge)
  const [row] = await rowsOf('alice')
  expect(row).toMatchObject({ cost: COST / 1e9, charge, spend: charge, counted: charge })
  expect(await gateway.customer('alice')).toMatchObject({ spend: charge, rate_card: card })
  const [told] = await eventually(() => {
    const events = toldOf('alice')
    expect(events).toHaveLength(1)
    return events
  })
  const { rate_card_version } = row
  expect(told).toMatchObject({ cost: COST / 1e9, charge, spend: charge, rate_card_version })
  const kept = await server.ask(`/rate_card/info?version=${rate_card_version}`)
  expect(kept.json).toMatchObject({ version: rate_card_version, rate_card: card })
})

test('a change counts from then on, and old rows stay explained', async () => {
  await server.ask('/budget/new', {
    json: { budget_id: 'tier', max_budget: 1, rate_card: { markup_percent: 10 } },
  })
  await customer({ user_id: 'bob', budget_id: 'tier' })
  const call = async () => {
    upstream.next({ tokens: TOKENS })
    await chat({ user: 'bob' })
  }
  await call()
  await server.ask('/budget/update', {
    json: { budget_id: 'tier', rate_card: { markup_percent: 20 } },
  })
  await call()
  await server.ask('/customer/update', {
    json: { user_id: 'bob', rate_card: { fee_per_call: 1e-6 } },
  })
  await call()
  await server.ask('/customer/update', { json: { user_id: 'bob', rate_card: null } })
  await server.ask('/budget/update', { json: { budget_id: 'tier', rate_card: null } })
  await call()
  const rows = (await rowsOf('bob')).reverse()
  const charges = rows.map(({ charge }) => Math.round(charge * 1e9))
  expect(charges).toEqual([COST * 1.1, COST * 1.2, COST + 1_000, COST])
  const versions = rows.map(({ rate_card_version }) => rate_card_version)
  expect(new Set(versions.slice(0, 3)).size).toBe(3)
  expect(versions[3]).toBeNull()
  expect((await verify(server.databasePath)).faults).toEqual([])
})

test('where the cost counts, the budget is of the cost, and the tab has the charge', async () => {
  const json = {
    user_id: 'carol',
    max_budget: 1,
    count: 'cost',
    rate_card: { markup_percent: 100 },
  }
  await customer(json)
  upstream.next({ tokens: TOKENS })
  await chat({ user: 'carol' })
  const { spend, total_spend } = await gateway.customer('carol')
  expect([spend, total_spend]).toEqual([COST / 1e9, (2 * COST) / 1e9])
})

test('what is free of a month is free once, also of calls at once, and costs all the same', async () => {
  const rate_card = { free_allowance: { tokens: 400 } }
  await customer({ user_id: 'dave', max_budget: 1, rate_card })
  upstream.always({ tokens: TOKENS })
  const answers = await Promise.all(Array.from({ length: 10 }, () => chat({ user: 'dave' })))
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  const rows = await rowsOf('dave')
  expect(rows.reduce((sum, { free_tokens }) => sum + free_tokens, 0)).toBe(400)
  expect(rows.every(({ cost }) => Math.round(cost * 1e9) === COST)).toBe(true)
  expect((await verify(server.databasePath)).faults).toEqual([])
})

test('a quote knows what is left of the free, also where the cost counts', async () => {
  const rate_card = { free_allowance: { tokens: 200 } }
  await customer({ user_id: 'gina', max_budget: 1, count: 'cost', rate_card })
  const usage = { prompt_tokens: 100, completion_tokens: 50 }
  const json = { model: 'gpt-4o-mini', user: 'gina', usage }
  const quote = async () => (await server.ask('/price/quote', { json })).json
  expect(await quote()).toMatchObject({ free_tokens: 150, allowance_left: { tokens: 200 } })
  upstream.next({ tokens: TOKENS })
  await chat({ user: 'gina' })
  expect(await quote()).toMatchObject({ free_tokens: 50, allowance_left: { tokens: 50 } })
})

test('a customer whose day costs more than it is charged is told of, once', async () => {
  await customer({ user_id: 'erin', rate_card: { markup_percent: -50 } })
  for (let n = 0; n < 3; n++) {
    upstream.next({ tokens: TOKENS })
    await chat({ user: 'erin' })
  }
  await eventually(() => {
    const names = toldOf('erin').map(({ event }) => event)
    expect(names.filter((name) => name === 'spend_tracked')).toHaveLength(3)
    expect(names.filter((name) => name === 'margin_negative')).toHaveLength(1)
  })
})

test.each([
  [{ markup_percent: 'much' }, 'rate_card.markup_percent must be a percentage from -100'],
  [{ markup: 1 }, 'rate_card has no field markup'],
])('a card that is none is refused: %j', async (rate_card, message) => {
  for (const [path, json] of [
    ['/customer/new', { user_id: 'x', rate_card }],
    ['/budget/new', { budget_id: 'x', rate_card }],
  ] as const) {
    const told = await server.ask(path, { json })
    expect([told.status, told.json.error.message.startsWith(message)]).toEqual([400, true])
  }
})

test('a call that the death of the server broke off is charged by the card that it came with', async () => {
  await customer({ user_id: 'fred', max_budget: 1, rate_card: { markup_percent: 100 } })
  const gate = new Gate()
  upstream.next({ deltas: 9, holds: [{ gate, at: { events: 5 } }] })
  const answer = piecesOf(await gateway.stream({ user: 'fred' })).catch(() => null)
  await eventually(() => {
    const sql = 'SELECT output FROM open_calls WHERE output > 0'
    expect(rowsIn(server.databasePath, sql)).toHaveLength(1)
  })
  await server.kill()
  await answer
  await using again = await startServer({
    folder: server.folder,
    env: { WEBHOOK_URL: receiver.url },
  })
  const [row] = (await again.ask('/spend/logs?end_user=fred')).json as Row[]
  expect(row.outcome).toBe('interrupted')
  expect(row.cost).toBeGreaterThan(0)
  expect(row.charge).toBeCloseTo(2 * row.cost, 12)
  expect((await verify(server.databasePath)).faults).toEqual([])
})
