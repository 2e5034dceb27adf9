import { Database as BunDatabase } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { dayOf } from '../../src/ledger/day.ts'
import { nanos, ZERO } from '../../src/ledger/money.ts'
import type {
  LedgerRecord,
  RecordFilter,
  RecordOrder,
  RecordSlice,
} from '../../src/ledger/record.ts'
import { OUTCOMES, snakeCase } from '../../src/ledger/settlement.ts'
import { KINDS } from '../../src/metering/usage.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { runsIn, sliceOf } from '../../src/store/records.ts'
import { type Reports, SUMS } from '../../src/store/reports.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, openStore } from '../support/store.ts'

const ANY: RecordFilter = {
  customerId: null,
  key: null,
  model: null,
  outcome: null,
  from: 0,
  until: Number.MAX_SAFE_INTEGER,
}
const DAY_MS = 86_400_000
const CUSTOMERS = ['alice', 'bob', 'carol']
const KEYS = ['k0', 'k1']
const MODELS = ['a', 'b']

const nothing = { profile: {}, limits: null, spent: null }
const mark = (hash: string) => ({ hash, name: `sk-...${hash}` })

/** Everything behind a place, slice after slice. */
async function all(
  { slices }: Reports,
  filter: RecordFilter,
  about: { order?: RecordOrder; rows?: number; after?: string | null } = {},
): Promise<LedgerRecord[]> {
  const found: LedgerRecord[] = []
  const from = { after: null, order: 'oldest first', rows: 3, ...about } as const
  for await (const { records } of slices(filter, from)) found.push(...records)
  return found
}

type Row = Record<string, number> & {
  id: string
  customer_id: string | null
  key_hash: string | null
  model: string
  deployment: string
  outcome: string
}

function rowsIn(path: string): Row[] {
  using database = new BunDatabase(path, { readonly: true })
  return database
    .query(
      `SELECT ledger.*, keys.hash AS key_hash FROM ledger
       LEFT JOIN keys ON keys.id = key_id ORDER BY settled_at, ledger.id`,
    )
    .all() as Row[]
}

const call = fc.record({
  do: fc.constant('call' as const),
  customer: fc.option(fc.nat(2)),
  key: fc.option(fc.nat(1)),
  model: fc.constantFrom(...MODELS),
  outcome: fc.constantFrom(...OUTCOMES.filter((outcome) => outcome !== 'correction')),
  usage: fc.record(Object.fromEntries(KINDS.map((kind) => [kind, fc.nat(1_000_000)]))),
  charge: fc.nat(5_000_000_000),
  // On three days, and often at the very edge between two.
  at: fc.oneof(fc.constantFrom(DAY_MS - 1, DAY_MS, 2 * DAY_MS), fc.nat(3 * DAY_MS - 1)),
})
const correct = fc.record({
  do: fc.constant('correct' as const),
  customer: fc.nat(2),
  spent: fc.nat(9_000_000_000),
})
const remove = fc.record({ do: fc.constant('remove' as const), customer: fc.nat(2) })
const removeKey = fc.record({ do: fc.constant('remove key' as const), key: fc.nat(1) })
const filters = fc.record({
  customerId: fc.option(fc.constantFrom(...CUSTOMERS)),
  key: fc.option(fc.constantFrom(...KEYS, null).map((hash) => ({ hash }))),
  model: fc.option(fc.constantFrom(...MODELS)),
  outcome: fc.option(fc.constantFrom(...OUTCOMES)),
  from: fc.constantFrom(0, DAY_MS, DAY_MS + 5),
  until: fc.constantFrom(DAY_MS, 2 * DAY_MS, Number.MAX_SAFE_INTEGER),
})
const steps = fc.oneof({ weight: 12, arbitrary: call }, correct, remove, removeKey)
type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never

