import { describe, expect, test } from 'bun:test'
import { nanos } from '../../src/ledger/money.ts'
import { charged, openStore } from '../support/store.ts'
import { gatewayWith } from './gateway.ts'

const NOW = Date.UTC(2026, 10, 1, 9, 30)

/** The routes over a real store, and a customer `alice`. */
async function withStore() {
  const { store, path, clock, changes } = await openStore({ now: NOW })
  const { order, ...reads } = store.credit
  let isCovered = true
  const gateway = gatewayWith({
    customers: store,
    credit: { ...reads, order: (given) => order(given, isCovered) },
    heldCredit: () => nanos(500_000_000),
  })
  await gateway.post('/customer/new', { user_id: 'alice' })
  let keys = 0
  const ask = (what: string, body: object) =>
    gateway.post(`/customer/credit/${what}`, {
      user_id: 'alice',
      reason: 'because',
      idempotency_key: `key-${keys++}`,
      ...body,
    })
  const cover = (is: boolean) => {
    isCovered = is
  }
  return { ...gateway, store, path, clock, changes, ask, cover }
}

describe('/customer/credit/grant', () => {
  test('makes a wallet, and answers the grant with every field of it', async () => {
    const { ask, get } = await withStore()
    expect((await get('/customer/info?end_user_id=alice')).json.credit).toBeNull()
    const { status, json } = await ask('grant', {
      amount: 25,
      expires_at: '2027-01-01T00:00:00Z',
      priority: 7,
    })
    expect(status).toBe(200)
    const created_at = '2026-11-01T09:30:00.000Z'
    const { id } = json
    expect(json).toEqual({
      id,
      type: 'grant',
      user_id: 'alice',
      amount: 25,
      balance: 25,
      reason: 'because',
      call_id: null,
      grant: {
        id,
        amount: 25,
        remaining: 25,
        priority: 7,
        expires_at: '2027-01-01T00:00:00.000Z',
        reason: 'because',
        created_at,
      },
      created_at,
    })
    const { json: customer } = await get('/customer/info?end_user_id=alice')
    expect(customer.credit).toEqual({ balance: 25, held: 0.5 })
    expect((await get('/customer/list')).json[0].credit).toEqual({ balance: 25, held: 0.5 })
  })

  test('repeated under its key is answered the same, also when it has ended, and does nothing', async () => {
    const { ask, post, get, clock } = await withStore()
    const body = { amount: 5, expires_at: '2026-11-02T00:00:00Z', idempotency_key: 'once' }
    const first = await ask('grant', body)
    clock.now += 7 * 86_400_000
    const again = await ask('grant', body)
    expect([again.status, again.json]).toEqual([200, first.json])
    expect(again.headers.get('x-tollgate-replayed')).toBe('true')
    expect(first.headers.get('x-tollgate-replayed')).toBeNull()
    const { idempotency_key: _, ...bare } = { user_id: 'alice', reason: 'because', ...body }
    const inHeader = await post('/customer/credit/grant', bare, {
      authorization: 'Bearer sk-master-1234',
      'idempotency-key': 'once',
    })
    expect(inHeader.json).toEqual(first.json)
    expect((await get('/customer/credit/balance?end_user_id=alice')).json.balance).toBe(5)
    const other = await ask('grant', { ...body, amount: 6 })
    expect([other.status, other.json.error.param]).toEqual([422, 'idempotency_key'])
  })

  test.each<[object, number, string]>([
    [{ amount: 0 }, 400, 'amount must be dollars above 0 and up to 9000000, got 0'],
    [{ amount: -1 }, 400, 'amount must be dollars above 0 and up to 9000000, got -1'],
    [{ amount: 1e10 }, 400, 'amount must be dollars above 0 and up to 9000000, got 10000000000'],
    [{ amount: 1, user_id: 'alcie' }, 404, 'End User Id=alcie does not exist in db. Create it'],
    [{ amount: 1, reason: '' }, 400, 'reason must be text of 1 to 500 characters'],
    [{ amount: 1, expires_at: 'soon' }, 400, 'expires_at must be a time such as'],
    [{ amount: 1, expires_at: '2020-01-01' }, 400, 'expires_at must be in the future, got 2020'],
    [{ amount: 1, priority: -1 }, 400, 'priority must be between 0 and 1000000, got -1'],
    [{ amount: 1, ammount: 2 }, 400, 'Unknown field "ammount"; did you mean amount?'],
    [{ amount: 1, idempotency_key: undefined }, 400, 'idempotency_key is required, in the body'],
  ])('refuses %p', async (body, status, message) => {
    const { ask, get } = await withStore()
    const { status: got, json } = await ask('grant', body)
    expect([got, json.error.message]).toEqual([status, expect.stringContaining(message)])
    expect((await get('/customer/info?end_user_id=alice')).json.credit).toBeNull()
  })

  test('refuses more than a balance can be, and keys that differ', async () => {
    const { ask, post } = await withStore()
    await ask('grant', { amount: 9_000_000 })
    for (const amount of [1, 9_000_000]) {
      const more = await ask('grant', { amount })
      expect([more.status, more.json.error.param]).toEqual([400, 'amount'])
    }
    const body = { user_id: 'alice', reason: 'r', amount: 1, idempotency_key: 'a' }
    const headers = { authorization: 'Bearer sk-master-1234', 'idempotency-key': 'b' }
    const { status, json } = await post('/customer/credit/grant', body, headers)
    expect([status, json.error.message]).toEqual([400, expect.stringContaining('differ')])
  })
})

