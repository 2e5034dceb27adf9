import { describe, expect, test } from 'bun:test'
import { fromDollars } from '../../src/ledger/money.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { ABOVE, ON_OWN, OWN_BUDGETS } from '../../src/store/near-limits.ts'
import { migrate } from '../../src/store/schema.ts'
import { charged, openStore, periodOf } from '../support/store.ts'
import { gatewayWith } from './gateway.ts'

const NOW = Date.UTC(2026, 10, 20)
const nothing = { profile: {}, limits: null, spent: null }

/** On a tier of $10 a month; `own` has $2 for itself; `free` has no budget. */
async function withSpend() {
  const { store, clock } = await openStore({ now: NOW })
  const gateway = gatewayWith({
    customers: store,
    budgets: store,
    nearLimits: store.nearLimits,
    now: () => clock.now,
  })
  const limits = { maxBudget: fromDollars(10), duration: '1mo' }
  await store.createBudget({ id: 'pro', limits, createdBy: 'us' })
  const spend = async (id: string, dollars: number) => {
    const { customer, budget } = store.findCustomer(id)!
    const { start: periodStart } = periodOf(budget, clock.now)
    const call = { charge: fromDollars(dollars), settledAt: clock.now, periodStart }
    await store.commit(charged(customer, call), [])
  }
  for (const [id, dollars] of Object.entries({ low: 1, some: 7, near: 9, over: 12 })) {
    await store.createCustomer({ ...nothing, id, profile: { budgetId: 'pro' } })
    await spend(id, dollars)
  }
  const own = { maxBudget: fromDollars(2) }
  await store.createCustomer({ ...nothing, id: 'own', limits: own })
  await store.createCustomer({ ...nothing, id: 'free' })
  await spend('own', 1.9)
  await spend('free', 100)
  return { ...gateway, store, clock, spend }
}

describe('/customer/near_limit', () => {
  test('is who has used most of their budget, on a tier or with one of their own', async () => {
    const { get } = await withSpend()
    const near = async (query = '') => {
      const { status, json } = await get(`/customer/near_limit${query}`)
      expect(status).toBe(200)
      return json.map((one: { user_id: string; share_used: number }) => [
        one.user_id,
        one.share_used,
      ])
    }
    expect(await near()).toEqual([
      ['over', 1.2],
      ['own', 0.95],
      ['near', 0.9],
    ])
    expect(await near('?limit=1')).toEqual([['over', 1.2]])
    expect((await near('?share=0.5')).map(([id]: [string]) => id)).toContain('some')
  })

  test('forgets what was spent in an earlier period, and keeps what has none', async () => {
    const { get, clock, spend } = await withSpend()
    clock.now = Date.UTC(2026, 11, 2)
    const ids = async () =>
      (await get('/customer/near_limit')).json.map(({ user_id }: { user_id: string }) => user_id)
    expect(await ids()).toEqual(['own'])
    await spend('low', 9.9)
    expect(await ids()).toEqual(['low', 'own'])
  })

  test('knows the spend of who was moved to a tier with another period', async () => {
    const { get, store, clock } = await withSpend()
    clock.now = Date.UTC(2026, 11, 2)
    await store.updateCustomer('free', { ...nothing, profile: { budgetId: 'pro' } })
    expect(store.findCustomer('free')!.customer.spent).toBe(fromDollars(0))
    const { json } = await get('/customer/near_limit')
    expect(json.map(({ user_id }: { user_id: string }) => user_id)).toEqual(['own'])
  })

  test.each([
    ['share=0', 'share must be between 0.01 and 1000, got 0'],
    ['limit=101', 'limit must be between 1 and 100, got 101'],
  ])('refuses ?%s', async (query, message) => {
    const { status, json } = await gatewayWith().get(`/customer/near_limit?${query}`)
    expect([status, json.error.message]).toEqual([400, message])
  })
})

describe('/budget/preview', () => {
  test('says who would be over, and changes nothing', async () => {
    const { post, store } = await withSpend()
    const before = store.findBudget('pro')
    const preview = async (body: object) => {
      const { status, json } = await post('/budget/preview', { budget_id: 'pro', ...body })
      const examples = json.examples.map(({ user_id }: { user_id: string }) => user_id)
      return [status, json.customers, json.over_now, json.over_after, examples]
    }
    expect(await preview({ max_budget: 5 })).toEqual([200, 4, 1, 3, ['near', 'some']])
    expect(await preview({ max_budget: 100 })).toEqual([200, 4, 1, 0, []])
    expect(await preview({ max_budget: null })).toEqual([200, 4, 1, 0, []])
    expect(await preview({ rpm_limit: 5 })).toEqual([200, 4, 1, 1, []])
    expect(store.findBudget('pro')).toEqual(before)
  })

  test('of an unknown budget is a 404', async () => {
    const { post } = await withSpend()
    const { status, json } = await post('/budget/preview', { budget_id: 'gone' })
    expect([status, json.error.param]).toEqual([404, 'budget_id'])
  })
})

test('the budgets tell how many customers are on them', async () => {
  const { get, post } = await withSpend()
  expect((await get('/budget/list')).json).toMatchObject([{ budget_id: 'pro', customers: 4 }])
  const { json } = await post('/budget/info', { budgets: ['pro'] })
  expect(json).toMatchObject([{ budget_id: 'pro', customers: 4 }])
})

test('who has spent so much is sought, and nobody below is looked at', async () => {
  const database = await openDatabase(':memory:', 'readwrite')
  migrate(database)
  for (const [sql, index] of [
    [ABOVE, 'customers_by_budget'],
    [OWN_BUDGETS, 'budgets_own'],
    [ON_OWN, 'customers_by_budget'],
  ] as const) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    const steps = plan.map(({ detail }) => String(detail))
    expect(steps, sql).toHaveLength(1)
    expect(steps[0]).toMatch(new RegExp(`^SEARCH (customers|budgets) USING INDEX ${index} \\(.*>`))
  }
  database.close()
})
