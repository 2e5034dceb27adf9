import { describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { eventually } from '../support/eventually.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

/**
 * LiteLLM's page "Customers / End-User Budgets", line by line, against a server that was started
 * with nothing: https://docs.litellm.ai/docs/proxy/customers. Only `model` differs: it is `demo`.
 * The tests go on from one another, as the page does.
 */

const server = await startServer()
const { ask } = server
const info = async (id: string) => (await ask(`/customer/info?end_user_id=${id}`)).json
const call = (user: string, content = 'what time is it') =>
  ask('/chat/completions', { json: { model: 'demo', user, messages: [{ role: 'user', content }] } })

/** What the demo model's usage comes to, in dollars: $3 and $15 a million. */
const dollarsOf = (usage: { prompt_tokens: number; completion_tokens: number }) =>
  (usage.prompt_tokens * 3_000 + usage.completion_tokens * 15_000) / 1e9

const CUSTOMER_FIELDS = [
  ...'user_id alias blocked spend allowed_model_region default_model budget_id litellm_budget_table'.split(
    ' ',
  ),
  ...'metadata rate_card created_at updated_at held budget_reset_at total_spend credit'.split(' '),
]

describe('tracking customer spend', () => {
  test('1. make a call with a customer id: the first call works', async () => {
    const { status, json } = await call('ishaan3')
    expect(status).toBe(200)
    expect(json.choices[0].message.content).toContain('what time is it')
  })

  test('2. the customer was upserted with the new spend, in every field that the page shows', async () => {
    const { json: second } = await call('ishaan3')
    const told = await info('ishaan3')
    expect(told).toMatchObject({
      user_id: 'ishaan3',
      blocked: false,
      alias: null,
      spend: 2 * dollarsOf(second.usage),
      allowed_model_region: null,
      default_model: null,
      litellm_budget_table: null,
    })
    expect(Object.keys(told)).toEqual(CUSTOMER_FIELDS)
  })

  test('2. the event webhook tells each call, in every field that the page shows', async () => {
    await using receiver = await startReceiver()
    await using told = await startServer({
      config: `
model_list:
  - model_name: demo
    litellm_params: {model: demo/demo}
general_settings:
  alerting: ["webhook"]
`,
      env: { WEBHOOK_URL: receiver.url },
    })
    const content = "What's the weather like in Boston today?"
    const messages = [{ role: 'user', content }]
    const { json } = await told.ask('/chat/completions', {
      json: { model: 'demo', messages, user: 'krrish12' },
    })
    const spend = dollarsOf(json.usage)
    await eventually(() => expect(receiver.accepted).toHaveLength(1))
    expect(receiver.accepted[0]).toMatchObject({
      spend,
      max_budget: null,
      customer_id: 'krrish12',
      user_id: null,
      team_id: null,
      user_email: null,
      key_alias: null,
      projected_exceeded_date: null,
      projected_spend: null,
      event: 'spend_tracked',
      event_group: 'customer',
      event_message: `Customer spend tracked. Customer=krrish12, spend=${spend}`,
    })
    expect(receiver.accepted[0]).toHaveProperty('token')
  })
})

describe('setting customer budgets', () => {
  test('create a customer with a budget, as the text "0"', async () => {
    const { status, json } = await ask('/customer/new', {
      json: { user_id: 'my-customer-id', max_budget: '0' },
    })
    expect(status).toBe(200)
    expect(json).toMatchObject({ user_id: 'my-customer-id', spend: 0 })
    expect(json.litellm_budget_table).toMatchObject({ max_budget: 0 })
  })

  test('test it: the customer is over budget from the start, anybody else is not', async () => {
    const { status, json } = await call('my-customer-id')
    expect(status).toBe(429)
    expect(json.error).toMatchObject({ type: 'budget_exceeded', param: null, code: '429' })
    expect(json.error.message).toStartWith(
      'ExceededBudget: End User=my-customer-id over budget. Spend=0, Budget=0',
    )
    expect((await call('ishaan-jaff-48')).status).toBe(200)
  })

  test('assign pricing tiers: 1. create a budget', async () => {
    const { status, json } = await ask('/budget/new', {
      json: { budget_id: 'my-free-tier', max_budget: 4 },
    })
    expect(status).toBe(200)
    expect(json).toMatchObject({ budget_id: 'my-free-tier', max_budget: 4, soft_budget: null })
  })

  test('assign pricing tiers: 2. assign it to a customer', async () => {
    const { status, json } = await ask('/customer/new', {
      json: { user_id: 'my-tier-customer-id', budget_id: 'my-free-tier' },
    })
    expect(status).toBe(200)
    expect(json.budget_id).toBe('my-free-tier')
    expect(json.litellm_budget_table).toMatchObject({ budget_id: 'my-free-tier', max_budget: 4 })
  })

  test('the page gives one id to two customers: the second is told that it exists', async () => {
    const { status, json } = await ask('/customer/new', {
      json: { user_id: 'my-customer-id', budget_id: 'my-free-tier' },
    })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({
      message: 'Customer already exists, passed user_id=my-customer-id. Please pass a new user_id.',
      type: 'bad_request',
      param: 'user_id',
    })
  })

  test('assign pricing tiers: 3. test it, with the OpenAI client', async () => {
    const client = new OpenAI({ baseURL: server.url, apiKey: server.key })
    const completion = await client.chat.completions.create({
      model: 'demo',
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'Hello!' },
      ],
      user: 'my-tier-customer-id',
    })
    expect(completion.choices[0]!.message.content).toContain('Hello!')
    expect((await info('my-tier-customer-id')).spend).toBe(dollarsOf(completion.usage!))
  })

  test('the tier refuses whoever has used it up', async () => {
    await ask('/customer/update', { json: { user_id: 'my-tier-customer-id', spend: 4 } })
    const { status, json } = await call('my-tier-customer-id')
    expect(status).toBe(429)
    expect(json.error.message).toContain('Spend=4, Budget=4')
  })
})

