import { describe, expect, test } from 'bun:test'
import { fromDollars } from '../../src/ledger/money.ts'
import { gatewayWith } from './gateway.ts'

describe('/customer/new', () => {
  test('answers the customer after it is committed, every field of it', async () => {
    const { post, store } = gatewayWith({ held: () => fromDollars(0.25) })
    const { status, json } = await post('/customer/new', {
      user_id: 'alice',
      alias: 'Alice Ltd',
      max_budget: '4.5',
      budget_duration: '30d',
      budget_reset_at: '2026-12-01T01:00:00+01:00',
      spend: 0.00004,
      default_model: 'demo',
      allowed_model_region: 'eu',
      metadata: { plan: 'yearly' },
      model_max_budget: { demo: { max_budget: 1, rpm_limit: 5 } },
    })
    expect(status).toBe(200)
    expect(store.commits).toEqual(['create alice'])
    const at = '2026-11-01T09:30:00.000Z'
    expect(json).toEqual({
      user_id: 'alice',
      alias: 'Alice Ltd',
      blocked: false,
      spend: 0.00004,
      allowed_model_region: 'eu',
      default_model: 'demo',
      budget_id: 'own-alice',
      litellm_budget_table: {
        budget_id: 'own-alice',
        max_budget: 4.5,
        soft_budget: null,
        max_parallel_requests: null,
        tpm_limit: null,
        rpm_limit: null,
        model_max_budget: {
          demo: { max_budget: 1, budget_duration: null, tpm_limit: null, rpm_limit: 5 },
        },
        budget_duration: '30d',
        budget_reset_at: '2026-12-01T00:00:00.000Z',
        created_at: at,
        created_by: 'default_user_id',
        updated_at: at,
        updated_by: 'default_user_id',
        budget_mode: null,
        models: null,
        timezone: null,
        week_start: null,
        day_of_month: null,
        rate_card: null,
        count: null,
      },
      rate_card: null,
      metadata: { plan: 'yearly' },
      created_at: at,
      updated_at: at,
      held: 0.25,
      budget_reset_at: '2026-12-01T00:00:00.000Z',
      total_spend: 0.00004,
      credit: null,
    })
  })

  test('with an id alone has no budget, and nothing that was not said', async () => {
    const { json } = await gatewayWith().post('/customer/new', { user_id: 'bob' })
    expect(json).toMatchObject({
      user_id: 'bob',
      alias: null,
      blocked: false,
      spend: 0,
      budget_id: null,
      litellm_budget_table: null,
      metadata: {},
      rate_card: null,
      held: 0,
      budget_reset_at: null,
    })
  })

  test('limits of null make no budget; a limit of 0 makes one of 0', async () => {
    const { post } = gatewayWith()
    const none = await post('/customer/new', { user_id: 'a', max_budget: null, budget_id: null })
    expect(none.json.litellm_budget_table).toBeNull()
    const nulls = await post('/customer/new', { user_id: 'c', max_budget: null, rpm_limit: null })
    expect(nulls.json.litellm_budget_table).toBeNull()
    const zero = await post('/customer/new', { user_id: 'b', max_budget: 0 })
    expect(zero.json.litellm_budget_table.max_budget).toBe(0)
  })

  test('takes a shared budget, with its limits left out or null', async () => {
    const { post } = gatewayWith()
    await post('/budget/new', { budget_id: 'pro', max_budget: 5 })
    const { json } = await post('/customer/new', {
      user_id: 'a',
      budget_id: 'pro',
      max_budget: null,
    })
    expect(json.litellm_budget_table).toMatchObject({ budget_id: 'pro', max_budget: 5 })
  })

  test('an id of digits is text, as a number and as text', async () => {
    const { post } = gatewayWith()
    expect((await post('/customer/new', { user_id: 17 })).json.user_id).toBe('17')
    expect((await post('/customer/new', { user_id: '17' })).status).toBe(400)
  })

  // A row is a body, the status, the type, the field at fault, and what is said.
  test.each<[object, number, string, string, string]>([
    [{}, 400, 'invalid_request_error', 'user_id', 'user_id is required'],
    [
      { user_id: 'known' },
      400,
      'bad_request',
      'user_id',
      'Customer already exists, passed user_id=known. Please pass a new user_id.',
    ],
    [
      { user_id: 'a', budget_id: 'nope' },
      404,
      'not_found',
      'budget_id',
      "Budget with id 'nope' does not exist.",
    ],
    [
      { user_id: 'a', budget_id: 'pro', max_budget: 1, rpm_limit: 2 },
      400,
      'invalid_request_error',
      'budget_id',
      "Send either budget_id or limits of the customer's own, not both: got budget_id=pro and max_budget, rpm_limit",
    ],
    [
      { user_id: 'a', default_model: 'dem' },
      422,
      'invalid_request_error',
      'default_model',
      'default_model dem is not served; served are demo; did you mean demo?',
    ],
    [
      { user_id: 'a', max_budget: -0.01 },
      400,
      'invalid_request_error',
      'max_budget',
      'max_budget must be a non-negative finite number. Received: -0.01',
    ],
    [
      { user_id: 'a', soft_budget: 'Infinity' },
      400,
      'invalid_request_error',
      'soft_budget',
      'soft_budget must be a non-negative finite number. Received: Infinity',
    ],
    [
      { user_id: 'a', max_bugdet: 1 },
      400,
      'invalid_request_error',
      'max_bugdet',
      'Unknown field "max_bugdet"; did you mean max_budget?',
    ],
    [
      { user_id: 'a', budget_duration: 'soon' },
      400,
      'invalid_request_error',
      'budget_duration',
      'budget_duration must be a whole number with s, m, h, d, w or mo, such as 30d or 1mo, or daily, weekly, monthly, quarterly or yearly, got "soon"',
    ],
    [
      { user_id: 'a', model_max_budget: { demo: { budget_duration: '-1d' } } },
      400,
      'invalid_request_error',
      'model_max_budget.demo.budget_duration',
      'model_max_budget.demo.budget_duration must be a whole number with s, m, h, d, w or mo, such as 30d or 1mo, or daily, weekly, monthly, quarterly or yearly, got "-1d"',
    ],
    [
      { user_id: 'a', budget_reset_at: '2026-02-30' },
      400,
      'invalid_request_error',
      'budget_reset_at',
      'budget_reset_at must be a time such as 2026-12-01T00:00:00Z, got "2026-02-30"',
    ],
  ])('refuses %j with %p', async (body, status, type, param, message) => {
    const { post, store } = gatewayWith()
    await post('/customer/new', { user_id: 'known' })
    const before = [...store.commits]
    const answer = await post('/customer/new', body)
    expect(answer.status).toBe(status)
    expect(answer.json).toEqual({ error: { message, type, param, code: String(status) } })
    expect(store.commits).toEqual(before)
    expect(store.findCustomer('a')).toBeNull()
  })
})