describe('what goes out', () => {
  test('is refunded of what would be used last, or of a grant; adjusted in the order of use', async () => {
    const { ask, get } = await withStore()
    const { json: soon } = await ask('grant', { amount: 3, expires_at: '2026-12-01T00:00:00Z' })
    const { json: never } = await ask('grant', { amount: 5 })
    const left = async () => {
      const { json } = await get('/customer/credit/balance?end_user_id=alice')
      return json.grants.map(({ id, remaining }: { id: string; remaining: number }) => [
        id,
        remaining,
      ])
    }
    expect((await ask('refund', { amount: 1 })).json).toMatchObject({ amount: -1, balance: 7 })
    expect(await left()).toEqual([
      [soon.id, 3],
      [never.id, 4],
    ])
    await ask('refund', { amount: 1, grant_id: soon.id })
    await ask('adjust', { amount: -2.5 })
    expect(await left()).toEqual([[never.id, 3.5]])
    const { json: back } = await ask('adjust', { amount: 0.25 })
    expect(back.grant).toMatchObject({ amount: 0.25, priority: 50, expires_at: null })
    const refused = await ask('refund', { amount: 3, grant_id: soon.id })
    expect(refused.json.error.message).toContain('at most what is left of grant')
    const unknown = await ask('refund', { amount: 3, grant_id: 'x' })
    expect([unknown.status, unknown.json.error.param]).toEqual([404, 'grant_id'])
  })

  test('is no more than there is, or than nobody holds; a repeat is answered all the same', async () => {
    const { ask, cover } = await withStore()
    expect((await ask('refund', { amount: 1 })).json.error.message).toContain('has no wallet')
    await ask('grant', { amount: 2 })
    const body = { amount: 1, idempotency_key: 'out' }
    const done = await ask('refund', body)
    cover(false)
    expect((await ask('refund', body)).json).toEqual(done.json)
    for (const out of [{ amount: -1 }]) {
      const { status, json } = await ask('adjust', out)
      expect([status, json.error.param]).toEqual([400, 'amount'])
      expect(json.error.message).toContain('calls in flight')
    }
    cover(true)
    expect((await ask('refund', { amount: 1.5 })).status).toBe(400)
    expect((await ask('adjust', { amount: 0 })).json.error.message).toContain('above or below 0')
  })

  test('gives back of a call no more than it drew, in all', async () => {
    const { ask, store } = await withStore()
    await ask('grant', { amount: 2 })
    const { customer } = store.findCustomer('alice')!
    const call = charged(customer, { charge: nanos(1_000_000_000), settledAt: NOW })
    await store.commit({ ...call, credit: 'drawn' }, [])
    const call_id = call.row.id
    expect((await ask('adjust', { amount: 0.6, call_id })).json.balance).toBe(1.6)
    const { json } = await ask('adjust', { amount: 0.6, call_id })
    expect(json.error.message).toBe(
      `amount must be at most what call ${call_id} drew and was not given back, 0.4 dollars, got 0.6`,
    )
    expect((await ask('adjust', { amount: 0.4, call_id })).json.balance).toBe(2)
    expect((await ask('adjust', { amount: 0.1, call_id: 'x' })).status).toBe(400)
    expect((await ask('adjust', { amount: -0.1, call_id })).json.error.message).toContain('above 0')
  })
})

