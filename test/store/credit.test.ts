import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { monotonicFactory } from 'ulid'
import type { CreditChange } from '../../src/ledger/credit.ts'
import { type Nanos, nanos } from '../../src/ledger/money.ts'
import { prune } from '../../src/store/prune.ts'
import { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, faultsAfter, newFolder, openStore, periodOf } from '../support/store.ts'

const nothing = { profile: {}, limits: null, spent: null }
const terms = { priority: 50, expiresAt: null }

/** A customer `a` with grants of these amounts. */
async function paid(...amounts: number[]) {
  const opened = await openStore()
  const { store } = opened
  await store.createCustomer({ ...nothing, id: 'a' })
  let keys = 0
  const grant = (amount: number, more: object = {}) =>
    store.credit.order(
      {
        key: `k${keys++}`,
        customerId: 'a',
        reason: 'r',
        kind: 'grant',
        amount: nanos(amount),
        ...terms,
        ...more,
      },
      true,
    )
  for (const amount of amounts) await grant(amount)
  const { customer } = store.findCustomer('a') ?? { customer: null }
  const charge = (amount: number, credit?: 'drawn' | 'apart') => {
    const call = charged(customer, { charge: nanos(amount), settledAt: opened.clock.now })
    const settlement = credit === undefined ? call : { ...call, credit }
    return store.commit(settlement, []).then(() => call.row.id)
  }
  const sums = () => store.findCustomer('a')!.customer
  return { ...opened, tab: customer!.tab, grant, charge, sums }
}

describe('a wallet', () => {
  test('pays for what is on the tab from its first grant on, and for nothing before', async () => {
    const { store, path, grant, charge, sums } = await paid()
    await charge(5)
    await grant(10)
    await charge(3, 'drawn')
    await charge(4, 'apart')
    await store.updateCustomer('a', { ...nothing, spent: nanos(100) })
    expect(sums()).toMatchObject({ credit: { balance: 7 }, totalSpent: 100 })
    expect((await verify(path)).faults).toEqual([])
  })

  test('made in the transaction of a charge that does not know of it does not pay for that', async () => {
    const { path, grant, charge, sums } = await paid()
    await Promise.all([grant(10), charge(3)])
    await charge(2, 'drawn')
    expect(sums().credit!.balance).toBe(nanos(8))
    expect((await verify(path)).faults).toEqual([])
  })

  test('is moved either way by a correction that says so', async () => {
    const { store, path, charge, sums, tab } = await paid(10)
    await charge(12, 'drawn')
    expect(sums().credit!.balance).toBe(nanos(-2))
    const id = await charge(-6, 'drawn')
    expect(sums().credit!.balance).toBe(nanos(4))
    expect(store.credit.openGrants(tab)).toMatchObject([{ id, amount: 6, remaining: 4 }])
    await charge(1, 'drawn')
    expect((await verify(path)).faults).toEqual([])
  })

  test('keeps its entries when it is taken away, and made again it goes on from there', async () => {
    const { store, path, grant, charge, sums, tab } = await paid(10)
    await charge(10, 'drawn')
    await store.updateCustomer('a', { ...nothing, wallet: false })
    await charge(5)
    expect([sums().credit, store.credit.wallet(tab)]).toEqual([null, null])
    expect((await verify(path)).faults).toEqual([])
    await grant(7)
    await charge(1, 'drawn')
    expect(sums().credit!.balance).toBe(nanos(6))
    expect((await verify(path)).faults).toEqual([])
  })

  test('balances when its ledger rows are pruned', async () => {
    const { store, path, clock, charge } = await paid(10)
    await charge(4, 'drawn')
    clock.now += 90 * 86_400_000
    await charge(1, 'drawn')
    store.close()
    const before = clock.now - 86_400_000
    const pruned = await prune({
      path,
      before,
      now: clock.now,
      periodOf: () => periodOf,
      archive: async () => {},
    })
    expect(pruned.rows).toBe(1)
    expect((await verify(path)).faults).toEqual([])
  })

  test('is opened again as it was', async () => {
    const { store, path, charge, grant, tab } = await paid(10)
    await grant(5, { priority: 1, expiresAt: Date.UTC(2027, 0) })
    await charge(6, 'drawn')
    const before = store.credit.wallet(tab)
    store.close()
    const { store: again } = await openStore({ path })
    expect(again.credit.wallet(tab)).toEqual(before)
    expect(before!.grants.map(({ remaining }) => remaining as number)).toEqual([9])
  })
})

