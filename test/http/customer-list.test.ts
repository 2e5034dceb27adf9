import { describe, expect, test } from 'bun:test'
import { gatewayWith } from './gateway.ts'

describe('/customer/delete', () => {
  test('deletes all, once each, in the words of LiteLLM', async () => {
    const { post, store } = gatewayWith()
    for (const user_id of ['u1', "o'hara"]) await post('/customer/new', { user_id })
    const { json } = await post('/customer/delete', { user_ids: ['u1', "o'hara", 'u1'] })
    expect(json).toEqual({
      deleted_customers: 2,
      message: "Successfully deleted customers with ids: ['u1', 'o\\'hara']",
    })
    expect(store.findCustomer('u1')).toBeNull()
  })

  test('with an unknown one is a 404, and deletes none', async () => {
    const { post, store } = gatewayWith()
    await post('/customer/new', { user_id: 'a' })
    const { status, json } = await post('/customer/delete', { user_ids: ['a', 'b', 'c'] })
    expect(status).toBe(404)
    expect(json.error.message).toBe('End User Id(s)=b, c do not exist in db')
    expect(json.error.param).toBe('user_ids')
    expect(store.findCustomer('a')).not.toBeNull()
  })

  test.each<[object, string]>([
    [{}, 'user_ids is required'],
    [{ user_ids: [] }, 'user_ids must have between 1 and 10000 entries, got 0'],
    [{ user_ids: 'a' }, 'user_ids must be a list, got "a"'],
    [
      { user_ids: ['a', null] },
      'user_ids[1] must be text of 1 to 256 characters without control characters, got null',
    ],
    [{ user_id: ['a'] }, 'Unknown field "user_id"; did you mean user_ids?'],
  ])('refuses %j', async (body, message) => {
    const { status, json } = await gatewayWith().post('/customer/delete', body)
    expect([status, json.error.message]).toEqual([400, message])
  })
})

describe('/customer/block and /customer/unblock', () => {
  test('block the known and make the unknown, blocked; unblock undoes it', async () => {
    const { post, store } = gatewayWith()
    await post('/customer/new', { user_id: 'a' })
    const blocked = await post('/customer/block', { user_ids: ['a', 'new', 'a'] })
    expect(blocked.json.blocked_users).toMatchObject([
      { user_id: 'a', blocked: true },
      { user_id: 'new', blocked: true },
    ])
    const unblocked = await post('/customer/unblock', { user_ids: ['a'] })
    expect(unblocked.json.blocked_users).toMatchObject([{ user_id: 'a', blocked: false }])
    expect(store.commits).toEqual(['create a', 'block a new', 'unblock a'])
  })
})

describe('/customer/list', () => {
  async function gatewayWithCustomers(...ids: string[]) {
    const gateway = gatewayWith()
    for (const user_id of ids) await gateway.post('/customer/new', { user_id })
    return gateway
  }

  test('is a bare array of all, with the total beside it', async () => {
    const { get } = await gatewayWithCustomers('b', 'a')
    const { json, headers } = await get('/customer/list')
    expect(json.map((customer: { user_id: string }) => customer.user_id)).toEqual(['a', 'b'])
    expect(headers.get('x-total-count')).toBe('2')
    expect(headers.get('link')).toBeNull()
  })

  test.each(['/customer', '/end_user'])(
    'following Link from page to page under %s sees each once, then ends',
    async (prefix) => {
      const { get } = await gatewayWithCustomers('a 1', 'a 2', 'a 3', 'a 4', 'a 5', 'b')
      const seen: string[] = []
      let next: string | null = `${prefix}/list?page_size=2&search=a+&order=desc`
      while (next !== null) {
        const { json, headers } = await get(next)
        seen.push(...json.map((customer: { user_id: string }) => customer.user_id))
        expect(headers.get('x-total-count')).toBe('5')
        next = headers.get('link')?.match(/^<(.+)>; rel="next"$/)?.[1] ?? null
      }
      expect(seen).toEqual(['a 5', 'a 4', 'a 3', 'a 2', 'a 1'])
    },
  )

  test('a last page that is just full has no next one', async () => {
    const { get } = await gatewayWithCustomers('a', 'b', 'c', 'd')
    expect((await get('/customer/list?page_size=2')).headers.get('link')).not.toBeNull()
    expect((await get('/customer/list?page_size=2&page=2')).headers.get('link')).toBeNull()
  })

  test('can be narrowed to a budget, and to who is blocked', async () => {
    const { get, post } = await gatewayWithCustomers('a', 'b')
    await post('/customer/block', { user_ids: ['b'] })
    expect((await get('/customer/list?blocked=true')).json).toMatchObject([{ user_id: 'b' }])
    expect((await get('/customer/list?blocked=false')).json).toMatchObject([{ user_id: 'a' }])
    expect((await get('/customer/list?budget_id=none')).json).toEqual([])
  })

  test.each<[string, string]>([
    ['page=0', 'page must be between 1 and 1000000000, got 0'],
    ['page_size=1001', 'page_size must be between 1 and 1000, got 1001'],
    ['page_size=many', 'page_size must be a whole number, got "many"'],
    ['blocked=maybe', 'blocked must be true or false, got "maybe"'],
    ['order=down', 'order must be one of asc, desc, got "down"'],
    ['pagesize=3', 'Unknown field "pagesize"; did you mean page_size?'],
  ])('refuses ?%s', async (query, message) => {
    const { status, json } = await gatewayWith().get(`/customer/list?${query}`)
    expect([status, json.error.message]).toEqual([400, message])
  })
})