describe('what is read of a wallet', () => {
  test('is its balance, what is held, and its grants', async () => {
    const { ask, get } = await withStore()
    const none = await get('/customer/credit/balance?end_user_id=alice')
    expect([none.status, none.json.error.message]).toEqual([
      404,
      expect.stringContaining('has no wallet'),
    ])
    expect((await get('/customer/credit/history?end_user_id=bob')).status).toBe(404)
    await ask('grant', { amount: 2, expires_at: '2026-12-01T00:00:00Z' })
    const { json } = await get('/end_user/credit/balance?end_user_id=alice')
    expect(json).toMatchObject({
      user_id: 'alice',
      balance: 2,
      held: 0.5,
      available: 1.5,
      next_expiry: '2026-12-01T00:00:00.000Z',
    })
  })

  test('is its history, newest first, page by page, and as CSV', async () => {
    const { ask, get } = await withStore()
    for (const amount of [1, 2, 3]) await ask('grant', { amount, reason: '=1+1, "x"' })
    await ask('refund', { amount: 6 })
    const path = '/customer/credit/history?end_user_id=alice'
    const { json } = await get(path)
    const shown = json.map((entry: { type: string; amount: number; balance: number }) => [
      entry.type,
      entry.amount,
      entry.balance,
    ])
    expect(shown).toEqual([
      ['refund', -1, 0],
      ['refund', -2, 1],
      ['refund', -3, 3],
      ['grant', 3, 6],
      ['grant', 2, 3],
      ['grant', 1, 1],
    ])
    const first = await get(`${path}&page_size=4`)
    const cursor = first.headers.get('x-next-cursor')
    const second = await get(`${path}&page_size=4&cursor=${cursor}`)
    expect([...first.json, ...second.json]).toEqual(json)
    expect(second.headers.get('x-next-cursor')).toBeNull()
    expect((await get(`${path}&cursor=999`)).json.error.param).toBe('cursor')
    const csv = await get(`${path}&format=csv&page_size=4`)
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(csv.headers.get('x-next-cursor')).toBe(cursor)
    const lines = csv.json.split('\r\n')
    expect(lines[0]).toBe('id,type,amount,balance,grant_id,call_id,reason,created_at')
    expect(lines[4]).toMatch(/^3,grant,3,6,[0-9A-Z]{26},,"'=1\+1, ""x""",2026-11-01T09:30:00.000Z$/)
  })
})

describe('the wallet of a customer', () => {
  test('is made and taken away with it, and only an empty one', async () => {
    const { ask, post, store } = await withStore()
    const made = await post('/customer/new', { user_id: 'bob', wallet: true })
    expect(made.json.credit).toEqual({ balance: 0, held: 0.5 })
    const held = await post('/customer/update', { user_id: 'bob', wallet: false })
    expect([held.status, held.json.error.param]).toEqual([409, 'wallet'])
    await ask('grant', { amount: 1 })
    const change = { profile: {}, limits: null, spent: null }
    expect(store.updateCustomer('alice', { ...change, wallet: false })).rejects.toThrow(
      'The wallet of End User=alice is not empty: its balance is 1 dollars',
    )
    expect(
      (await store.updateCustomer('bob', { ...change, wallet: false })).customer.credit,
    ).toBeNull()
    const again = await store.updateCustomer('bob', { ...change, wallet: true })
    expect(again.customer.credit).toEqual({ balance: nanos(0), isExhaustedTold: false })
    expect((await store.updateCustomer('alice', change)).customer.credit?.balance).toBe(nanos(1e9))
  })

  test('stays with its closed tab when it is deleted, and the answer says what is in it', async () => {
    const { ask, post, get } = await withStore()
    await ask('grant', { amount: 2.5 })
    const { json } = await post('/customer/delete', { user_ids: ['alice'] })
    expect(json).toMatchObject({ deleted_customers: 1, credit_left: { alice: 2.5 } })
    await post('/customer/new', { user_id: 'alice' })
    expect((await get('/customer/info?end_user_id=alice')).json.credit).toBeNull()
    const { json: none } = await post('/customer/delete', { user_ids: ['alice'] })
    expect(none.credit_left).toBeUndefined()
  })
})
