import { describe, expect, test } from 'bun:test'
import { NO_LIMITS } from '../../src/ledger/budget.ts'
import { fromDollars, nanos, ZERO } from '../../src/ledger/money.ts'
import type { CustomerChange } from '../../src/store/customer-changes.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, openStore } from '../support/store.ts'

const nothing: CustomerChange = { profile: {}, limits: null, spent: null }
const monthly = { maxBudget: fromDollars(10), duration: '1mo' }
const january = Date.UTC(2026, 0, 1)
const february = Date.UTC(2026, 1, 1)

/** Alice with a monthly budget, in January 2026, and a way to charge her and to ask what was told. */
async function storeWithAlice() {
  const opened = await openStore()
  const { store } = opened
  const { customer } = await store.createCustomer({ ...nothing, id: 'alice', limits: monthly })
  return {
    ...opened,
    customer,
    charge: (settledAt: number, periodStart: number, told: string[] = []) =>
      store.commit(charged(customer, { charge: nanos(1), settledAt, periodStart, told }), []),
    told: () => store.findCustomer('alice')!.customer.told,
  }
}

describe('what was told', () => {
  test('is nothing of a new customer', async () => {
    const { told } = await storeWithAlice()
    expect(told()).toEqual([])
  })

  test('grows with the charges of a period, in their order, also over a restart', async () => {
    const { store, path, charge, told } = await storeWithAlice()
    await charge(january + 1, january, ['at 0.85'])
    await charge(january + 2, january)
    await charge(january + 3, january, ['at 0.95', 'budget'])
    expect(told()).toEqual(['at 0.85', 'at 0.95', 'budget'])
    store.close()
    const again = await openStore({ path })
    expect(again.store.findCustomer('alice')!.customer.told).toEqual([
      'at 0.85',
      'at 0.95',
      'budget',
    ])
  })

  test('is nothing once another period is current, before any charge in it', async () => {
    const { clock, charge, told } = await storeWithAlice()
    await charge(january + 1, january, ['at 0.85'])
    clock.now = february - 1
    expect(told()).toEqual(['at 0.85'])
    clock.now = february
    expect(told()).toEqual([])
  })

  test('is, with the first charge of a period, what that charge made worth telling', async () => {
    const { clock, charge, told, path } = await storeWithAlice()
    await charge(january + 1, january, ['at 0.85', 'budget'])
    clock.now = february
    await charge(february + 1, february, ['soft'])
    expect(told()).toEqual(['soft'])
    expect((await verify(path)).faults).toEqual([])
  })

  test('is kept by a change of the customer that leaves the period as it is', async () => {
    const { store, charge, told } = await storeWithAlice()
    await charge(january + 1, january, ['at 0.85'])
    const profile = { alias: 'Alice Ltd' }
    const { customer } = await store.updateCustomer('alice', { ...nothing, profile })
    expect(customer.told).toEqual(['at 0.85'])
    expect(told()).toEqual(['at 0.85'])
  })

  test('of one customer is not of another', async () => {
    const { store, charge, told } = await storeWithAlice()
    await store.createCustomer({ ...nothing, id: 'bob', limits: monthly })
    await charge(january + 1, january, ['budget'])
    expect(told()).toEqual(['budget'])
    expect(store.findCustomer('bob')!.customer.told).toEqual([])
  })

  test('is whatever text it may be', async () => {
    const { charge, told } = await storeWithAlice()
    const names = ['"quoted"', "o'clock", '[]', '\\', 'größe', '']
    await charge(january + 1, january, names)
    expect(told()).toEqual(names)
  })
})

describe('the spend on a model', () => {
  const on = (model: string, charge: number, settledAt: number) => ({ model, charge, settledAt })

  test('is the sum of its rows since a moment, on that tab, corrections not among them', async () => {
    const { store } = await openStore()
    const { customer: alice } = await store.createCustomer({ ...nothing, id: 'alice' })
    const { customer: bob } = await store.createCustomer({ ...nothing, id: 'bob' })
    for (const [customer, { model, charge, settledAt }] of [
      [alice, on('a', 1, 100)],
      [alice, on('a', 2, 200)],
      [alice, on('a', 4, 300)],
      [alice, on('b', 8, 300)],
      [bob, on('a', 16, 300)],
      [null, on('a', 32, 300)],
    ] as const) {
      const settlement = charged(customer, { charge: nanos(charge), settledAt })
      await store.commit({ ...settlement, row: { ...settlement.row, model } }, [])
    }
    await store.updateCustomer('alice', { ...nothing, spent: nanos(1_000) })
    const spent = (model: string, since: number) => store.spentOnModelSince(alice.tab, model, since)
    expect([spent('a', 0), spent('a', 200), spent('a', 201)]).toEqual([
      nanos(7),
      nanos(6),
      nanos(4),
    ])
    expect([spent('b', 0), spent('c', 0), spent('a', 301)]).toEqual([nanos(8), ZERO, ZERO])
  })
})

test('a budget comes back from the disk as it was made, every limit of it', async () => {
  const { store, path } = await openStore()
  const limits = {
    maxBudget: fromDollars(1),
    softBudget: fromDollars(2),
    maxParallelRequests: 3,
    tpmLimit: 4,
    rpmLimit: 5,
    modelMaxBudget: { m: { maxBudget: ZERO, duration: '1d', tpmLimit: null, rpmLimit: 6 } },
    duration: 'weekly',
    resetAt: 7,
    mode: 'finish_last',
    models: ['m', 'n'],
    timezone: 'Europe/Berlin',
    weekStart: 7,
    dayOfMonth: 31,
    rateCard: '{"markup_percent":25}',
    counts: 'cost',
  } as const
  expect(Object.keys(limits).sort()).toEqual(Object.keys(NO_LIMITS).sort())
  await store.createBudget({ id: 'all', limits, createdBy: 'x' })
  await store.createBudget({ id: 'none', limits: {}, createdBy: 'x' })
  await store.updateBudget('none', { models: [] }, 'y')
  store.close()
  const again = await openStore({ path })
  expect(again.store.findBudget('all')).toMatchObject(limits)
  expect(again.store.findBudget('none')).toMatchObject({ ...NO_LIMITS, models: [] })
})
