import { describe, expect, test } from 'bun:test'
import type { SecretMark, VirtualKey } from '../../src/ledger/key.ts'
import { fromDollars, nanos, ZERO } from '../../src/ledger/money.ts'
import type { Settlement } from '../../src/ledger/settlement.ts'
import type { KeyChange } from '../../src/store/key-changes.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, faultsAfter, openStore } from '../support/store.ts'

const nothing: KeyChange = { profile: {}, limits: null, spent: null }
const monthly = { maxBudget: fromDollars(10), duration: '1mo' }
const january = Date.UTC(2026, 0, 1)
const february = Date.UTC(2026, 1, 1)
const mark = (hash: string): SecretMark => ({ hash, name: `sk-...${hash}` })

/** A call with a key, on nobody's tab or on a customer's. */
function withKey(
  key: VirtualKey,
  call: { charge: number; settledAt: number; periodStart?: number },
  customer: Parameters<typeof charged>[0] = null,
): Settlement {
  const { row, after } = charged(customer, { ...call, charge: nanos(call.charge), periodStart: 0 })
  const periodStart = call.periodStart ?? 0
  return { row: { ...row, keyId: key.id }, after, key: { ...key, periodStart } }
}

describe('the spend of a key', () => {
  test('is the sum of its rows, whoever’s tab they are on, and there after a restart', async () => {
    const { store, path } = await openStore()
    const { key } = await store.keys.create(mark('k'), nothing)
    const { customer } = store.findOrOpenCustomer('alice')
    await store.commit(withKey(key, { charge: 3, settledAt: 1 }), [])
    await store.commit(withKey(key, { charge: 4, settledAt: 2 }, customer), [])
    await store.commit(charged(customer, { charge: nanos(8), settledAt: 3 }), [])
    store.close()
    const { store: again } = await openStore({ path })
    expect(again.keys.find('k')?.key).toMatchObject({ spent: 7, totalSpent: 7 })
    expect(again.findCustomer('alice')?.customer.spent).toBe(nanos(12))
    expect((await verify(path)).faults).toEqual([])
  })

  test('begins again with a period of its budget, and a server that was off over it knows', async () => {
    const { store, path, clock } = await openStore({ now: january + 5 })
    const { key } = await store.keys.create(mark('k'), { ...nothing, limits: monthly })
    const spend = (charge: number, settledAt: number, periodStart: number) =>
      store.commit(withKey(key, { charge, settledAt, periodStart }), [])
    await spend(3, january + 6, january)
    expect(store.keys.find('k')?.key.spent).toBe(nanos(3))
    clock.now = february + 1
    expect(store.keys.find('k')?.key).toMatchObject({ spent: 0, totalSpent: 3 })
    await spend(4, february + 2, february)
    expect(store.keys.find('k')?.key).toMatchObject({ spent: 4, totalSpent: 7 })
    expect((await verify(path)).faults).toEqual([])
  })

  test('without a budget is that of all its life, even where customers have a default with periods', async () => {
    const { store, clock } = await openStore({ now: january + 5 })
    const { key } = await store.keys.create(mark('k'), nothing)
    await store.commit(withKey(key, { charge: 3, settledAt: january + 6 }), [])
    clock.now = february + 1
    expect(store.keys.find('k')?.key.spent).toBe(nanos(3))
  })

  test('on one model is summed from its own rows alone', async () => {
    const { store } = await openStore()
    const [one, other] = [
      await store.keys.create(mark('one'), nothing),
      await store.keys.create(mark('other'), nothing),
    ]
    for (const [{ key }, charge, settledAt] of [
      [one, 1, 100],
      [one, 2, 200],
      [other, 4, 200],
    ] as const) {
      await store.commit(withKey(key, { charge, settledAt }), [])
    }
    expect(store.keys.spentOnModelSince(one.key.id, 'demo', 150)).toBe(nanos(2))
    expect(store.keys.spentOnModelSince(one.key.id, 'other', 0)).toBe(ZERO)
  })

  test('goes on when the secret is made anew, and stays with the rows when the key is deleted', async () => {
    const { store, path } = await openStore()
    const { key } = await store.keys.create(mark('old'), nothing)
    await store.commit(withKey(key, { charge: 3, settledAt: 1 }), [])
    const anew = await store.keys.update('old', nothing, mark('new'))
    expect(anew.key).toMatchObject({ id: key.id, spent: 3, hash: 'new' })
    expect(store.keys.find('old')).toBeNull()
    await store.keys.remove(['new'])
    // A call that was in flight when the key was deleted.
    await store.commit(withKey(key, { charge: 4, settledAt: 2 }), [])
    const { key: fresh } = await store.keys.create(mark('new'), nothing)
    expect([fresh.id === key.id, fresh.spent]).toEqual([false, ZERO])
    expect((await verify(path)).faults).toEqual([])
  })
})

test('a row that is booked without its periods counts on its tab and its key all the same', async () => {
  const { store, path, clock } = await openStore({ now: january + 5 })
  const { key } = await store.keys.create(mark('k'), { ...nothing, limits: monthly })
  const { customer } = await store.createCustomer({ ...nothing, id: 'alice', limits: monthly })
  const call = withKey(key, { charge: 3, settledAt: january + 6, periodStart: january }, customer)
  await store.commit(call, [])
  const { row } = withKey(key, { charge: 4, settledAt: january + 7 }, customer)
  await store.commit({ row, after: null, key: null }, [])
  expect(store.keys.find('k')?.key).toMatchObject({ spent: 7, totalSpent: 7 })
  expect(store.findCustomer('alice')?.customer).toMatchObject({ spent: 7, totalSpent: 7 })
  clock.now = february + 1
  expect(store.keys.find('k')?.key.spent).toBe(ZERO)
  expect((await verify(path)).faults).toEqual([])
})

describe('verify', () => {
  test.each([
    ['UPDATE keys SET spent = spent + 1', 'key sk-...k: spend is 0.000000004 and'],
    ['UPDATE keys SET total_spent = 0', 'in all 0 and 0.000000003'],
    ['UPDATE ledger SET key_id = 99', 'is of key 99, which does not exist'],
  ])('finds what %p has done', async (sql, fault) => {
    const { store, path } = await openStore()
    const { key } = await store.keys.create(mark('k'), nothing)
    await store.commit(withKey(key, { charge: 3, settledAt: 1 }), [])
    store.close()
    expect(await faultsAfter(path, sql)).toContain(fault)
  })
})

test('each change of a key is told with its commit, under the hash it had and the one it has', async () => {
  const { store, changes } = await openStore()
  await store.keys.create(mark('a'), nothing)
  await store.keys.update('a', nothing, mark('b'))
  await store.keys.remove(['b'])
  expect(changes).toEqual([
    { keys: [{ from: 'a', to: 'a' }] },
    { keys: [{ from: 'a', to: 'b' }] },
    { keys: [{ from: 'b', to: 'b' }] },
  ])
})

test('a change that is refused leaves nothing of itself', async () => {
  const { store } = await openStore()
  await store.keys.create(mark('a'), { ...nothing, profile: { alias: 'a' } })
  const refused = store.keys.create(mark('b'), { ...nothing, profile: { alias: 'a' } })
  expect(refused).rejects.toThrow("Key with alias 'a' already exists.")
  await refused.catch(() => {})
  expect(store.keys.find('b')).toBeNull()
  const onto = store.keys.update('a', { ...nothing, profile: { budgetId: 'nope', alias: 'c' } })
  await onto.catch(() => {})
  expect(store.keys.find('a')?.key.alias).toBe('a')
})
