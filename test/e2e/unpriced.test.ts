import { describe, expect, test } from 'bun:test'
import { rowsOf } from '../support/books.ts'
import { startGateway } from '../support/gateway.ts'

/** What has no price, or not one that could be known before a call. */

const gateway = await startGateway({ upstream: { isStrict: false } })
const { upstream, server, chat, customer } = gateway
const create = (user_id: string, limits: object) =>
  server.ask('/customer/new', { json: { user_id, ...limits } })

describe('a model without a price', () => {
  test('is refused for a customer with a budget, with the config lines that would price it', async () => {
    await create('budgeted', { max_budget: 10 })
    const { status, json } = await chat({ user: 'budgeted', model: 'unpriced' })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ type: 'model_not_priced', param: 'model' })
    expect(json.error.message).toContain('`input_cost_per_token` and `output_cost_per_token`')
  })

  test('is answered for one without, and for any if the config allows', async () => {
    expect((await chat({ user: 'free', model: 'unpriced' })).status).toBe(200)
    await using open = await startGateway({
      settings: 'tollgate_settings: {allow_unpriced_models: true}\n',
    })
    await open.server.ask('/customer/new', { json: { user_id: 'budgeted', max_budget: 10 } })
    expect((await open.chat({ user: 'budgeted', model: 'unpriced' })).status).toBe(200)
    const sql = 'SELECT snapshot FROM ledger JOIN prices ON prices.id = price_id'
    expect(rowsOf<object>(open.server.databasePath, sql)).toEqual([{ snapshot: 'unpriced' }])
  })
})

describe('what is billed besides its tokens', () => {
  const search = { tools: [{ type: 'web_search' }], input: 'What is new?' }
  const respond = (user: string) =>
    server.ask('/v1/responses', { json: { model: 'gpt-4o-mini', user, ...search } })

  test('is refused for a customer with a budget, and is not sent', async () => {
    await create('searching', { max_budget: 1 })
    const sent = upstream.calls.length
    const { status, json } = await respond('searching')
    expect([status, json.error.type, json.error.param]).toEqual([
      400,
      'model_not_priced',
      'tools[0]',
    ])
    expect(upstream.calls.length).toBe(sent)
    expect((await customer('searching')).held).toBe(0)
  })

  test('is passed on for one without', async () => {
    expect((await respond('searching-freely')).status).toBe(200)
  })
})

const FILE = { type: 'file', file: { file_id: 'file-1' } }
/** That read a document whose length nobody knows. */
const messages = [{ role: 'user', content: [{ type: 'text', text: 'Read this.' }, FILE] }]

test('a document whose length nobody knows is refused where the budget has no room for the longest', async () => {
  // A window of 128,000 tokens at $3 a million, held as what may be written to a cache.
  await create('reading', { max_budget: 0.4 })
  const { status, json } = await chat({ user: 'reading', messages, max_tokens: 20 })
  expect([status, json.error.type]).toEqual([429, 'budget_exceeded'])
  expect(json.error.message).toMatch(/Budget=0\.4\. .*needed for this call: 0\.48\d*;/)
  await create('reading-more', { max_budget: 0.6 })
  expect((await chat({ user: 'reading-more', messages, max_tokens: 20 })).status).toBe(200)
})

test('a document counts by the minute when it is known how long it was', async () => {
  const ask = { user: 'reading-slowly', messages, max_tokens: 20 }
  await create('reading-slowly', { tpm_limit: 5_000 })
  upstream.next({ tokens: { input: 4_900 } })
  expect((await chat(ask)).status).toBe(200)
  const { status, json } = await chat(ask)
  expect([status, json.error.type]).toEqual([429, 'rate_limit_error'])
})