describe('/customer/info', () => {
  test('finds an id whatever is in it', async () => {
    const { get, post } = gatewayWith()
    for (const id of ['a,b', '[1]', '{"x":1}', 'a b+c', 'ü/é?&=%', 'true', '007']) {
      await post('/customer/new', { user_id: id })
      const { json } = await get(`/customer/info?end_user_id=${encodeURIComponent(id)}`)
      expect(json.user_id).toBe(id)
    }
  })

  test.each<[string, number, string, string]>([
    ['?end_user_id=nobody', 404, 'not_found', 'End User Id=nobody does not exist in db'],
    ['', 400, 'invalid_request_error', 'end_user_id is required'],
    [
      '?end_user_id=a&end_user_id=b',
      400,
      'invalid_request_error',
      'end_user_id must be text of 1 to 256 characters without control characters, got ["a","b"]',
    ],
  ])('%p is a %p', async (query, status, type, message) => {
    const answer = await gatewayWith().get(`/customer/info${query}`)
    expect(answer.status).toBe(status)
    expect(answer.json).toEqual({
      error: { message, type, param: 'end_user_id', code: String(status) },
    })
  })
})

describe('/customer/update', () => {
  /** Alice, with something in every field, on the shared budget `pro`. */
  async function gatewayWithAlice() {
    const gateway = gatewayWith()
    await gateway.post('/budget/new', { budget_id: 'pro', max_budget: 5, rpm_limit: 9 })
    await gateway.post('/customer/new', {
      user_id: 'alice',
      alias: 'Alice',
      blocked: true,
      default_model: 'demo',
      allowed_model_region: 'eu',
      metadata: { a: 1 },
      spend: 2,
      budget_id: 'pro',
    })
    return gateway
  }

  test('changes what is sent and nothing else', async () => {
    const { post, get } = await gatewayWithAlice()
    const before = (await get('/customer/info?end_user_id=alice')).json
    const { json } = await post('/customer/update', { user_id: 'alice', alias: 'A.' })
    expect(json).toEqual({ ...before, alias: 'A.' })
  })

  test('null clears, and empty values are values', async () => {
    const { post } = await gatewayWithAlice()
    const { json } = await post('/customer/update', {
      user_id: 'alice',
      alias: null,
      blocked: null,
      default_model: null,
      allowed_model_region: null,
      metadata: {},
      rate_card: null,
      budget_id: null,
      spend: 0,
    })
    expect(json).toMatchObject({
      alias: null,
      blocked: false,
      default_model: null,
      allowed_model_region: null,
      metadata: {},
      rate_card: null,
      budget_id: null,
      litellm_budget_table: null,
      spend: 0,
    })
  })

  test('a spend of null leaves the spend as it is', async () => {
    const { post } = await gatewayWithAlice()
    expect((await post('/customer/update', { user_id: 'alice', spend: null })).json.spend).toBe(2)
  })

  test('limits on a tier become a budget of its own, made from the tier', async () => {
    const { post, store } = await gatewayWithAlice()
    const { json } = await post('/customer/update', { user_id: 'alice', max_budget: 0 })
    expect(json.litellm_budget_table).toMatchObject({ max_budget: 0, rpm_limit: 9 })
    expect(store.findBudgets(['pro'])[0]!.maxBudget).toBe(fromDollars(5))
  })

  test('off the tier with limits of its own keeps nothing of the tier', async () => {
    const { post } = await gatewayWithAlice()
    const body = { user_id: 'alice', budget_id: null, max_budget: 1 }
    const { json } = await post('/customer/update', body)
    expect(json.litellm_budget_table).toMatchObject({ max_budget: 1, rpm_limit: null })
  })

  test('an unknown customer is a 404, and is not made', async () => {
    const { post, store } = gatewayWith()
    const { status, json } = await post('/customer/update', { user_id: 'bob', alias: 'B' })
    expect(status).toBe(404)
    expect(json.error).toMatchObject({ type: 'not_found', param: 'user_id' })
    expect(store.findCustomer('bob')).toBeNull()
  })
})
