import { expect, test } from 'bun:test'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { migrate } from '../../src/store/schema.ts'
import {
  DAYS_OF_KEY,
  DAYS_OF_TAB_BY_MODEL,
  HOURS_OF_MODELS,
  measuresOf,
  ROWS_OF_TAB,
} from '../../src/store/series.ts'
import { DAY_OF_CUSTOMER, MOST_CHARGED_ON } from '../../src/store/top-customers.ts'

test('what a series is made of is sought, and no more of it read than it has points', async () => {
  const database = await openDatabase(':memory:', 'readwrite')
  migrate(database)
  const plans: [sql: string, first: RegExp][] = [
    [HOURS_OF_MODELS, /^SEARCH hours USING PRIMARY KEY \(hour>\? AND hour<\?\)/],
    [DAYS_OF_KEY, /^SEARCH key_days USING PRIMARY KEY \(key_id=\? AND day>\? AND day<\?\)/],
    [
      DAYS_OF_TAB_BY_MODEL(measuresOf(database, 'daily')),
      /^SEARCH daily USING INDEX daily_by_tab \(tab=\? AND day>\? AND day<\?\)/,
    ],
    [
      MOST_CHARGED_ON,
      /^SEARCH customer_days USING COVERING INDEX customer_days_by_charge \(day=\?\)/,
    ],
    [DAY_OF_CUSTOMER, /^SEARCH customer_days USING PRIMARY KEY \(day=\? AND tab=\?\)/],
    [
      ROWS_OF_TAB(measuresOf(database, 'ledger')),
      /^SEARCH tab_rows USING PRIMARY KEY \(tab=\? AND \(.*\)>\(/,
    ],
  ]
  for (const [sql, first] of plans) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    const steps = plan.map(({ detail }) => String(detail))
    expect(steps[0], sql).toMatch(first)
    // The sums of buckets by model are few: they alone are sorted.
    for (const step of steps.slice(1)) {
      expect(step).toMatch(/^USE TEMP B-TREE FOR GROUP BY$|^SEARCH ledger USING PRIMARY KEY/)
    }
  }
  database.close()
})
