import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Nanos, nanos } from '../../src/ledger/money.ts'
import { amountsOf, type LedgerRow } from '../../src/ledger/settlement.ts'
import { costOf } from '../../src/metering/cost.ts'
import { type Price, ratesWith } from '../../src/metering/price.ts'
import { cardOf, chargeOf } from '../../src/metering/rate-card.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'
import { type RepriceOrder, reprice } from '../../src/store/reprice.ts'
import type { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { rowsOf } from '../support/books.ts'
import { newId, openStore } from '../support/store.ts'

const NOW = Date.UTC(2026, 5, 15, 12)

const priceOf = (input: number): Price => ({
  rates: ratesWith({ input: nanos(input), output: nanos(2 * input) }),
  tiers: [],
  source: 'config',
})

const ALL = { model: 'm', deployment: null, from: 0, until: Number.MAX_SAFE_INTEGER }

/** Calls at a price that is asked for a million tokens. */
async function call(
  store: Store,
  about: {
    customer?: string | null
    model?: string
    deployment?: string
    tokens?: number
    rate?: number
    at?: number
    credit?: 'drawn'
  } = {},
) {
  const { customer: id = 'a', model = 'm', deployment = 'm#1', tokens = 1_000 } = about
  const { rate = 5_000_000, at = NOW, credit } = about
  const customer = id === null ? null : store.findOrOpenCustomer(id).customer
  const usage = { ...NO_USAGE, input: tokens }
  const cost = costOf(usage, priceOf(rate))
  const row: LedgerRow = {
    ...{ id: newId(at), tab: customer?.tab ?? null, customerId: id, keyId: null, model },
    ...{ deployment, outcome: 'ok', usageSource: 'upstream', usage, ...amountsOf(cost) },
    ...{ price: JSON.stringify(priceOf(rate)), startedAt: at, settledAt: at },
  }
  const account = { limit: null, spent: cost, held: 0 as Nanos }
  const sums = { account, totalSpent: cost, periodStart: 0, crossed: [], told: [] }
  const after = customer === null ? null : sums
  await store.commit({ row, after, key: null, ...(credit && { credit }) }, [])
  return row
}

const order = (
  path: string,
  what: Partial<RepriceOrder['what']> & { rate?: number },
  more: Partial<RepriceOrder> = {},
): RepriceOrder => {
  const { rate = 1_000_000, ...asked } = what
  const costAt = ({ usage }: { usage: typeof NO_USAGE }) => costOf(usage, priceOf(rate))
  return {
    path,
    what: 'undo' in asked ? { undo: asked.undo! } : { ...ALL, costOf: costAt, ...asked },
    reason: 'it was wrong',
    now: NOW + 1_000,
    newId: () => newId(NOW + 1_000),
    agreed: () => true,
    ...more,
  }
}

type Sum = { readonly customer_id: string | null; readonly cost: number; readonly charge: number }

const sumsOf = (path: string) =>
  rowsOf<Sum>(
    path,
    `SELECT customer_id, sum(cost) AS cost, sum(charge) AS charge FROM ledger
     GROUP BY customer_id ORDER BY customer_id`,
  )

const corrections = (path: string) =>
  rowsOf<{ corrects: string; cost: number; charge: number }>(
    path,
    'SELECT corrects, cost, charge FROM corrections ORDER BY id',
  )

test('calls of a model in a time are put right, each by a row of its own, and nothing else is', async () => {
  const { store, path } = await openStore({ now: NOW })
  const wrong = [await call(store, { at: NOW - 5 }), await call(store, { customer: null })]
  await call(store, { model: 'other' })
  await call(store, { at: NOW - 6 })
  await call(store, { deployment: 'm#2' })
  await call(store, { rate: 1_000_000 })
  store.close()
  const done = await reprice(order(path, { from: NOW - 5, deployment: 'm#1' }))
  expect(done.sums).toMatchObject([
    { deployment: 'm#1', rows: 2, was: { cost: 10_000, charge: 10_000 }, is: { cost: 2_000 } },
  ])
  expect([done.right, done.left.size]).toEqual([1, 0])
  expect(corrections(path)).toEqual(
    wrong.map(({ id }) => ({ corrects: id, cost: -4_000, charge: -4_000 })),
  )
  expect((await verify(path)).faults).toEqual([])

  const again = await openStore({ path, now: NOW + 2_000 })
  expect(again.store.findCustomer('a')!.customer).toMatchObject({
    spent: 17_000,
    totalSpent: 17_000,
  })
  const filter = { customerId: 'a', key: null, model: null, outcome: 'correction' as const }
  const slices = again.store.reports.slices(
    { ...filter, from: 0, until: Number.MAX_SAFE_INTEGER },
    { after: null, order: 'oldest first', rows: 9 },
  )
  for await (const { records } of slices) {
    expect(records).toMatchObject([
      {
        model: 'm',
        deployment: 'm#1',
        outcome: 'correction',
        corrects: { id: wrong[0]!.id, batch: done.batch, reason: 'it was wrong' },
      },
    ])
  }
  again.store.close()
})

describe('what is shown first', () => {
  test('is what would be done, and nothing is, unless it is agreed to', async () => {
    const { store, path } = await openStore({ now: NOW })
    await call(store)
    store.close()
    let shown = 0
    const agreed = ({ sums }: { sums: readonly { rows: number }[] }) => {
      shown += sums[0]!.rows
      return false
    }
    const done = await reprice(order(path, {}, { agreed }))
    expect([shown, done.batch, corrections(path)]).toEqual([1, null, []])
  })

  test('needs no stopped server, and doing it does', async () => {
    const { store, path } = await openStore({ now: NOW })
    await call(store)
    expect((await reprice(order(path, {}, { agreed: () => false }))).sums).toHaveLength(1)
    await expect(reprice(order(path, {}))).rejects.toThrow('Another Tollgate has the database')
    store.close()
  })

  test('says what is left as it is, and why', async () => {
    const { store, path } = await openStore({ now: NOW })
    await call(store)
    store.close()
    const done = await reprice(order(path, { costOf: () => 'no price' }))
    expect([done.sums, [...done.left]]).toEqual([[], [['no price', 1]]])
  })
})

test('a batch is undone once, by its inverse; an unknown one is an error', async () => {
  const { store, path } = await openStore({ now: NOW })
  for (const customer of ['a', 'b', null]) await call(store, { customer })
  store.close()
  const before = sumsOf(path)
  const { batch } = await reprice(order(path, {}))
  expect(sumsOf(path)).not.toEqual(before)
  const undone = await reprice(order(path, { undo: batch! }))
  expect(undone.sums).toMatchObject([{ rows: 3, was: { cost: 3_000 }, is: { cost: 15_000 } }])
  expect(sumsOf(path)).toEqual(before)
  expect((await reprice(order(path, { undo: batch! }))).sums).toEqual([])
  await reprice(order(path, { undo: undone.batch! }))
  expect(sumsOf(path)).not.toEqual(before)
  await expect(reprice(order(path, { undo: 'nothing' }))).rejects.toThrow('no batch nothing')
  expect((await verify(path)).faults).toEqual([])
})

test('what was drawn from a wallet comes back to it, and what is charged more is drawn', async () => {
  const { store, path } = await openStore({ now: NOW })
  await call(store)
  await store.createCustomer({
    ...{ id: 'w', profile: {}, limits: null, spent: null, wallet: true },
  })
  await call(store, { customer: 'w', credit: 'drawn' })
  const balance = () =>
    rowsOf<{ balance: number }>(path, "SELECT balance FROM customers WHERE id = 'w'")[0]!.balance
  expect(balance()).toBe(-5_000)
  store.close()
  await reprice(order(path, {}))
  expect(balance()).toBe(-1_000)
  await reprice(order(path, { rate: 8_000_000 }))
  expect(balance()).toBe(-8_000)
  expect((await verify(path)).faults).toEqual([])
})

describe('a call that was charged by a rate card', () => {
  /** Half of its cost on top of that, 1,000 nano-dollars a call, and 3,000 free. */
  const text = '{"markup_percent":50,"fee_per_call":0.000001,"free_allowance":{"dollars":0.000003}}'
  const card = cardOf(text)

  const carded = async (store: Store, left: number, counts: 'cost' | 'charge' = 'charge') => {
    const { customer } = store.findOrOpenCustomer('a')
    const usage = { ...NO_USAGE, input: 1_000 }
    const cost = costOf(usage, priceOf(5_000_000))
    const charged = chargeOf(card, { model: 'm', usage, cost }, left)
    const row: LedgerRow = {
      ...{ id: newId(NOW), tab: customer.tab, customerId: 'a', keyId: null, model: 'm', usage },
      ...{ deployment: 'm#1', outcome: 'ok', usageSource: 'upstream', cost, ...charged },
      ...{ counted: counts === 'cost' ? cost : charged.charge, card: text },
      ...{ price: JSON.stringify(priceOf(5_000_000)), startedAt: NOW, settledAt: NOW },
    }
    const account = { limit: null, spent: row.counted, held: 0 as Nanos }
    const after = { account, totalSpent: row.charge, periodStart: 0, crossed: [], told: [] }
    await store.commit({ row, after, key: null }, [])
  }

  const amounts = (path: string) =>
    rowsOf(
      path,
      `SELECT sum(cost) AS cost, sum(charge) AS charge, sum(counted) AS counted,
         sum(free_money) AS free FROM ledger`,
    )

  test.each<[what: string, left: number, rate: number, charge: number, free: number]>([
    ['is charged by it at the right cost', 0, 1_000_000, 2_500, 0],
    ['keeps what was free of it', 1_200, 1_000_000, 1_300, 1_200],
    ['gives back of the allowance what it does not need', 3_000, 1_000_000, 0, 2_500],
    ['takes no more of it', 3_000, 9_000_000, 11_500, 3_000],
  ])('%s', async (_, left, rate, charge, free) => {
    const { store, path } = await openStore({ now: NOW })
    await carded(store, left)
    store.close()
    const before = amounts(path)
    const { batch } = await reprice(order(path, { rate }))
    expect(amounts(path)).toEqual([{ cost: rate / 1_000, charge, counted: charge, free }])
    expect((await verify(path)).faults).toEqual([])
    expect((await reprice(order(path, { rate }))).batch).toBeNull()
    await reprice(order(path, { undo: batch! }))
    expect(amounts(path)).toEqual(before)
    expect((await verify(path)).faults).toEqual([])
  })

  test('counts as its cost where its budget counts that', async () => {
    const { store, path } = await openStore({ now: NOW })
    await carded(store, 0, 'cost')
    store.close()
    await reprice(order(path, {}))
    expect(amounts(path)).toEqual([{ cost: 1_000, charge: 2_500, counted: 1_000, free: 0 }])
    expect((await verify(path)).faults).toEqual([])
  })
})

test('corrections go to the billing systems as calls do', async () => {
  const { store, path } = await openStore({ now: NOW })
  await store.exports.begin([{ name: 'x', type: 'cloudevents', since: null }])
  await call(store)
  store.close()
  await reprice(order(path, {}))
  const again = await openStore({ path, now: NOW + 2_000 })
  const { rows } = again.store.exports.waiting('x', 99)!
  expect(rows.map(({ record }) => record.charge)).toEqual([5_000, -4_000] as Nanos[])
  again.store.close()
})

/** Whatever is repriced and undone, each call is at its last price, and the books balance. */
test('repricing again and again leaves each call at the price that came last, and then changes nothing', async () => {
  const calls = fc.array(
    fc.record({
      customer: fc.constantFrom('a', 'b', null),
      tokens: fc.integer({ min: 0, max: 3_000_000 }),
      rate: fc.integer({ min: 0, max: 9_999_999 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  const rates = fc.array(fc.integer({ min: 0, max: 9_999_999 }), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(calls, rates, async (given, tried) => {
      const { store, path } = await openStore({ now: NOW })
      for (const about of given) await call(store, about)
      store.close()
      const before = sumsOf(path)
      const batches: string[] = []
      for (const rate of tried) {
        const { batch } = await reprice(order(path, { rate }))
        if (batch !== null) batches.push(batch)
        const costs = given.map(({ tokens }) =>
          costOf({ ...NO_USAGE, input: tokens }, priceOf(rate)),
        )
        const all = costs.reduce((sum, cost) => sum + cost, 0)
        expect(sumsOf(path).reduce((sum, { charge }) => sum + charge, 0)).toBe(all)
        expect((await reprice(order(path, { rate }))).batch).toBeNull()
      }
      for (const undo of batches.reverse()) await reprice(order(path, { undo }))
      expect(sumsOf(path)).toEqual(before)
      expect((await verify(path)).faults).toEqual([])
    }),
    { numRuns: 15 },
  )
}, 30_000)
