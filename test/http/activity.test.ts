import { describe, expect, test } from 'bun:test'
import { fromDollars } from '../../src/ledger/money.ts'
import { charged } from '../support/store.ts'
import { MIDNIGHT, withCalls } from './report-gateway.ts'

describe.each(['/customer', '/end_user'])('GET %s/daily/activity', (prefix) => {
  test('has each day with its metrics, by model, provider, key and customer', async () => {
    const { get } = await withCalls()
    const { json } = await get(`${prefix}/daily/activity?start_date=2026-10-01&end_date=2026-10-31`)
    expect(json.results.map(({ date }: { date: string }) => date)).toEqual([
      '2026-10-10',
      '2026-10-09',
    ])
    const [{ metrics, breakdown }] = json.results
    expect(metrics).toEqual({
      spend: 5,
      prompt_tokens: 16,
      completion_tokens: 20,
      cache_read_input_tokens: 4,
      cache_creation_input_tokens: 2,
      total_tokens: 36,
      successful_requests: 2,
      failed_requests: 1,
      api_requests: 3,
    })
    const spends = (by: Record<string, { metrics: { spend: number } }>) =>
      Object.fromEntries(Object.entries(by).map(([name, { metrics }]) => [name, metrics.spend]))
    expect(spends(breakdown.models)).toEqual({ demo: 2, other: 3 })
    expect(spends(breakdown.providers)).toEqual({ demo: 2, unknown: 3 })
    expect(spends(breakdown.api_keys)).toEqual({ abc: 3, litellm_proxy_master_key: 2 })
    expect(spends(breakdown.entities)).toEqual({ alice: 2, bob: 3 })
    expect(breakdown.api_keys.abc.metadata).toEqual({ key_alias: 'backend' })
    expect(json.metadata).toMatchObject({
      total_spend: 7,
      total_api_requests: 5,
      total_failed_requests: 1,
      page: 1,
      total_pages: 1,
      has_more: false,
    })
  })

  test('filters by customers, model and key, and pages by whole days', async () => {
    const { get } = await withCalls()
    const spend = async (query: string) =>
      (await get(`${prefix}/daily/activity?${query}`)).json.metadata.total_spend
    expect(await spend('end_user_ids=bob')).toBe(3)
    expect(await spend('end_user_ids=bob,alice,nobody')).toBe(7)
    expect(await spend('model=demo')).toBe(4)
    expect(await spend('api_key=abc')).toBe(3)
    expect(await spend('start_date=2026-10-09&end_date=2026-10-09')).toBe(2)
    const { json } = await get(`${prefix}/daily/activity?page_size=1&page=2`)
    expect(json.results).toHaveLength(1)
    expect(json.metadata).toMatchObject({ total_spend: 2, total_pages: 2, has_more: false })
    const { json: first } = await get(`${prefix}/daily/activity?page_size=1`)
    expect(first.metadata).toMatchObject({ total_spend: 5, total_pages: 2, has_more: true })
  })

  test('still has a customer that is deleted, and its next tab under the same id', async () => {
    const { get, store } = await withCalls()
    await store.deleteCustomers(['alice'])
    const { customer } = store.findOrOpenCustomer('alice')
    const again = charged(customer, { charge: fromDollars(1), settledAt: MIDNIGHT + 9 })
    await store.commit(again, [])
    const { json } = await get(`${prefix}/daily/activity?end_user_ids=alice`)
    expect(json.results[0].breakdown.entities.alice.metrics.spend).toBe(3)
    expect((await get('/spend/logs?end_user=alice')).json).toHaveLength(5)
  })
})

describe('/global/spend/end_users', () => {
  test('has the customers that were charged most first, by GET and by POST', async () => {
    const { get, post } = await withCalls()
    const all = [
      { end_user: 'alice', total_count: 4, total_spend: 4 },
      { end_user: 'bob', total_count: 1, total_spend: 3 },
    ]
    expect((await get('/global/spend/end_users')).json).toEqual(all)
    expect((await post('/global/spend/end_users', {})).json).toEqual(all)
    expect((await post('/global/spend/end_users', '')).json).toEqual(all)
    const { json } = await post('/global/spend/end_users', { api_key: 'abc', startTime: null })
    expect(json).toEqual([{ end_user: 'bob', total_count: 1, total_spend: 3 }])
    const day = await get('/global/spend/end_users?startTime=2026-10-09&endTime=2026-10-09')
    expect(day.json).toEqual([{ end_user: 'alice', total_count: 2, total_spend: 2 }])
  })
})
