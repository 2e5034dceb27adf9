import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { fromDollars, nanos } from '../../src/ledger/money.ts'
import type { ModelSum } from '../../src/ledger/record.ts'
import type { Store } from '../../src/store/store.ts'
import { charged, newId, openStore } from '../support/store.ts'

const DAY_MS = 86_400_000
const MIDNIGHT = Date.UTC(2026, 9, 10)

async function sumSince(store: Store, tab: number, from: number) {
  const parts: ModelSum[] = []
  for await (const some of store.reports.tabs.since(tab, from)) parts.push(...some)
  const total = (of: (sum: ModelSum) => number) => parts.reduce((sum, part) => sum + of(part), 0)
  return {
    calls: total(({ calls }) => calls),
    charge: total(({ charge }) => charge),
    output: total(({ usage }) => usage['output'] ?? 0),
  }
}

test('the sums since any moment are those of the rows since then, of this tab alone', async () => {
  const { store } = await openStore({ now: MIDNIGHT })
  const { customer: alice } = store.findOrOpenCustomer('alice')
  const { customer: bob } = store.findOrOpenCustomer('bob')
  // More in one millisecond than are read at a time, and some on each side of two midnights.
  const times = Array.from({ length: 1_500 }, (_, n) => {
    if (n < 700) return MIDNIGHT + 1_000
    return MIDNIGHT - DAY_MS + (n - 700) * 300_000
  })
  await Promise.all(
    times.flatMap((settledAt, n) =>
      [alice, bob].map((customer) => {
        const made = charged(customer, { charge: nanos(n + 1), settledAt })
        const row = { ...made.row, id: newId(), model: `m${n % 3}`, usage: { output: 2 } }
        return store.commit({ ...made, row }, [])
      }),
    ),
  )
  const moments = fc.oneof(
    fc.integer({ min: MIDNIGHT - 2 * DAY_MS, max: MIDNIGHT + 4 * DAY_MS }),
    fc.constantFrom(0, MIDNIGHT, MIDNIGHT + 999, MIDNIGHT + 1_000, MIDNIGHT + 1_001),
    fc.constantFrom(...times),
  )
  await fc.assert(
    fc.asyncProperty(moments, async (from) => {
      const charges = times.flatMap((at, n) => (at >= from ? [n + 1] : []))
      expect(await sumSince(store, alice.tab, from)).toEqual({
        calls: charges.length,
        charge: charges.reduce((sum, charge) => sum + charge, 0),
        output: 2 * charges.length,
      })
    }),
    { numRuns: 60 },
  )
})

test('a correction is in the sums, under no model, and is no call', async () => {
  const { store } = await openStore({ now: MIDNIGHT })
  const { customer } = store.findOrOpenCustomer('alice')
  await store.commit(charged(customer, { charge: fromDollars(2), settledAt: MIDNIGHT - 1 }), [])
  await store.updateCustomer('alice', { profile: {}, limits: null, spent: fromDollars(0.5) })
  const { calls, charge } = await sumSince(store, customer.tab, 0)
  expect([calls, charge]).toEqual([1, fromDollars(0.5)])
  const days: [number, ModelSum[]][] = []
  const range = { first: 0, last: 99_999 }
  for await (const { day, sums } of store.reports.tabs.days(customer.tab, range)) {
    days.push([day * DAY_MS, [...sums]])
  }
  expect(days.map(([day]) => day)).toEqual([MIDNIGHT - DAY_MS, MIDNIGHT])
  expect(days[1]![1]).toMatchObject([{ model: '', calls: 0, charge: -fromDollars(1.5) }])
})
