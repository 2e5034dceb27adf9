import { Database as BunDatabase } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { DAY_MS } from '../../src/ledger/day.ts'
import { nanos } from '../../src/ledger/money.ts'
import type { ListQuery } from '../../src/store/customer-list.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import type { Store } from '../../src/store/store.ts'
import { UNSUMMED_IDS } from '../../src/store/sum-table.ts'
import { summing } from '../../src/store/summing.ts'
import { createSummedByTab, type Unsummed } from '../../src/store/unsummed.ts'
import { verify } from '../../src/store/verify.ts'
import { eventually } from '../support/eventually.ts'
import { charged, copyAsIs, olderDatabase, openStore, periodOf } from '../support/store.ts'

function unsummed(path: string): number {
  using database = new BunDatabase(path, { readonly: true })
  return (
    database.query(`SELECT count(*) AS rows FROM (${UNSUMMED_IDS})`).get() as { rows: number }
  ).rows
}

const chargedOn = (store: Store, day: number): number =>
  store.series.daysOfAll(day, day).reduce((sum, { charge }) => sum + charge, 0)

/** The schema before customers were summed late as well. */
const SUMMED_BY_TAB = MIGRATIONS.findIndex(({ sql }) => sql === createSummedByTab)

const dayOf = (at: number) => Math.floor(at / DAY_MS)

const nothing = { profile: {}, limits: null, spent: null }

/** A store with a customer `a`, whose period has no end, and `b`, whose period is a day. */
async function opened() {
  const { store, path, clock } = await openStore()
  await store.createCustomer({ ...nothing, id: 'a' })
  await store.createCustomer({ ...nothing, id: 'b', limits: { duration: '1d' } })
  return { store, path, clock }
}

type Opened = Awaited<ReturnType<typeof openStore>>

const LIST: ListQuery = {
  page: 1,
  pageSize: 9,
  after: null,
  search: null,
  sort: 'total_spend',
  descending: true,
  budgetId: null,
  blocked: null,
}

/** A charge on the tab of a customer, or on none. */
function charge(
  { store, clock }: Pick<Opened, 'store' | 'clock'>,
  id: string | null,
  { amount, told = [] }: { amount: number; told?: string[] },
) {
  const found = id === null ? null : store.findCustomer(id)
  const periodStart = periodOf(found?.budget ?? null, clock.now).start
  const call = { charge: nanos(amount), settledAt: clock.now, periodStart, told }
  return store.commit(charged(found?.customer ?? null, call), [])
}

test('whoever reads sums finds in them what was committed just before', async () => {
  const { store, clock } = await opened()
  for (let sum = 1; sum <= 3; sum++) {
    await charge({ store, clock }, 'a', { amount: 1 })
    expect(chargedOn(store, dayOf(clock.now))).toBe(sum)
  }
  await charge({ store, clock }, 'a', { amount: 1 })
  expect(store.findCustomer('a')!.customer).toMatchObject({ spent: 4, totalSpent: 4 })
  await charge({ store, clock }, 'a', { amount: 1 })
  const { customers } = await store.listCustomers(LIST)
  expect(customers.map(({ customer }) => `${customer.id} ${customer.totalSpent}`)).toEqual([
    'a 5',
    'b 0',
  ])
})

test('rows that a dead process had not summed up are summed by the next, once', async () => {
  const { store, path, clock } = await opened()
  const both = [
    charge({ store, clock }, 'a', { amount: 2 }),
    charge({ store, clock }, 'a', { amount: 3 }),
  ]
  await Promise.all(both)
  const copy = copyAsIs(path)
  expect(unsummed(copy)).toBe(2)
  expect((await verify(copy)).faults).toEqual([])
  const next = await openStore({ path: copy })
  expect(chargedOn(next.store, dayOf(clock.now))).toBe(5)
  await charge({ store: next.store, clock }, 'a', { amount: 4 })
  next.store.close()
  expect(unsummed(copy)).toBe(0)
  expect((await verify(copy)).faults).toEqual([])
})

test('verify finds a row that is noted as not summed, and is', async () => {
  const { store, path, clock } = await opened()
  await charge({ store, clock }, 'a', { amount: 2 })
  store.close()
  using database = new BunDatabase(path)
  database.run('INSERT INTO unsummed SELECT 1000, json_array(id) FROM ledger')
  expect((await verify(path)).faults).not.toEqual([])
})