describe('the other endpoints', () => {
  test('/customer/update moves a customer to the tier, and off it', async () => {
    const update = async (change: object) =>
      (await ask('/customer/update', { json: { user_id: 'my-customer-id', ...change } })).json
    expect((await update({ budget_id: 'my-free-tier', alias: 'Mine' })).alias).toBe('Mine')
    expect((await call('my-customer-id')).status).toBe(200)
    expect((await update({ max_budget: 0 })).litellm_budget_table.max_budget).toBe(0)
    expect((await call('my-customer-id')).status).toBe(429)
    // Its own limit was not that of the tier.
    const { json: tiers } = await ask('/budget/info', { json: { budgets: ['my-free-tier'] } })
    expect(tiers).toMatchObject([{ max_budget: 4 }])
    expect(await update({ budget_id: 'my-free-tier', metadata: { plan: 'free' } })).toMatchObject({
      alias: 'Mine',
      budget_id: 'my-free-tier',
      metadata: { plan: 'free' },
    })
  })

  test('/customer/update of a stranger is a 404', async () => {
    const { status, json } = await ask('/customer/update', { json: { user_id: 'nobody' } })
    expect(status).toBe(404)
    expect(json.error.message).toBe('End User Id=nobody does not exist in db')
  })

  test('/customer/block refuses calls until /customer/unblock', async () => {
    const ids = { user_ids: ['ishaan3', 'never-seen'] }
    const { json: blocked } = await ask('/customer/block', { json: ids })
    expect(blocked.blocked_users).toMatchObject([
      { user_id: 'ishaan3', blocked: true },
      { user_id: 'never-seen', blocked: true },
    ])
    for (const id of ids.user_ids) {
      const { status, json } = await call(id)
      expect([status, json.error.type]).toEqual([403, 'customer_blocked'])
    }
    const { json: unblocked } = await ask('/customer/unblock', { json: ids })
    expect(unblocked.blocked_users).toMatchObject([{ blocked: false }, { blocked: false }])
    expect((await call('never-seen')).status).toBe(200)
  })

  test('/customer/list is an array of pages, each with the way to the next', async () => {
    const all = await ask('/customer/list')
    const ids = all.json.map((customer: { user_id: string }) => customer.user_id)
    expect(ids.toSorted()).toEqual(
      ['ishaan-jaff-48', 'ishaan3', 'my-customer-id', 'my-tier-customer-id', 'never-seen'].sort(),
    )
    const paged: string[] = []
    let next: string | null = '/customer/list?page_size=2'
    while (next !== null) {
      const { json, headers } = await ask(next)
      expect(headers.get('x-total-count')).toBe('5')
      paged.push(...json.map((customer: { user_id: string }) => customer.user_id))
      next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? null
    }
    expect(paged).toEqual(ids)
  })

  test('/customer/delete deletes all or none; the same id again is a fresh tab', async () => {
    const some = await ask('/customer/delete', { json: { user_ids: ['ishaan3', 'a', 'b'] } })
    expect(some.status).toBe(404)
    expect(some.json.error).toMatchObject({
      message: 'End User Id(s)=a, b do not exist in db',
      type: 'not_found',
      param: 'user_ids',
    })
    const { status, json } = await ask('/customer/delete', { json: { user_ids: ['ishaan3'] } })
    expect(status).toBe(200)
    expect(json).toEqual({
      deleted_customers: 1,
      message: "Successfully deleted customers with ids: ['ishaan3']",
    })
    expect((await ask('/customer/info?end_user_id=ishaan3')).status).toBe(404)
    const { json: again } = await call('ishaan3')
    expect(await info('ishaan3')).toMatchObject({
      spend: dollarsOf(again.usage),
      total_spend: dollarsOf(again.usage),
    })
  })

  test('/end_user/* is the same by its other name', async () => {
    const made = await ask('/end_user/new', { json: { user_id: 'alias', max_budget: 1 } })
    expect(Object.keys(made.json)).toEqual(CUSTOMER_FIELDS)
    await ask('/end_user/update', { json: { user_id: 'alias', alias: 'A' } })
    await ask('/end_user/block', { json: { user_ids: ['alias'] } })
    expect(await info('alias')).toMatchObject({ alias: 'A', blocked: true })
    await ask('/end_user/unblock', { json: { user_ids: ['alias'] } })
    const there = (await ask('/end_user/info?end_user_id=alias')).json
    expect(there).toEqual(await info('alias'))
    const { json: listed } = await ask('/end_user/list?search=alias')
    expect(listed).toEqual([there])
    expect((await ask('/end_user/delete', { json: { user_ids: ['alias'] } })).status).toBe(200)
    expect((await ask('/customer/info?end_user_id=alias')).status).toBe(404)
  })

  test('/budget/*: update, info, list, settings, and delete when nobody is on it', async () => {
    const budget_id = 'my-free-tier'
    const change = { budget_id, soft_budget: '3.5', budget_duration: '30d' }
    const { json: updated } = await ask('/budget/update', { json: change })
    expect(updated).toMatchObject({ budget_id, max_budget: 4, soft_budget: 3.5 })
    expect(Date.parse(updated.budget_reset_at)).toBeGreaterThan(Date.now())
    const { json: found } = await ask('/budget/info', { json: { budgets: [budget_id, 'x'] } })
    // How many customers are on it is ours besides.
    const counted = { ...updated, customers: 2 }
    expect(found).toEqual([counted])
    expect((await ask('/budget/list')).json).toEqual([counted])

    const { json: settings } = await ask(`/budget/settings?budget_id=${budget_id}`)
    const max = settings.find(
      ({ field_name }: { field_name: string }) => field_name === 'max_budget',
    )
    expect(max).toMatchObject({ field_type: 'Float', field_value: 4, stored_in_db: true })

    const inUse = await ask('/budget/delete', { json: { id: budget_id } })
    expect([inUse.status, inUse.json.error.type]).toEqual([409, 'conflict'])
    expect(inUse.json.error.message).toContain('2 customers')
    const { status, json: deleted } = await ask('/budget/delete', {
      json: { id: budget_id, force: true },
    })
    expect([status, deleted]).toEqual([200, updated])
    expect((await ask('/budget/list')).json).toEqual([])
    expect((await call('my-tier-customer-id')).status).toBe(200)
  })

  test('mistakes are told with the value and what would be right', async () => {
    const mistakes: [string, object, number, string | null, string][] = [
      ['/budget/new', { max_budget: -1 }, 400, 'max_budget', 'Received: -1'],
      ['/budget/update', { max_budget: 1 }, 400, 'budget_id', 'budget_id is required'],
      ['/budget/update', { budget_id: 'gone' }, 404, 'budget_id', "'gone'"],
      ['/budget/info', { budgets: [] }, 400, 'budgets', 'Passed in=[]'],
      ['/customer/new', { user_id: 'x', budget_id: 'gone' }, 404, 'budget_id', "'gone'"],
      ['/customer/new', { user_id: 'x', max_bugdet: 1 }, 400, 'max_bugdet', 'max_budget'],
      ['/customer/new', { user_id: 'x', default_model: 'dmeo' }, 422, 'default_model', 'demo'],
    ]
    for (const [path, json, status, param, says] of mistakes) {
      const told = await ask(path, { json })
      expect([path, told.status, told.json.error.param]).toEqual([path, status, param])
      expect(told.json.error.message).toContain(says)
    }
  })
})

test('the books balance after all of this', async () => {
  await server.stop()
  const { verify } = await import('../../src/store/verify.ts')
  expect((await verify(server.databasePath)).faults).toEqual([])
})