/** A store in which all of it has happened. */
async function after(happened: readonly Step[]) {
  const { store, path, clock } = await openStore({ now: DAY_MS + 5 })
  const commits: Promise<void>[] = []
  const keyOf = async (hash: string) =>
    store.keys.find(hash)?.key ?? (await store.keys.create(mark(hash), nothing)).key
  for (const step of happened) {
    if (step.do === 'call') {
      const customer =
        step.customer === null ? null : store.findOrOpenCustomer(CUSTOMERS[step.customer]!).customer
      const key = step.key === null ? null : await keyOf(KEYS[step.key]!)
      clock.now = step.at
      const made = charged(customer, { charge: nanos(step.charge), settledAt: step.at })
      const { model, outcome } = step
      const usage = { ...step.usage, ...made.row.usage }
      const row = { ...made.row, model, outcome, usage, keyId: key?.id ?? null }
      commits.push(store.commit({ ...made, row, after: null, key: null }, []))
    } else if (step.do === 'correct') {
      const id = CUSTOMERS[step.customer]!
      store.findOrOpenCustomer(id)
      await store.updateCustomer(id, { ...nothing, spent: nanos(step.spent) })
    } else if (step.do === 'remove') {
      const id = CUSTOMERS[step.customer]!
      if (store.findCustomer(id) !== null) await store.deleteCustomers([id])
    } else if (store.keys.find(KEYS[step.key]!) !== null) {
      await store.keys.remove([KEYS[step.key]!])
    }
  }
  await Promise.all(commits)
  return { store, path }
}

test('the sums of each day are those of its rows, whatever was charged, corrected and deleted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 30 }), filters, async (happened, filter) => {
      const { store, path } = await after(happened)
      const { customerId, key, model } = filter
      const wanted = rowsIn(path).filter(
        (row) =>
          (customerId === null || row.customer_id === customerId) &&
          (key === null || row.key_hash === key.hash) &&
          (model === null || row.model === model),
      )
      const expected = new Map<string, Record<string, number>>()
      for (const row of wanted) {
        const name = JSON.stringify([
          dayOf(row['settled_at']!),
          row.customer_id,
          row.key_hash,
          row.model,
        ])
        const sum = expected.get(name) ?? {}
        expected.set(name, sum)
        const add = (to: string, more: number) => {
          sum[to] = (sum[to] ?? 0) + more
        }
        add('calls', row.outcome === 'correction' ? 0 : 1)
        add('failedCalls', row.outcome === 'upstream_failed' ? 1 : 0)
        for (const kind of KINDS) add(kind, row[snakeCase(kind)]!)
        add('cost', row['cost']!)
        add('charge', row['charge']!)
      }

      const ids = customerId === null ? null : [customerId]
      const found = new Map<string, Record<string, number>>()
      for (const day of await store.reports.days({ first: 0, last: 9 }, ids)) {
        const about = { customerIds: ids, key, model }
        for await (const sums of store.reports.daySums(day, about)) {
          for (const { customerId, key, model, usage, calls, failedCalls, cost, charge } of sums) {
            const name = JSON.stringify([day, customerId, key?.hash ?? null, model])
            const sum = found.get(name) ?? {}
            found.set(name, sum)
            for (const [to, more] of Object.entries({
              calls,
              failedCalls,
              ...usage,
              cost,
              charge,
            })) {
              sum[to] = (sum[to] ?? 0) + more
            }
          }
        }
      }
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
      expect((await verify(path)).faults).toEqual([])
      store.close()
    }),
    { numRuns: 40 },
  )
})

