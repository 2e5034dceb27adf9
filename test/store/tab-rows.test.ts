import { Database as BunDatabase } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { nanos } from '../../src/ledger/money.ts'
import type { RecordFilter } from '../../src/ledger/record.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { readRecords } from '../../src/store/reading.ts'
import type { Records } from '../../src/store/records.ts'
import { migrate } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { CREATE_TAB_ROWS } from '../../src/store/tab-rows.ts'
import { verify } from '../../src/store/verify.ts'
import { eventually } from '../support/eventually.ts'
import { charged, copyAsIs, faultsAfter, olderDatabase, openStore } from '../support/store.ts'

const BEFORE_TAB_ROWS = MIGRATIONS.findIndex(({ sql }) => sql === CREATE_TAB_ROWS)

const OF_ALICE: RecordFilter = {
  customerId: 'alice',
  key: null,
  model: null,
  outcome: null,
  from: 0,
  until: Number.MAX_SAFE_INTEGER,
}

async function charge(store: Store, id: string | null, amount: number) {
  const customer = id === null ? null : store.findOrOpenCustomer(id).customer
  await store.commit(charged(customer, { charge: nanos(amount), settledAt: amount }), [])
}

/** What each of a customer's calls was charged, in the order in which they settled. */
async function chargesOf(records: Records): Promise<number[]> {
  const charges: number[] = []
  const from = { after: null, order: 'oldest first', rows: 2 } as const
  for await (const slice of records.slices(OF_ALICE, from)) {
    charges.push(...slice.records.map((record) => record.charge))
  }
  return charges
}

function inTabRows(path: string): number {
  using database = new BunDatabase(path, { readonly: true })
  return (database.query('SELECT count(*) AS rows FROM tab_rows').get() as { rows: number }).rows
}

test('a customer has all of its rows, also those of a moment ago, and whoever reads them', async () => {
  const { store, path } = await openStore()
  for (const amount of [1, 2, 3]) await charge(store, 'alice', amount)
  await charge(store, 'bob', 4)
  expect(inTabRows(path)).toBe(0)
  const { records, close } = await readRecords(path)
  expect(await chargesOf(records)).toEqual([1, 2, 3])
  close()
  expect(await chargesOf(store.reports)).toEqual([1, 2, 3])
  await charge(store, 'alice', 5)
  const { records: again, close: closeAgain } = await readRecords(path)
  expect(await chargesOf(again)).toEqual([1, 2, 3, 5])
  closeAgain()
  store.close()
})

test('what was charged on a tab since a moment is told with what waits to be summed up', async () => {
  const { store } = await openStore()
  for (const amount of [1, 2, 3]) await charge(store, 'alice', amount)
  const { tab } = store.findCustomer('alice')!.customer
  const told = () => [
    store.spentOnModelSince(tab, 'demo', 2),
    store.spentOnModelSince(tab, 'another', 0),
    store.periodsOf('alice', 1)?.[0]?.spent,
  ]
  expect(told()).toEqual([nanos(5), nanos(0), nanos(6)])
  await chargesOf(store.reports)
  expect(told()).toEqual([nanos(5), nanos(0), nanos(6)])
  await charge(store, 'alice', 4)
  expect(told()).toEqual([nanos(9), nanos(0), nanos(10)])
  store.close()
})

test('a tab on which many calls wait is summed up before its time', async () => {
  const { store, path } = await openStore()
  await Promise.all(Array.from({ length: 300 }, (_, n) => charge(store, 'alice', n + 1)))
  await eventually(() => expect(inTabRows(path)).toBe(300))
  store.close()
  expect((await verify(path)).faults).toEqual([])
})

test('a database of an older version has the rows that were summed up, and the others later', async () => {
  const { database: older } = await olderDatabase(BEFORE_TAB_ROWS, [
    { id: 'x', tab: 1 },
    { id: 'y', tab: 1 },
    { id: 'z', tab: null },
  ])
  older.exec(`INSERT INTO unsummed VALUES (7, '["y"]')`)
  migrate(older)
  const found = older.prepare('SELECT tab, id FROM tab_rows ORDER BY tab').all()
  expect(found.map(({ tab, id }) => [tab, id])).toEqual([
    [0, 'z'],
    [1, 'x'],
  ])
  older.close()
})

describe('verify finds', () => {
  test.each([
    ['a row that is missing', 'DELETE FROM tab_rows', 'is not among the rows of its tab'],
    ['one of another amount', 'UPDATE tab_rows SET charge = 9', 'is not among the rows of its tab'],
    ['one on another tab', 'UPDATE tab_rows SET tab = 2', 'is not among the rows of its tab'],
    [
      'one too many',
      "INSERT INTO tab_rows SELECT tab, settled_at, 'y', model, charge, counted FROM tab_rows",
      'row y of tab 1: is not one that the ledger has summed up',
    ],
    [
      'one that waits to be summed up',
      'UPDATE customers SET summed = 0',
      'is not one that the ledger has summed up',
    ],
  ])('%s', async (_, sql, said) => {
    const { store, path } = await openStore()
    await charge(store, 'alice', 5)
    store.close()
    expect(await faultsAfter(path, sql)).toContain(said)
  })
})

test('after a death all rows of a tab are found', async () => {
  const { store, path } = await openStore()
  for (const amount of [1, 2]) await charge(store, 'alice', amount)
  const copy = copyAsIs(path)
  store.close()
  const { store: next } = await openStore({ path: copy })
  await charge(next, 'alice', 3)
  expect(await chargesOf(next.reports)).toEqual([1, 2, 3])
  next.close()
  expect((await verify(copy)).faults).toEqual([])
})
