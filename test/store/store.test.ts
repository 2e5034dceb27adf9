import { describe, expect, test } from 'bun:test'
import { fromDollars, nanos, ZERO } from '../../src/ledger/money.ts'
import type { CustomerChange } from '../../src/store/customer-changes.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, openStore } from '../support/store.ts'

const nothing: CustomerChange = { profile: {}, limits: null, spent: null }
const monthly = { maxBudget: fromDollars(10), duration: '1mo' }
const january = Date.UTC(2026, 0, 1)
const february = Date.UTC(2026, 1, 1)

describe('a customer', () => {
  test('is created by its first call, and is there after a restart', async () => {
    const { store, path } = await openStore()
    const { customer } = store.findOrOpenCustomer('alice')
    await store.commit(charged(customer, { charge: nanos(7), settledAt: 1 }), [])
    store.close()
    const again = await openStore({ path })
    expect(again.store.findCustomer('alice')?.customer.spent).toBe(nanos(7))
    expect((await verify(path)).faults).toEqual([])
  })

  test('that is just being created is the same one for a call that comes meanwhile', async () => {
    const { store } = await openStore()
    const creating = store.createCustomer({ ...nothing, id: 'alice', profile: { alias: 'A' } })
    const { customer } = store.findOrOpenCustomer('alice')
    expect(customer.alias).toBe('A')
    expect((await creating).customer.tab).toBe(customer.tab)
  })

  test('cannot be created twice', async () => {
    const { store } = await openStore()
    await store.createCustomer({ ...nothing, id: 'alice' })
    expect(store.createCustomer({ ...nothing, id: 'alice' })).rejects.toThrow(
      'Customer already exists, passed user_id=alice. Please pass a new user_id.',
    )
  })

  test('deleted and created again has a fresh tab, and the old rows stay', async () => {
    const { store, path } = await openStore()
    const { customer } = store.findOrOpenCustomer('alice')
    await store.commit(charged(customer, { charge: nanos(7), settledAt: 1 }), [])
    await store.deleteCustomers(['alice'])
    expect(store.findCustomer('alice')).toBeNull()
    const again = await store.createCustomer({ ...nothing, id: 'alice' })
    expect(again.customer.tab).not.toBe(customer.tab)
    expect(again.customer.spent).toBe(ZERO)
    // A call that was in flight when the customer was deleted still settles, on the old tab.
    await store.commit(charged(customer, { charge: nanos(5), settledAt: 2 }), [])
    expect(store.findCustomer('alice')?.customer.spent).toBe(ZERO)
    const { faults, charged: sum } = await verify(path)
    expect(faults).toEqual([])
    expect(sum).toBe(nanos(12))
  })

  test('is not deleted when another of the list is unknown', async () => {
    const { store } = await openStore()
    await store.createCustomer({ ...nothing, id: 'alice' })
    expect(store.deleteCustomers(['alice', 'bob', 'eve'])).rejects.toThrow(
      'End User Id(s)=bob, eve do not exist in db',
    )
    await store.setBlocked([], false)
    expect(store.findCustomer('alice')).not.toBeNull()
  })

  test('whose spend is set by hand gets a row that says so, and the books balance', async () => {
    const { store, path } = await openStore()
    const spent = fromDollars(3)
    await store.createCustomer({ ...nothing, id: 'alice', spent })
    const { customer } = await store.updateCustomer('alice', { ...nothing, spent: fromDollars(1) })
    expect(customer.spent).toBe(fromDollars(1))
    expect(store.findCustomer('alice')?.customer).toEqual(customer)
    const { rows, faults } = await verify(path)
    expect(rows).toBe(2)
    expect(faults).toEqual([])
  })
})

describe('a budget', () => {
  test('that does not exist cannot be given to a customer, and then nothing of the change is kept', async () => {
    const { store } = await openStore()
    await store.createCustomer({ ...nothing, id: 'alice' })
    const profile = { budgetId: 'nowhere', alias: 'A' }
    expect(store.updateCustomer('alice', { ...nothing, profile })).rejects.toThrow(
      "Budget with id 'nowhere' does not exist.",
    )
    expect(store.createCustomer({ ...nothing, id: 'bob', profile })).rejects.toThrow('nowhere')
    await store.setBlocked([], false)
    expect(store.findCustomer('alice')?.customer.alias).toBeNull()
    expect(store.findCustomer('bob')).toBeNull()
  })

  test('that is shared is not changed by own limits of one customer on it', async () => {
    const { store } = await openStore()
    await store.createBudget({
      id: 'free',
      limits: { maxBudget: fromDollars(1), rpmLimit: 5 },
      createdBy: 'x',
    })
    await store.createCustomer({ ...nothing, id: 'alice', profile: { budgetId: 'free' } })
    const limits = { maxBudget: fromDollars(9) }
    const { budget, customer } = await store.updateCustomer('alice', { ...nothing, limits })
    expect(budget).toMatchObject({ maxBudget: fromDollars(9), rpmLimit: 5, shared: false })
    expect(customer.budgetId).toBe(budget!.id)
    expect(store.findBudget('free')?.maxBudget).toBe(fromDollars(1))
    expect(store.listBudgets()).toHaveLength(1)
  })

  test('of a customer alone goes when it is given a tier, and another customer cannot have it', async () => {
    const { store } = await openStore()
    await store.createBudget({ id: 'free', limits: {}, createdBy: 'x' })
    const limits = { maxBudget: ZERO }
    const { budget } = await store.createCustomer({ ...nothing, id: 'alice', limits })
    const profile = { budgetId: budget!.id }
    expect(store.createCustomer({ ...nothing, id: 'bob', profile })).rejects.toThrow(
      'does not exist',
    )
    await store.updateCustomer('alice', { ...nothing, profile: { budgetId: 'free' } })
    expect(store.findBudget(budget!.id)).toBeNull()
    expect(store.findCustomer('bob')).toBeNull()
  })

  test('in use is deleted only by force, and then nobody is on it', async () => {
    const { store } = await openStore()
    await store.createBudget({ id: 'free', limits: {}, createdBy: 'x' })
    await store.createCustomer({ ...nothing, id: 'alice', profile: { budgetId: 'free' } })
    expect(store.deleteBudget('free', false)).rejects.toThrow("1 customer is on budget 'free'")
    await store.deleteBudget('free', true)
    expect(store.findCustomer('alice')?.customer.budgetId).toBeNull()
  })
})

