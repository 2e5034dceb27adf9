import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { NO_LIMITS } from '../../src/ledger/budget.ts'
import { DAY_MS } from '../../src/ledger/day.ts'
import { type Nanos, nanos } from '../../src/ledger/money.ts'
import { prune } from '../../src/store/prune.ts'
import type { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { PROGRAMS, run } from '../support/command.ts'
import { charged, newFolder, openStore, periodOf, sumUp } from '../support/store.ts'

const NOW = Date.UTC(2026, 5, 15, 12)
const FIRST = NOW - 90 * DAY_MS

const order = (path: string, before: number) => ({
  path,
  before,
  now: NOW,
  periodOf: () => periodOf,
  archive: () => Promise.resolve(),
})

/** Customers on a monthly tier of another zone, on a daily one, and without any. */
async function customersOf(store: Store) {
  const zoned = { ...NO_LIMITS, duration: '1mo', timezone: 'Europe/Berlin' }
  await store.createBudget({ id: 'monthly', limits: zoned, createdBy: 'test' })
  await store.createBudget({ id: 'daily', limits: { duration: '1d' }, createdBy: 'test' })
  const budgets = { a: 'monthly', b: 'daily', c: null }
  for (const [id, budgetId] of Object.entries(budgets)) {
    await store.createCustomer({ id, profile: { budgetId }, limits: null, spent: null })
  }
  return ['a', 'b', 'c']
}

async function charge(store: Store, id: string, at: number, amount: number) {
  const { customer, budget } = store.findCustomer(id)!
  const periodStart = periodOf(budget, at).start
  await store.commit(charged(customer, { charge: nanos(amount), settledAt: at, periodStart }), [])
}

const sumsOf = (store: Store, ids: readonly string[]) =>
  ids.map((id) => {
    const { spent, totalSpent } = store.findCustomer(id)!.customer
    return { id, spent, totalSpent }
  })

describe('a pruned ledger', () => {
  test('balances, and everybody has spent what they had, however it was cut', async () => {
    const call = fc.record({
      of: fc.nat(2),
      at: fc.integer({ min: FIRST, max: NOW }),
      amount: fc.integer({ min: 0, max: 1_000 }),
    })
    const cuts = fc.array(fc.integer({ min: FIRST, max: NOW + DAY_MS }), {
      minLength: 1,
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), cuts, async (calls, days) => {
        const { store, path, clock } = await openStore({ now: FIRST })
        const ids = await customersOf(store)
        for (const { of, at, amount } of calls.toSorted((a, b) => a.at - b.at)) {
          clock.now = at
          await charge(store, ids[of]!, at, amount)
        }
        clock.now = NOW
        await sumUp(store)
        const before = sumsOf(store, ids)
        for (const day of days) {
          const done = await prune(order(path, day))
          const verdict = await verify(path)
          expect(verdict.faults).toEqual([])
          expect(verdict.rows + verdict.pruned).toBe(calls.length)
          expect(done.before % DAY_MS).toBe(0)
          expect(sumsOf(store, ids)).toEqual(before)
        }
        for (const id of ids) await charge(store, id, NOW, 7)
        const after = before.map((sums) => ({
          ...sums,
          spent: nanos(sums.spent + 7),
          totalSpent: nanos(sums.totalSpent + 7),
        }))
        expect(sumsOf(store, ids)).toEqual(after)
        store.close()
        expect((await verify(path)).faults).toEqual([])
      }),
      { numRuns: 30 },
    )
  }, 60_000)

  test('keeps the rows of periods that still run, and says that it does', async () => {
    const { store, path, clock } = await openStore({ now: FIRST })
    const [a] = await customersOf(store)
    clock.now = NOW
    const month = Date.UTC(2026, 4, 31, 22)
    for (const at of [FIRST, month - 1, month, NOW]) await charge(store, a!, at, 5)
    // Of a row that is not in the sums nothing is taken away.
    expect(await prune(order(path, NOW))).toMatchObject({ rows: 0 })
    await sumUp(store)
    const done = await prune(order(path, NOW))
    expect(done).toEqual({ before: Date.UTC(2026, 4, 31), rows: 1, heldBackBy: 'period' })
    store.close()
    expect(await verify(path)).toMatchObject({
      rows: 3,
      pruned: 1,
      charged: 20 as Nanos,
      faults: [],
    })
  })

  test.each([
    'UPDATE daily SET charge = charge + 1 WHERE day = (SELECT min(day) FROM daily)',
    'UPDATE hours SET calls = calls + 1 WHERE hour = (SELECT min(hour) FROM hours)',
    'UPDATE pruned SET charge = charge + 1',
    'UPDATE customers SET total_spent = total_spent + 1',
  ])('is found out when %p has falsified it', async (sql) => {
    const { store, path, clock } = await openStore({ now: FIRST })
    const [, , c] = await customersOf(store)
    clock.now = NOW
    await charge(store, c!, FIRST, 5)
    await charge(store, c!, NOW, 5)
    store.close()
    await prune(order(path, NOW - 30 * DAY_MS))
    expect((await verify(path)).faults).toEqual([])
    using database = new Database(path)
    database.run(sql)
    expect((await verify(path)).faults.length).toBeGreaterThan(0)
  })
})

test('tollgate prune writes what goes to a file first, and says what is wrong', async () => {
  const { store, path } = await openStore({ now: FIRST })
  const { customer } = await store.createCustomer({
    id: 'a',
    profile: {},
    limits: null,
    spent: null,
  })
  for (let day = 0; day < 4; day += 1) {
    await store.commit(charged(customer, { charge: nanos(3), settledAt: FIRST + day * DAY_MS }), [])
  }
  await sumUp(store)
  const folder = newFolder()
  const prunes = (...args: string[]) =>
    run([...PROGRAMS[0][1](), 'prune', '--db', path, ...args], { folder })
  const day = new Date(FIRST + 2 * DAY_MS).toISOString().slice(0, 10)
  expect((await prunes()).errors).toContain('prune needs --before DAY')
  expect((await prunes('--before', 'soon')).errors).toContain('--before must be a time')

  const archive = join(folder, 'old.csv')
  const { out, code } = await prunes('--before', day, '--archive', archive)
  expect([code, out.trim()]).toEqual([0, `2 ledger rows pruned; from ${day} on all are there.`])
  expect(readFileSync(archive, 'utf8').trim().split('\r\n')).toHaveLength(1 + 2)
  const again = await prunes('--before', day, '--archive', archive)
  expect(again.errors).toContain('--force replaces it')
  expect(store.findCustomer('a')!.customer.totalSpent).toBe(nanos(12))
  store.close()
  expect(await verify(path)).toMatchObject({ rows: 2, pruned: 2, faults: [] })
})
