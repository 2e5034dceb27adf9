import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import {
  GATHERED_MAX,
  type ListPlace,
  type ListQuery,
  MATCHING,
  SORTS,
  sliceOfCustomers,
} from '../../src/store/customer-list.ts'
import { migrate } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { charged, openStore } from '../support/store.ts'

const nothing = { profile: {}, limits: null, spent: null }
const ALL: ListQuery = {
  page: 1,
  pageSize: 100,
  after: null,
  search: null,
  sort: 'created_at',
  descending: false,
  budgetId: null,
  blocked: null,
}
const SORT_NAMES = Object.keys(SORTS) as (keyof typeof SORTS)[]

type Made = { id: string; alias: string | null; budgetId: string | null; spent: number }

/** A store with these customers, some of them blocked, and one deleted. */
async function storeOf(made: readonly Made[]): Promise<Store> {
  const { store, clock } = await openStore()
  for (const id of ['free', 'pro']) await store.createBudget({ id, limits: {}, createdBy: 'us' })
  for (const [n, { id, alias, budgetId, spent }] of made.entries()) {
    clock.now += n % 3
    await store.createCustomer({ ...nothing, id, profile: { alias, budgetId } })
    const { customer } = store.findCustomer(id)!
    await store.commit(charged(customer, { charge: nanos(spent), settledAt: clock.now }), [])
    if (n % 4 === 0) await store.setBlocked([id], true)
  }
  await store.createCustomer({ ...nothing, id: 'gone abc' })
  await store.deleteCustomers(['gone abc'])
  return store
}

const text = fc.array(fc.constantFrom('a', 'B', 'c', 'Ä', '"', '%', ' ', '😀'), {
  minLength: 1,
  maxLength: 6,
})
const made = fc.uniqueArray(
  fc.record({
    id: text.map((letters) => letters.join('')),
    alias: fc.option(text.map((letters) => letters.join(''))),
    budgetId: fc.constantFrom('free', 'pro', null),
    spent: fc.integer({ min: -3, max: 3 }),
  }),
  { selector: ({ id }) => id, maxLength: 12 },
)
const queries = fc.record({
  // Whole characters: half of one comes through no query.
  search: fc.option(text.map((letters) => letters.slice(0, 4).join(''))),
  sort: fc.constantFrom(...SORT_NAMES),
  descending: fc.boolean(),
  budgetId: fc.constantFrom('free', null),
  blocked: fc.option(fc.boolean()),
  pageSize: fc.integer({ min: 1, max: 5 }),
})

test('pages by number and by cursor are all customers that are asked for, once each and in order', async () => {
  await fc.assert(
    fc.asyncProperty(made, fc.array(queries, { minLength: 5, maxLength: 5 }), async (of, asked) => {
      const store = await storeOf(of)
      for (const some of asked) {
        const query = { ...ALL, ...some }
        const { customers: all } = await store.listCustomers({ ...ALL, pageSize: 100 })
        const has = (value: string | null) =>
          (value ?? '').toLowerCase().includes((query.search ?? '').toLowerCase())
        const wanted = all
          .map(({ customer }) => customer)
          .filter(({ id, alias }) => has(id) || has(alias))
          .filter(({ budgetId }) => query.budgetId === null || budgetId === query.budgetId)
          .filter(({ blocked }) => query.blocked === null || blocked === query.blocked)
        const byNumber: string[] = []
        const byCursor: string[] = []
        let after: ListPlace | null = null
        for (let page = 1; ; page++) {
          const numbered = await store.listCustomers({ ...query, page })
          const placed = await store.listCustomers({ ...query, after })
          byNumber.push(...numbered.customers.map(({ customer }) => customer.id))
          byCursor.push(...placed.customers.map(({ customer }) => customer.id))
          if (placed.total !== null && after === null) expect(placed.total).toBe(wanted.length)
          if (placed.next === null) break
          after = placed.next
        }
        expect(byCursor).toEqual(byNumber)
        expect(byCursor.toSorted()).toEqual(wanted.map(({ id }) => id).toSorted())
        const sortValue = (id: string) => {
          const { customer } = store.findCustomer(id)!
          const { alias, spent, totalSpent, createdAt, updatedAt } = customer
          const values = { spend: spent, total_spend: totalSpent, created_at: createdAt }
          const value = { ...values, user_id: id, alias: alias ?? '', updated_at: updatedAt }
          return value[query.sort]
        }
        const sign = query.descending ? -1 : 1
        const values = byCursor.map(sortValue)
        const sorted = values.toSorted((a, b) =>
          typeof a === 'number'
            ? sign * (a - Number(b))
            : sign * Buffer.compare(Buffer.from(a), Buffer.from(String(b))),
        )
        expect(values).toEqual(sorted)
      }
      store.close()
    }),
    { numRuns: 25 },
  )
})

test('pages by number go on from each other where none has what they are sorted by', async () => {
  const { store } = await openStore()
  await store.setBlocked(['a', 'b', 'c'], false)
  const pages = [1, 2, 3].map((page) =>
    store.listCustomers({ ...ALL, sort: 'alias', page, pageSize: 1 }),
  )
  const ids = (await Promise.all(pages)).map(({ customers }) => customers[0]!.customer.id)
  expect(ids).toEqual(['a', 'b', 'c'])
})

test('where many fit, the page is the same, and a count of them says at least how many', async () => {
  const { store } = await openStore()
  const ids = Array.from({ length: GATHERED_MAX + 500 }, (_, n) => `customer-${n}`)
  await store.setBlocked(ids, true)
  await store.setBlocked(['customer-7'], false)
  const search = { ...ALL, search: 'Customer-', pageSize: 2, sort: 'user_id' } as const
  const found = await store.listCustomers({ ...search, page: 3 })
  expect(found.customers.map(({ customer }) => customer.id)).toEqual([
    'customer-1000',
    'customer-1001',
  ])
  expect([found.total, found.totalAtLeast]).toEqual([null, GATHERED_MAX + 1])
  const blocked = await store.listCustomers({ ...ALL, blocked: true, pageSize: 8 })
  expect(blocked.customers.at(-1)!.customer.id).toBe('customer-8')
  expect(blocked.total).toBe(ids.length - 1)
  const rare = await store.listCustomers({ ...search, blocked: false })
  expect(rare.customers.map(({ customer }) => customer.id)).toEqual(['customer-7'])
  store.close()
})

test('a page is sought in the index of its order, and none is sorted', async () => {
  const database = await openDatabase(':memory:', 'readwrite')
  migrate(database)
  for (const sort of SORT_NAMES) {
    for (const descending of [false, true]) {
      for (const isOnBudget of [false, true]) {
        const { by, index, onBudget } = SORTS[sort]
        const than = descending ? '<' : '>'
        for (const [part, sought] of [
          ['equals', `${by}=? AND rowid${than}?`],
          ['others', `${by}${than}?`],
        ] as const) {
          const sql = sliceOfCustomers({ sort, descending }, isOnBudget, part)
          const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
          const budget = isOnBudget && onBudget !== null ? 'budget_id=? AND ' : ''
          expect(
            plan.map(({ detail }) => String(detail)),
            sql,
          ).toEqual([
            `SEARCH customers USING INDEX ${(isOnBudget ? onBudget : null) ?? index} ` +
              `(${budget}${sought})`,
          ])
        }
      }
    }
  }
  const [step] = database.prepare(`EXPLAIN QUERY PLAN ${MATCHING}`).all()
  expect(String(step!['detail'])).toMatch(/VIRTUAL TABLE INDEX \d+:M/)
  database.close()
})