describe('a reset', () => {
  test('is at the first look after it was due, also when nothing ran over it', async () => {
    const { store, path, clock } = await openStore()
    const { customer } = await store.createCustomer({ ...nothing, id: 'alice', limits: monthly })
    expect(customer.periodStart).toBe(january)
    const charge = { charge: nanos(7), settledAt: clock.now, periodStart: january }
    await store.commit(charged(customer, charge), [])
    expect(store.findCustomer('alice')?.customer.spent).toBe(nanos(7))
    store.close()

    const again = await openStore({ path, now: february })
    const { spent, totalSpent } = again.store.findCustomer('alice')!.customer
    expect({ spent, totalSpent }).toEqual({ spent: ZERO, totalSpent: nanos(7) })
    expect((await verify(path)).faults).toEqual([])
    expect(again.store.periodsOf('alice', 10)?.map(({ spent }) => spent)).toEqual([ZERO, nanos(7)])

    const next = { charge: nanos(2), settledAt: february, periodStart: february }
    await again.store.commit(charged(customer, next), [])
    expect(again.store.findCustomer('alice')?.customer).toMatchObject({
      spent: nanos(2),
      totalSpent: nanos(9),
      periodStart: february,
    })
    expect((await verify(path)).faults).toEqual([])
  })

  test('counts anew what was charged since, when the period itself is changed', async () => {
    const { store, path, clock } = await openStore({ now: february + 1000 })
    const { customer } = await store.createCustomer({ ...nothing, id: 'alice' })
    for (const [settledAt, charge] of [
      [january, 5],
      [february, 3],
    ] as const) {
      await store.commit(charged(customer, { charge: nanos(charge), settledAt }), [])
    }
    expect(store.findCustomer('alice')?.customer.spent).toBe(nanos(8))
    const changed = await store.updateCustomer('alice', { ...nothing, limits: monthly })
    expect(changed.customer.spent).toBe(nanos(3))
    const late = { charge: nanos(1), settledAt: clock.now, periodStart: february }
    await store.commit(charged(customer, late), [])
    expect(store.findCustomer('alice')?.customer.spent).toBe(nanos(4))
    expect((await verify(path)).faults).toEqual([])
  })
})

describe('the outbox', () => {
  test('gives of each customer only the first that waits, the next when that is done', async () => {
    const { store, clock } = await openStore()
    const about = { receiver: 'default', name: 'spend_tracked', body: '{}' }
    const event = (id: string, customerId: string) => ({ ...about, id, customerId })
    const { customer } = store.findOrOpenCustomer('alice')
    const events = [event('1', 'alice'), event('2', 'alice'), event('3', 'bob')]
    await store.commit(charged(customer, { charge: ZERO, settledAt: 1 }), events)
    const { deliveries } = store
    const waiting = () => deliveries.due('default', clock.now, 10)
    const due = () => waiting().map(({ id }) => id)
    const first = () => waiting()[0]!
    expect(due()).toEqual(['1', '3'])
    const late = first()
    await deliveries.postponed(late, Number.MAX_SAFE_INTEGER, 'status 500')
    expect(due()).toEqual(['3'])
    expect(deliveries.nextDueAfter('default', clock.now)).toBe(Number.MAX_SAFE_INTEGER)
    await deliveries.buried(late, 'status 500')
    expect(due()).toEqual(['3', '2'])
    await deliveries.delivered(first())
    await deliveries.delivered(first())
    expect(due()).toEqual([])
    expect(deliveries.nextDueAfter('default', clock.now)).toBeNull()
  })
})

test('verify names the customer whose spend is not the sum of its rows', async () => {
  const { store, path } = await openStore()
  const { customer } = store.findOrOpenCustomer('alice')
  await store.commit(charged(customer, { charge: nanos(7), settledAt: 1 }), [])
  store.close()
  const { openDatabase } = await import('../../src/runtime/sqlite.ts')
  const database = await openDatabase(path, 'readwrite')
  database.exec('UPDATE customers SET spent = spent + 1')
  database.close()
  const { faults } = await verify(path)
  expect(faults).toHaveLength(1)
  expect(faults[0]).toContain(
    'customer alice: spend is 0.000000008 and its ledger rows sum to 0.000000007',
  )
})