test('slices of any length, by any filter and both ways, are all rows that fit, each once', async () => {
  const length = fc.integer({ min: 1, max: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { maxLength: 30 }),
      filters,
      length,
      async (happened, filter, rows) => {
        const { store, path } = await after(happened)
        const fitting = rowsIn(path)
          .filter(
            (row) =>
              (filter.customerId === null || row.customer_id === filter.customerId) &&
              (filter.key === null || row.key_hash === filter.key.hash) &&
              (filter.model === null || row.model === filter.model) &&
              (filter.outcome === null || row.outcome === filter.outcome) &&
              row['settled_at']! >= filter.from &&
              row['settled_at']! < filter.until,
          )
          .map(({ id }) => id)
        const up = (await all(store.reports, filter, { rows })).map(({ id }) => id)
        const down = await all(store.reports, filter, { order: 'newest first', rows })
        expect(up.toSorted()).toEqual(fitting.toSorted())
        expect(down.map(({ id }) => id)).toEqual(up.toReversed())
        // From any row on, what is left is what was behind it.
        for (const [at, id] of up.entries()) {
          const left = await all(store.reports, filter, { after: id, rows })
          expect(left.map((record) => record.id)).toEqual(up.slice(at + 1))
          expect(store.reports.find(id, filter)?.id).toBe(id)
        }
        store.close()
      },
    ),
    { numRuns: 40 },
  )
})

test('who reads page after page misses nothing and sees nothing twice while calls come in', async () => {
  const { store } = await openStore()
  const settle = (settledAt: number) =>
    store.commit(charged(null, { charge: nanos(1), settledAt }), [])
  for (let n = 1; n <= 20; n++) await settle(n * 10)
  const before = (await all(store.reports, ANY)).map(({ id }) => id)

  const seen: string[] = []
  const from = { order: 'newest first', rows: 4 } as const
  let after: string | null = null
  for (;;) {
    const slices = store.reports.slices(ANY, { ...from, after })
    const value: RecordSlice | undefined = (await slices.next()).value
    if (value === undefined) break
    seen.push(...value.records.map(({ id }) => id))
    after = value.lastId
    await settle(1_000 + seen.length)
  }
  expect(seen.toReversed()).toEqual(before)
  store.close()
})

test('every slice of rows and of sums is sought in an index, and none is sorted', async () => {
  const { store, path } = await openStore()
  await store.setBlocked(['alice'], false)
  await store.keys.create(mark('k'), nothing)
  store.close()
  const database = await openDatabase(path, 'readwrite')
  const runsOf = runsIn(database)
  const asked: Partial<RecordFilter>[] = [
    {},
    { customerId: 'alice' },
    { key: { hash: 'k' } },
    { key: { hash: null } },
    { model: 'a' },
    { outcome: 'upstream_failed' },
    { outcome: 'ok' },
    { customerId: 'alice', key: { hash: 'k' }, model: 'a', outcome: 'ok' },
  ]
  const orders = ['oldest first', 'newest first'] as const
  const statements = asked.flatMap((filter) =>
    orders.flatMap((order) => {
      const runs = runsOf({ ...ANY, ...filter }, order)
      expect(runs).toHaveLength(1)
      return runs.map((run) => sliceOf(run, order))
    }),
  )
  for (const sql of [...statements, SUMS]) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    const steps = plan.map(({ detail }) => String(detail))
    expect(steps[0], sql).toMatch(
      /^SEARCH (ledger USING INDEX ledger_by_\w+|(daily|tab_rows) USING PRIMARY KEY) \(.*\)>|<\(/,
    )
    for (const step of steps) expect(step).toMatch(/^SEARCH /)
  }
  database.close()
})

test('a place is a row of those that are asked for, and no other', async () => {
  const { store } = await openStore()
  const { customer } = store.findOrOpenCustomer('alice')
  const made = charged(customer, { charge: ZERO, settledAt: 5 })
  await store.commit(made, [])
  const { isPlace } = store.reports
  expect(isPlace(made.row.id, ANY)).toBe(true)
  expect(isPlace(made.row.id, { ...ANY, customerId: 'alice' })).toBe(true)
  expect(isPlace(made.row.id, { ...ANY, customerId: 'bob' })).toBe(false)
  expect(isPlace('nonsense', ANY)).toBe(false)
  store.close()
})
