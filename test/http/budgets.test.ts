import { describe, expect, test } from 'bun:test'
import { gatewayWith } from './gateway.ts'

const AT = '2026-11-01T09:30:00.000Z'

const UNSET = {
  max_budget: null,
  soft_budget: null,
  max_parallel_requests: null,
  tpm_limit: null,
  rpm_limit: null,
  model_max_budget: null,
  budget_duration: null,
  budget_reset_at: null,
  created_at: AT,
  created_by: 'default_user_id',
  updated_at: AT,
  updated_by: 'default_user_id',
  budget_mode: null,
  models: null,
  timezone: null,
  week_start: null,
  day_of_month: null,
  rate_card: null,
  count: null,
}

describe('/budget/new', () => {
  test('answers the budget after it is committed, every field of it', async () => {
    const { post, store } = gatewayWith()
    const { status, json } = await post('/budget/new', { budget_id: 'pro', max_budget: 100 })
    expect(status).toBe(200)
    expect(json).toEqual({ ...UNSET, budget_id: 'pro', max_budget: 100 })
    expect(store.commits).toEqual(['create budget pro'])
  })

  test.each([{}, { budget_id: null }])('%j gets an id made up, a ULID', async (body) => {
    const { json } = await gatewayWith().post('/budget/new', body)
    expect(json.budget_id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
  })

  test('a duration without a reset gets one', async () => {
    const { json } = await gatewayWith().post('/budget/new', { budget_duration: '1d' })
    expect(json.budget_reset_at).toBe('2026-11-02T09:30:00.000Z')
  })

  // A row is a reset as it may be written, and the same in UTC.
  test.each([
    ['2026-12-01T00:00:00Z', '2026-12-01T00:00:00.000Z'],
    ['2026-12-01T00:00:00.123456+02:00', '2026-11-30T22:00:00.123Z'],
    ['2026-12-01T00:00:00', '2026-12-01T00:00:00.000Z'],
    ['2026-12-01 06:00', '2026-12-01T06:00:00.000Z'],
    ['2026-12-01', '2026-12-01T00:00:00.000Z'],
  ])('a reset at %s is at %s', async (budget_reset_at, utc) => {
    const { json } = await gatewayWith().post('/budget/new', { budget_reset_at })
    expect(json.budget_reset_at).toBe(utc)
  })

  test.each<[unknown, string]>([
    [-1, '-1'],
    ['-4.5', '-4.5'],
    ['nan', 'nan'],
    [true, 'true'],
  ])('a max_budget of %p is refused in the words of LiteLLM', async (max_budget, received) => {
    const { post, store } = gatewayWith()
    const { status, json } = await post('/budget/new', { max_budget })
    expect(status).toBe(400)
    expect(json.error).toEqual({
      message: `max_budget must be a non-negative finite number. Received: ${received}`,
      type: 'invalid_request_error',
      param: 'max_budget',
      code: '400',
    })
    expect(store.commits).toEqual([])
  })

  test('an id that is taken is refused', async () => {
    const { post } = gatewayWith()
    await post('/budget/new', { budget_id: 'pro' })
    const { status, json } = await post('/budget/new', { budget_id: 'pro' })
    expect(status).toBe(400)
    expect(json.error).toEqual({
      message: "Budget with id 'pro' already exists.",
      type: 'bad_request',
      param: 'budget_id',
      code: '400',
    })
  })
})

describe('/budget/update', () => {
  test('changes what is sent, null lifts, 0 stands', async () => {
    const { post } = gatewayWith()
    await post('/budget/new', { budget_id: 'pro', max_budget: 5, rpm_limit: 9, tpm_limit: 7 })
    const body = { budget_id: 'pro', max_budget: 0, rpm_limit: null }
    const { json } = await post('/budget/update', body)
    expect(json).toEqual({ ...UNSET, budget_id: 'pro', max_budget: 0, tpm_limit: 7 })
  })

  test.each<[object, number, string]>([
    [{ max_budget: 1 }, 400, 'budget_id is required'],
    [{ budget_id: 'nope' }, 404, "Budget with id 'nope' does not exist."],
  ])('%j is a %p', async (body, status, message) => {
    const answer = await gatewayWith().post('/budget/update', body)
    expect(answer.status).toBe(status)
    expect(answer.json.error).toMatchObject({ message, param: 'budget_id' })
  })
})

describe('/budget/info', () => {
  test('answers those that exist, once each', async () => {
    const { post } = gatewayWith()
    await post('/budget/new', { budget_id: 'a' })
    const { json } = await post('/budget/info', { budgets: ['a', 'nope', 'a'] })
    expect(json).toEqual([{ ...UNSET, budget_id: 'a', customers: 0 }])
  })

  test('an empty list is a 400 in the words of LiteLLM', async () => {
    const { status, json } = await gatewayWith().post('/budget/info', { budgets: [] })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({
      message: "Specify list of budget id's to query. Passed in=[]",
      param: 'budgets',
    })
  })
})

test('/budget/list has the shared ones, and none that a customer has for itself', async () => {
  const { post, get } = gatewayWith()
  await post('/budget/new', { budget_id: 'pro' })
  await post('/customer/new', { user_id: 'alice', max_budget: 1 })
  expect((await get('/budget/list')).json).toEqual([{ ...UNSET, budget_id: 'pro', customers: 0 }])
})

describe('/budget/delete', () => {
  async function gatewayWithTier() {
    const gateway = gatewayWith()
    await gateway.post('/budget/new', { budget_id: 'pro' })
    await gateway.post('/customer/new', { user_id: 'alice', budget_id: 'pro' })
    return gateway
  }

  test('is refused while customers are on it', async () => {
    const { post, store } = await gatewayWithTier()
    const { status, json } = await post('/budget/delete', { id: 'pro' })
    expect(status).toBe(409)
    expect(json.error).toMatchObject({ type: 'conflict', param: 'id' })
    expect(store.findBudgets(['pro'])).toHaveLength(1)
  })

  test('by force answers what was deleted', async () => {
    const { post, store } = await gatewayWithTier()
    const { status, json } = await post('/budget/delete', { id: 'pro', force: true })
    expect([status, json.budget_id]).toEqual([200, 'pro'])
    expect(store.findBudgets(['pro'])).toEqual([])
  })

  test('an unknown one is a 404', async () => {
    const { status, json } = await gatewayWith().post('/budget/delete', { id: 'nope' })
    expect(status).toBe(404)
    expect(json.error.message).toBe("Budget with id 'nope' does not exist.")
  })
})

describe('/budget/settings', () => {
  test('tells each limit with its type and value', async () => {
    const { post, get } = gatewayWith()
    const limits = { max_budget: 2.5, budget_duration: '1mo', models: ['demo'], day_of_month: 15 }
    await post('/budget/new', { budget_id: 'pro', ...limits })
    const { json } = await get('/budget/settings?budget_id=pro')
    const told = json.map((setting: Record<string, unknown>) => [
      setting['field_name'],
      setting['field_type'],
      setting['field_value'],
    ])
    expect(told).toEqual([
      ['max_parallel_requests', 'Integer', null],
      ['tpm_limit', 'Integer', null],
      ['rpm_limit', 'Integer', null],
      ['budget_duration', 'String', '1mo'],
      ['max_budget', 'Float', 2.5],
      ['soft_budget', 'Float', null],
      ['model_max_budget', 'Object', null],
      ['budget_mode', 'String', null],
      ['models', 'Array', ['demo']],
      ['timezone', 'String', null],
      ['week_start', 'Integer', null],
      ['day_of_month', 'Integer', 15],
    ])
    for (const setting of json) {
      expect(setting.field_description).not.toBe('')
      expect(setting).toMatchObject({ stored_in_db: true, field_default_value: null })
    }
  })

  test('of an unknown budget are a 404', async () => {
    const { status, json } = await gatewayWith().get('/budget/settings?budget_id=nope')
    expect([status, json.error.param]).toEqual([404, 'budget_id'])
  })
})
