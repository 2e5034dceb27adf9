import { Database as BunDatabase } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { nanos } from '../../src/ledger/money.ts'
import { OUTCOMES } from '../../src/ledger/settlement.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { addKinds, KIND_COLUMNS, wrongDays } from '../../src/store/daily.ts'
import { NEWEST_DAY } from '../../src/store/reports.ts'
import { wrongRollups } from '../../src/store/rollups.ts'
import { migrate, SCHEMA_VERSION } from '../../src/store/schema.ts'
import { CORRECTIONS_OF_TAB } from '../../src/store/statements.ts'
import { DAYS_OF_TAB, TAB_BETWEEN, TAB_ON_DAY, TAB_PLACE } from '../../src/store/tab-usage.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, newFolder, openStore } from '../support/store.ts'

const DAY_MS = 86_400_000

describe('verify', () => {
  test.each([
    'UPDATE daily SET charge = charge + 1',
    'UPDATE daily SET cost = 7',
    'UPDATE daily SET calls = 7',
    'UPDATE daily SET failed_calls = 1',
    'UPDATE daily SET output = output + 1',
    "UPDATE daily SET model = 'other'",
    'UPDATE daily SET key_id = 9',
    'DELETE FROM daily',
    'UPDATE daily SET day = day + 30',
    ...['hours', 'customer_days', 'key_days'].flatMap((table) => [
      `DELETE FROM ${table}`,
      `UPDATE ${table} SET charge = charge + 1`,
      `UPDATE ${table} SET prompt_tokens = prompt_tokens + 1`,
      `UPDATE ${table} SET failed_calls = 1`,
    ]),
    "UPDATE hours SET model = 'other'",
    'UPDATE hours SET hour = hour + 1',
    'UPDATE customer_days SET tab = 7',
    'UPDATE key_days SET key_id = 7',
  ])('finds what %p has done', async (sql) => {
    const { store, path } = await openStore()
    await store.commit(charged(null, { charge: nanos(3), settledAt: DAY_MS }), [])
    store.close()
    expect((await verify(path)).faults).toEqual([])
    using database = new BunDatabase(path)
    database.run(sql)
    const { faults } = await verify(path)
    expect(faults.length).toBeGreaterThan(0)
    for (const fault of faults) {
      expect(fault).toMatch(/^day 1970-\d\d-\d\d: where they differ, its sums (by [a-z ]+ )?are /)
    }
  })
})

describe('a database from before there were sums', () => {
  /** The number of the migration that makes them. */
  async function first(): Promise<number> {
    for (let version = 1; version <= SCHEMA_VERSION; version++) {
      const database = await openDatabase(':memory:', 'readwrite')
      migrate(database, version)
      const made = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'daily'").get()
      database.close()
      if (made !== null) return version
    }
    throw new Error('no migration makes the sums')
  }

  test('gets those of the rows that it has', async () => {
    const old = await openDatabase(join(newFolder(), 'old.db'), 'readwrite')
    migrate(old, (await first()) - 1)
    const columns = old.prepare("SELECT name, type FROM pragma_table_info('ledger')").all()
    const insert = old.prepare(
      `INSERT INTO ledger (${columns.map(({ name }) => name).join(', ')})
       VALUES (${columns.map((_, at) => `?${at + 1}`).join(', ')})`,
    )
    for (let n = 0; n < 50; n++) {
      const special: Record<string, string | number | null> = {
        id: `call-${n}`,
        tab: n % 3 === 0 ? null : n % 3,
        key_id: n % 2 === 0 ? null : 1,
        outcome: OUTCOMES[n % OUTCOMES.length]!,
        settled_at: n * 10_000_000,
        model: n % 2 === 0 ? 'a' : 'b',
        price_id: null,
      }
      const usual = (name: string, type: string) => (type === 'TEXT' ? name : n * 1_000 + 7)
      const values = columns.map(({ name, type }) => {
        const given = special[name as string]
        return given === undefined ? usual(name as string, type as string) : given
      })
      insert.run(...values)
    }
    migrate(old)
    expect(wrongDays(old)).toEqual([])
    expect(wrongRollups(old)).toEqual([])
    const { calls, charge } = old
      .prepare('SELECT sum(calls) AS calls, sum(charge) AS charge FROM daily')
      .get()!
    expect([calls, charge]).toEqual([40, (1_000 * 49 * 50) / 2 + 7 * 50])
    old.close()
  })

  test('has a column for each kind of token, also for one that came later', async () => {
    const database = await openDatabase(':memory:', 'readwrite')
    migrate(database)
    database.exec('ALTER TABLE daily DROP COLUMN reasoning')
    addKinds(database)
    const names = database.prepare("SELECT name FROM pragma_table_info('daily')").all()
    expect(names.map(({ name }) => name)).toEqual(expect.arrayContaining([...KIND_COLUMNS]))
    database.close()
  })
})

test.each([
  [NEWEST_DAY, 'SEARCH daily USING PRIMARY KEY (day>? AND day<?)'],
  [DAYS_OF_TAB, 'SEARCH daily USING COVERING INDEX daily_by_tab (tab=? AND day>? AND day<?)'],
])('the days with anything on them are sought, and no sums read: %s', async (sql, step) => {
  const database = await openDatabase(':memory:', 'readwrite')
  migrate(database)
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
  expect(plan.map(({ detail }) => String(detail))).toEqual([step])
  database.close()
})

test.each([
  [TAB_PLACE, 'SEARCH tab_rows USING PRIMARY KEY (tab=? AND settled_at>? AND settled_at<?)'],
  [TAB_ON_DAY, 'SEARCH daily USING PRIMARY KEY (day=? AND tab=?)'],
  [
    CORRECTIONS_OF_TAB,
    'SEARCH ledger USING INDEX ledger_by_outcome (outcome=? AND settled_at>? AND settled_at<?)',
  ],
  [TAB_BETWEEN, 'SEARCH tab_rows USING PRIMARY KEY (tab=? AND settled_at>? AND settled_at<?)'],
])('what is read for one tab is what is on that tab, or is rare: %s', async (sql, step) => {
  const database = await openDatabase(':memory:', 'readwrite')
  migrate(database)
  const [search] = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
  expect(search?.['detail']).toBe(step)
  database.close()
})

test('what a refused write had booked is in no sum, and what was committed beside it is', async () => {
  const { store, path } = await openStore()
  const { customer } = store.findOrOpenCustomer('alice')
  const settle = (charge: number, events: unknown[] = []) =>
    store.commit(charged(customer, { charge: nanos(charge), settledAt: DAY_MS }), events as never)
  // The row is booked before the event turns out to be none.
  const broken = [{ receiver: 'r', id: null, name: 'n', customerId: 'alice', body: '' }]
  const results = await Promise.allSettled([settle(1), settle(20, broken), settle(300)])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  store.close()
  using database = new BunDatabase(path)
  for (const table of ['ledger', 'daily', 'hours', 'customer_days', 'key_days']) {
    const sum = database.query(`SELECT sum(charge) AS charge FROM ${table}`).get()
    expect([table, sum]).toEqual([table, { charge: 301 }])
  }
  expect((await verify(path)).faults).toEqual([])
})
