import { DAY_HOURS, DAY_MS, dayOfHour, HOUR_MS } from '../ledger/day.ts'
import type { Measures, Slot } from '../ledger/record.ts'
import { snakeCase } from '../ledger/settlement.ts'
import { INPUT_KINDS, OUTPUT_KINDS } from '../metering/usage.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { columnsOf } from './daily.ts'
import { BEFORE } from './pruned.ts'
import { type Gathered, IS_SUMMED, NOBODY, type SumTable } from './sum-table.ts'

/**
 * Small sums for charts, where `daily` is too large: by hour and model, by day and customer, by
 * day, key and model. `customer_days` is what finds those who were charged most on a day without a
 * look at the others. As in `daily`, a row of the ledger and its part in them are written in one
 * transaction, and `tollgate verify` proves that they agree.
 */

/** What is summed, in the order in which `partsOf` gives it. */
export const MEASURES = [
  'calls',
  'failed_calls',
  'prompt_tokens',
  'completion_tokens',
  'cost',
  'charge',
] as const

const sumOf = (usage: Gathered['usage'], kinds: readonly string[]): number => {
  let sum = 0
  for (const kind of kinds) sum += usage[kind] ?? 0
  return sum
}

const partsOf = (row: Gathered): number[] => [
  row.calls,
  row.failedCalls,
  sumOf(row.usage, INPUT_KINDS),
  sumOf(row.usage, OUTPUT_KINDS),
  row.cost,
  row.charge,
]

const measuresIn = (row: SqlRow): Measures => ({
  calls: row['calls'] as number,
  failedCalls: row['failed_calls'] as number,
  input: row['prompt_tokens'] as number,
  output: row['completion_tokens'] as number,
  cost: row['cost'] as number,
  charge: row['charge'] as number,
})

/** Of rows that were added up. */
export const measuresOfGathered = (rows: Gathered): Measures =>
  measuresIn(Object.fromEntries(partsOf(rows).map((part, at) => [MEASURES[at]!, part])))

/** A row that names its bucket and its model. */
export const slotOf = (row: SqlRow): Slot => ({
  bucket: row['bucket'] as number,
  model: row['model'] as string,
  ...measuresIn(row),
})

/** What a row of the ledger counts as, for SQL; `kinds` are the columns that there are. */
export const measured = (kinds: ReadonlySet<unknown>): Record<string, string> => {
  const sumOfColumns = (of: readonly string[]) =>
    of
      .map(snakeCase)
      .filter((name) => kinds.has(name))
      .join(' + ')
  return {
    calls: "outcome <> 'correction'",
    failed_calls: "outcome = 'upstream_failed'",
    prompt_tokens: sumOfColumns(INPUT_KINDS),
    completion_tokens: sumOfColumns(OUTPUT_KINDS),
    cost: 'cost',
    charge: 'charge',
  }
}

/** The tables: how their groups are read off a row of the ledger, here and in SQL. */
export const ROLLUPS: readonly (SumTable & {
  /** What a fault calls it. */
  readonly called: string
  readonly groupSql: readonly string[]
  /** Of a group, the day: a number. */
  readonly day: string
})[] = [
  {
    table: 'hours',
    called: 'by hour and model',
    group: ['hour', 'model'],
    sums: MEASURES,
    groupOf: (row) => [row.hour, row.model],
    partsOf,
    groupSql: [`settled_at / ${HOUR_MS}`, 'model'],
    day: `hour / ${DAY_HOURS}`,
  },
  {
    table: 'customer_days',
    called: 'by customer',
    group: ['day', 'tab'],
    sums: MEASURES,
    groupOf: (row) => [dayOfHour(row.hour), row.tab ?? NOBODY],
    partsOf,
    groupSql: [`settled_at / ${DAY_MS}`, `coalesce(tab, ${NOBODY})`],
    day: 'day',
  },
  {
    table: 'key_days',
    called: 'by key and model',
    group: ['key_id', 'day', 'model'],
    sums: MEASURES,
    groupOf: (row) => [row.keyId ?? NOBODY, dayOfHour(row.hour), row.model],
    partsOf,
    groupSql: [`coalesce(key_id, ${NOBODY})`, `settled_at / ${DAY_MS}`, 'model'],
    day: 'day',
  },
]

/** The same sums from the rows of the ledger themselves. */
function summedLedger(
  { group, groupSql }: (typeof ROLLUPS)[number],
  kinds: ReadonlySet<unknown>,
  where = '',
): string {
  const names = group.map((name, at) => `${groupSql[at]} AS ${name}`)
  const sums = Object.entries(measured(kinds)).map(([name, sql]) => `sum(${sql}) AS ${name}`)
  const places = group.map((_, at) => at + 1)
  return `SELECT ${[...names, ...sums].join(', ')} FROM ledger ${where} GROUP BY ${places}`
}

/** The migration that makes the tables, with the sums of the rows that there are. */
export function createRollups(database: Database): string {
  const kinds = columnsOf(database, 'ledger')
  const typeOf = (name: string) => (name === 'model' ? 'TEXT' : 'INTEGER')
  const column = (name: string) => `${name} ${typeOf(name)} NOT NULL,`
  const tables = ROLLUPS.map(
    (rollup) => `
    CREATE TABLE ${rollup.table} (
      ${[...rollup.group, ...MEASURES].map(column).join('\n')}
      PRIMARY KEY (${rollup.group.join(', ')})
    ) STRICT, WITHOUT ROWID;
    INSERT INTO ${rollup.table} ${summedLedger(rollup, kinds)};`,
  )
  return `${tables.join('\n')}
    -- Who was charged most on a day.
    CREATE INDEX customer_days_by_charge ON customer_days (day, charge);`
}

/** Where the sums are not those of the rows: a row for each table and day, with both. */
export function wrongRollups(database: Database): (SqlRow & { readonly called: string })[] {
  const kinds = columnsOf(database, 'ledger')
  return ROLLUPS.flatMap((rollup) => {
    const columns = [...rollup.group, ...MEASURES].join(', ')
    const both = (of: string) => MEASURES.map((name) => `sum(${of}${name}) AS ${of}${name}`)
    const side = (mine: boolean) =>
      MEASURES.map((name) => `${mine ? name : 0} AS rows_${name}, ${mine ? 0 : name} AS ${name}`)
    const rows = database
      .prepare(`
        WITH booked AS (${summedLedger(rollup, kinds, `WHERE ${IS_SUMMED}`)}),
          kept AS (SELECT * FROM ${rollup.table}
            WHERE ${rollup.day} >= ${BEFORE} / ${DAY_MS}),
          rows AS (SELECT ${columns} FROM booked EXCEPT SELECT ${columns} FROM kept),
          sums AS (SELECT ${columns} FROM kept EXCEPT SELECT ${columns} FROM booked),
          both AS (SELECT ${rollup.day} AS day, ${side(true)} FROM rows
            UNION ALL SELECT ${rollup.day}, ${side(false)} FROM sums)
        SELECT day, ${[...both('rows_'), ...both('')].join(', ')} FROM both
        GROUP BY day ORDER BY day`)
      .all()
    return rows.map((row) => ({ ...row, called: rollup.called }))
  })
}
