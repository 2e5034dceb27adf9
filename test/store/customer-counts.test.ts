import { Database as BunDatabase } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { verify } from '../../src/store/verify.ts'
import { faultsAfter, openStore } from '../support/store.ts'

const nothing = { profile: {}, limits: null, spent: null }
const change = fc.record({
  id: fc.constantFrom('alice', 'bob', 'carol', 'dave'),
  budgetId: fc.constantFrom('free', 'pro', null, undefined),
  blocked: fc.option(fc.boolean()),
  own: fc.boolean(),
  remove: fc.boolean(),
})

test('the counts of customers are what is there, whoever comes, moves, is blocked or goes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 20 }), async (changes) => {
      const { store, path } = await openStore()
      for (const id of ['free', 'pro']) {
        await store.createBudget({ id, limits: {}, createdBy: 'us' })
      }
      const done = changes.map(async ({ id, budgetId, blocked, own, remove }) => {
        if (remove) return store.deleteCustomers([id])
        if (blocked !== null) return store.setBlocked([id], blocked)
        const profile = budgetId === undefined ? {} : { budgetId }
        const limits = own && budgetId === undefined ? { tpmLimit: 5 } : null
        if (store.findCustomer(id) !== null) {
          return store.updateCustomer(id, { ...nothing, profile, limits })
        }
        return store.createCustomer({ ...nothing, id, profile, limits })
      })
      // Some are refused: for a customer that is there, or is not. Refused changes count nothing.
      await Promise.allSettled(done)
      const all = store.countCustomers({ budgetId: null, blocked: null })
      const some = store.countCustomers({ budgetId: null, blocked: true })
      const onPro = store.countCustomers({ budgetId: 'pro', blocked: false })
      store.close()
      using database = new BunDatabase(path)
      const count = (where: string) =>
        (
          database
            .query(`SELECT count(*) AS n FROM customers WHERE deleted_at IS NULL AND ${where}`)
            .get() as { n: number }
        ).n
      expect([all, some, onPro]).toEqual([
        count('TRUE'),
        count('blocked = 1'),
        count("budget_id = 'pro' AND blocked = 0"),
      ])
      expect((await verify(path)).faults).toEqual([])
    }),
    { numRuns: 30 },
  )
})

test.each([
  'UPDATE customer_counts SET customers = customers + 1',
  'DELETE FROM customer_counts',
  "INSERT INTO customer_counts VALUES ('gone', 0, 3)",
])('verify finds what %p has done', async (sql) => {
  const { store, path } = await openStore()
  await store.setBlocked(['alice'], true)
  store.close()
  expect((await verify(path)).faults).toEqual([])
  expect(await faultsAfter(path, sql)).toMatch(/^the number of \w+ customers .* is not that/)
})