test('rows that an older version left out of the sums of days alone are summed there alone', async () => {
  const { path, database: older } = await olderDatabase(SUMMED_BY_TAB, [{ id: 'x', tab: 1 }])
  older.exec(`INSERT INTO unsummed VALUES (7, '["x"]')`)
  older.close()
  const { store, clock } = await openStore({ path })
  expect(chargedOn(store, 0)).toBe(5)
  await charge({ store, clock }, 'a', { amount: 2 })
  expect(store.findCustomer('a')!.customer).toMatchObject({ spent: 7, totalSpent: 7 })
  store.close()
  expect((await verify(path)).faults).toEqual([])
})

test('tabs are summed up by and by while nobody reads', async () => {
  const { store, path, clock } = await opened()
  await charge({ store, clock }, 'a', { amount: 2 })
  await eventually(() => expect(unsummed(path)).toBe(0))
})

test('no more than so many tabs wait', async () => {
  const { store, path, clock } = await openStore()
  const ids = Array.from({ length: 1_100 }, (_, n) => `c${n}`)
  await store.setBlocked(ids, false)
  await Promise.all(ids.map((id) => charge({ store, clock }, id, { amount: 1 })))
  await charge({ store, clock }, null, { amount: 1 })
  await eventually(() => expect(unsummed(path)).toBeLessThanOrEqual(1_024))
  expect((await verify(path)).faults).toEqual([])
})

test('rows are summed once, whoever sums them and whenever the process dies', async () => {
  const who = fc.constantFrom('a', 'b')
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('charge' as const),
        amount: fc.nat(1_000),
        who: fc.option(who),
        isTold: fc.boolean(),
        andThen: fc.option(who),
      }),
    },
    fc.record({ kind: fc.constantFrom('find' as const, 'change' as const, 'set' as const), who }),
    fc.constantFrom({ kind: 'read' as const }, { kind: 'next day' as const }),
    fc.constantFrom({ kind: 'die' as const }, { kind: 'restart' as const }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let { store, path, clock } = await opened()
      const sums = new Map(
        ['a', 'b'].map((id) => [id, { spent: 0, total: 0, told: [] as string[] }]),
      )
      let ofDay = 0
      let names = 0
      const expectSums = (id: string) => {
        const { spent, total, told } = sums.get(id)!
        expect(store.findCustomer(id)!.customer).toMatchObject({ spent, totalSpent: total, told })
      }
      const add = (id: string | null, amount: number, told: string[]) => {
        ofDay += amount
        if (id === null) return
        const of = sums.get(id)!
        of.spent += amount
        of.total += amount
        of.told.push(...told)
      }
      for (const what of steps) {
        if (what.kind === 'charge') {
          const told = what.isTold && what.who !== null ? [`t${names++}`] : []
          const made = [charge({ store, clock }, what.who, { amount: what.amount, told })]
          add(what.who, what.amount, told)
          // In the same transaction.
          if (what.andThen !== null) {
            made.push(charge({ store, clock }, what.andThen, { amount: 1 }))
            add(what.andThen, 1, [])
          }
          await Promise.all(made)
        } else if (what.kind === 'read') {
          expect(chargedOn(store, dayOf(clock.now))).toBe(ofDay)
        } else if (what.kind === 'find') {
          expectSums(what.who)
        } else if (what.kind === 'change') {
          const made = charge({ store, clock }, what.who, { amount: 7 })
          add(what.who, 7, [])
          await Promise.all([made, store.setBlocked([what.who], false)])
        } else if (what.kind === 'set') {
          const of = sums.get(what.who)!
          await store.updateCustomer(what.who, { ...nothing, spent: nanos(50) })
          ofDay += 50 - of.spent
          of.total += 50 - of.spent
          of.spent = 50
        } else if (what.kind === 'next day') {
          clock.now += DAY_MS
          ofDay = 0
          Object.assign(sums.get('b')!, { spent: 0, told: [] })
        } else {
          const next = what.kind === 'die' ? copyAsIs(path) : path
          store.close()
          ;({ store, path, clock } = await openStore({ path: next, now: clock.now }))
        }
        expect((await verify(path)).faults).toEqual([])
      }
      for (const id of sums.keys()) expectSums(id)
      expect(chargedOn(store, dayOf(clock.now))).toBe(ofDay)
      store.close()
    }),
    { numRuns: 25 },
  )
})

test('while the disk takes nothing, however often sums are read, they are queued to be made once', () => {
  const queued: unknown[] = []
  const tabs = { size: 3, has: () => true }
  const unsummed = { tabs, left: () => {}, sum: () => true }
  const notNow = () => {
    throw new Error('no disk')
  }
  const flush = { soon: (write: unknown) => queued.push(write), now: notNow, isHealthy: false }
  const { now, stop } = summing(unsummed as unknown as Unsummed, flush as never)
  for (let tab = 0; tab < 5; tab++) expect(() => now(tab)).toThrow('no disk')
  expect(queued).toHaveLength(1)
  stop()
})
