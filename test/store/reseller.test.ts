import { expect, test } from 'bun:test'
import { dayOf } from '../../src/ledger/day.ts'
import { verify } from '../../src/store/verify.ts'
import { rowsOf } from '../support/books.ts'
import { resellersDay } from '../support/reseller.ts'
import { faultsAfter } from '../support/store.ts'

test('the books of a reseller’s day balance: costs, charges, allowances and wallets', async () => {
  const { store, path, refused, day } = await resellersDay(5_000)
  const [sum] = store.series
    .daysOfAll(dayOf(day), dayOf(day))
    .reduce(
      ([all], { cost, charge, calls }) => [
        { cost: all.cost + cost, charge: all.charge + charge, calls: all.calls + calls },
      ],
      [{ cost: 0, charge: 0, calls: 0 }],
    )
  store.close()
  const [ledger] = rowsOf<Record<string, number>>(
    path,
    'SELECT sum(cost) AS cost, sum(charge) AS charge, count(*) AS calls FROM ledger',
  )
  expect(sum).toEqual(ledger as typeof sum)
  expect(ledger!['calls']! + refused).toBe(5_000)
  expect(ledger!['calls']).toBeGreaterThan(2_000)
  expect(ledger!['cost']).not.toBe(ledger!['charge'])
  const verdict = await verify(path)
  expect(verdict.faults).toEqual([])
  // Of wallets: what came in is what was charged, and what is left.
  const [wallets] = rowsOf<Record<string, number>>(
    path,
    `SELECT (SELECT sum(amount) FROM credit_entries WHERE kind = 'grant') AS granted,
       (SELECT sum(charge) FROM ledger JOIN customers USING (tab) WHERE balance IS NOT NULL) AS charged,
       (SELECT sum(balance) FROM customers) AS balance,
       (SELECT min(balance) FROM credit_entries) AS lowest`,
  )
  const { granted, charged, balance, lowest } = wallets as Record<string, number>
  expect(granted).toBe(charged! + balance!)
  expect(lowest).toBeGreaterThanOrEqual(0)
})

test.each([
  [
    'UPDATE ledger SET charge = charge + 1 WHERE card_id IS NOT NULL AND charge > 0',
    'by its rate card',
  ],
  ['UPDATE ledger SET counted = counted + 1 WHERE charge > 0', 'and not as its charge'],
  ['UPDATE ledger SET free_tokens = 9e9 WHERE free_tokens > 0', 'more than there is'],
  ['UPDATE rate_cards SET snapshot = \'{"markup_percent":77}\' WHERE id = 1', 'by its rate card'],
])('verify finds what %p has done', async (sql, fault) => {
  const { store, path } = await resellersDay(300)
  store.close()
  expect(await faultsAfter(path, sql)).toContain(fault)
})