describe('verify', () => {
  test.each([
    ['UPDATE credit_grants SET remaining = remaining + 1', 'is left of it, and its entries sum to'],
    ['UPDATE credit_grants SET amount = 11', 'is of 0.000000011, and 0.00000001 came in'],
    ['DELETE FROM credit_grants', 'has 2 entries, and does not exist'],
    ['UPDATE customers SET balance = 0', 'customer a: its balance is 0 and its entries sum to'],
    ['UPDATE customers SET balance = NULL', 'customer a: its balance is 0 and its entries sum to'],
    ['UPDATE credit_entries SET balance = 1 WHERE id = 1', 'credit entry 1: its balance is'],
    ["UPDATE credit_entries SET grant_id = NULL WHERE kind = 'draw'", 'has an overdraft of'],
    ["UPDATE credit_entries SET amount = -2 WHERE kind = 'draw'", 'was drawn from the wallet'],
    ["UPDATE credit_entries SET call_id = 'x' WHERE kind = 'draw'", 'ledger row x, which does not'],
    ["DELETE FROM credit_entries WHERE kind = 'draw'", 'of which 0 is drawn from its wallet'],
    ["UPDATE credit_entries SET kind = 'refund' WHERE id = 1", 'credit entry 1: refund of'],
  ])('finds what %p has done', async (sql, fault) => {
    const { store, path, charge } = await paid(10)
    await charge(3, 'drawn')
    store.close()
    expect(await faultsAfter(path, sql)).toContain(fault)
  })

  test('finds more given back than a call drew', async () => {
    const { store, path, charge, tab } = await paid(10)
    const callId = await charge(3, 'drawn')
    const about = { key: 'back', customerId: 'a', reason: 'r', kind: 'adjustment' } as const
    await store.credit.order({ ...about, amount: nanos(3), callId }, true)
    expect((await verify(path)).faults).toEqual([])
    store.close()
    using database = new Database(path)
    database.run(
      `INSERT INTO credit_entries VALUES (NULL, ${tab}, 'adjustment', NULL, 1, 11, ?1, 'r', 0)`,
      [callId],
    )
    const faults = (await verify(path)).faults.join('\n')
    expect(faults).toContain(`call ${callId}: 0.000000001 more was given back than it drew`)
  })
})

test('what has ended is taken at most as far as it is there, and the due are found', async () => {
  const { store, path, clock, grant, charge, tab, sums } = await paid()
  const { id } = await grant(10, { expiresAt: clock.now + 1 })
  expect(store.credit.due(clock.now, 9)).toEqual([])
  clock.now += 1
  expect(store.credit.due(clock.now, 9)).toEqual(['a'])
  await charge(4, 'drawn')
  await store.credit.expire({ id: 'a', tab }, [{ grantId: id, amount: nanos(-9) }])
  expect(sums().credit!.balance).toBe(nanos(0))
  expect(store.credit.due(clock.now, 9)).toEqual([])
  expect((await verify(path)).faults).toEqual([])
})

test('events of credit are told in the transaction that moves it, each once until it is there again', async () => {
  const changes: CreditChange[] = []
  const ids = monotonicFactory()
  const store = await Store.open({
    path: `${newFolder()}/tollgate.db`,
    durability: 'process',
    periodOf,
    now: () => 1_000,
    newId: () => ids(1_000),
    changed: () => {},
    credit: {
      lowAt: nanos(5),
      eventsOf: (change) => {
        changes.push(change)
        return []
      },
      wake: () => {},
    },
  })
  const { customer } = await store.createCustomer({ ...nothing, id: 'a', wallet: true })
  const told = () => changes.splice(0).flatMap(({ events }) => events)
  let keys = 0
  const about = () => ({ key: `k${keys++}`, customerId: 'a', reason: 'r' })
  const grant = (amount: Nanos) =>
    store.credit.order({ ...about(), kind: 'grant', amount, ...terms }, true)
  const refund = (amount: Nanos) =>
    store.credit.order({ ...about(), kind: 'refund', amount, grantId: null }, true)
  await store.credit.tellExhausted(customer)
  await store.credit.tellExhausted(customer)
  expect(told()).toEqual(['credit_exhausted'])
  await grant(nanos(10))
  await refund(nanos(4))
  expect(told()).toEqual(['credit_granted'])
  await refund(nanos(1))
  await refund(nanos(1))
  expect(told()).toEqual(['credit_low'])
  await refund(nanos(4))
  await store.credit.tellExhausted(customer)
  expect(told()).toEqual(['credit_exhausted'])
  await grant(nanos(1))
  await store.credit.tellExhausted(customer)
  expect(told()).toEqual(['credit_granted', 'credit_exhausted'])
  store.close()
})
