import { DAY_MS, dayOfHour } from '../ledger/day.ts'
import { snakeCase } from '../ledger/settlement.ts'
import { KINDS } from '../metering/usage.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { BEFORE } from './pruned.ts'
import { IS_SUMMED, NOBODY, type SumTable } from './sum-table.ts'

export const KIND_COLUMNS: readonly string[] = KINDS.map(snakeCase)

const GROUP = ['day', 'tab', 'key_id', 'model', 'deployment']

const AMOUNTS = ['cost', 'charge', 'counted', 'free_tokens', 'free_money']

/** What is summed. */
export const SUMS = ['calls', 'failed_calls', ...KIND_COLUMNS, ...AMOUNTS]

/**
 * The sums of each day, by customer, key, model and deployment, so that a report over ten million
 * rows reads a few thousand. A row of the ledger and its part in the sums are written in one
 * transaction, and `tollgate verify` proves that they agree.
 *
 * There is a column for each kind of token. A kind that is new gets its column at the next start:
 * nothing was counted under it before, so 0 is the right sum of what was.
 */
export const DAILY: SumTable = {
  table: 'daily',
  group: GROUP,
  sums: SUMS,
  groupOf: (row) => [
    dayOfHour(row.hour),
    row.tab ?? NOBODY,
    row.keyId ?? NOBODY,
    row.model,
    row.deployment,
  ],
  partsOf: (row) => [
    row.calls,
    row.failedCalls,
    ...KINDS.map((kind) => row.usage[kind] ?? 0),
    row.cost,
    row.charge,
    row.counted,
    row.freeTokens,
    row.freeMoney,
  ],
}

/** The same sums from the rows of the ledger themselves. */
const summedLedger = (summed: readonly string[], where = '') => `
  SELECT settled_at / ${DAY_MS} AS day, coalesce(tab, ${NOBODY}) AS tab,
    coalesce(key_id, ${NOBODY}) AS key_id, model, deployment,
    sum(outcome <> 'correction') AS calls, sum(outcome = 'upstream_failed') AS failed_calls,
    ${summed.map((name) => `sum(${name}) AS ${name}`).join(', ')}
  FROM ledger ${where} GROUP BY 1, 2, 3, 4, 5`

/** The migration that makes the table, with the sums of the rows that there are. */
export function createDaily(database: Database): string {
  const kinds = KIND_COLUMNS.filter((name) => columnsOf(database, 'ledger').has(name))
  const summed = [...kinds, 'cost', 'charge']
  const columns = ['calls', 'failed_calls', ...summed]
  return `
    CREATE TABLE daily (
      day INTEGER NOT NULL,
      tab INTEGER NOT NULL,
      key_id INTEGER NOT NULL,
      model TEXT NOT NULL,
      deployment TEXT NOT NULL,
      ${columns.map((name) => `${name} INTEGER NOT NULL,`).join('\n')}
      PRIMARY KEY (${GROUP.join(', ')})
    ) STRICT, WITHOUT ROWID;
    INSERT INTO daily ${summedLedger(summed)};
    CREATE INDEX daily_by_tab ON daily (tab, day);`
}

/** Gives each kind of token its column. */
export function addKinds(database: Database) {
  const there = columnsOf(database, 'daily')
  for (const name of KIND_COLUMNS.filter((name) => !there.has(name))) {
    database.exec(`ALTER TABLE daily ADD COLUMN ${name} INTEGER NOT NULL DEFAULT 0`)
  }
}

/** The names of a table's columns. */
export const columnsOf = (database: Database, table: string): Set<unknown> =>
  new Set(
    database
      .prepare('SELECT name FROM pragma_table_info(?1)')
      .all(table)
      .map(({ name }) => name),
  )

/** Where the sums are not those of the rows: both, by day, the sums of a day added up. */
export function wrongDays(database: Database): readonly SqlRow[] {
  const columns = [...GROUP, ...SUMS].join(', ')
  const tokens = KIND_COLUMNS.join(' + ')
  return database
    .prepare(`
      WITH booked AS (${summedLedger([...KIND_COLUMNS, ...AMOUNTS], `WHERE ${IS_SUMMED}`)}),
        kept AS (SELECT * FROM daily WHERE day >= ${BEFORE} / ${DAY_MS}),
        rows AS (SELECT ${columns} FROM booked EXCEPT SELECT ${columns} FROM kept),
        sums AS (SELECT ${columns} FROM kept EXCEPT SELECT ${columns} FROM booked),
        both AS (
          SELECT day, calls AS rows_calls, ${tokens} AS rows_tokens, cost AS rows_cost,
            charge AS rows_charge, 0 AS calls, 0 AS tokens, 0 AS cost, 0 AS charge FROM rows
          UNION ALL
          SELECT day, 0, 0, 0, 0, calls, ${tokens}, cost, charge FROM sums)
      SELECT day, sum(rows_calls) AS rows_calls, sum(rows_tokens) AS rows_tokens,
        sum(rows_cost) AS rows_cost, sum(rows_charge) AS rows_charge, sum(calls) AS calls,
        sum(tokens) AS tokens, sum(cost) AS cost, sum(charge) AS charge
      FROM both GROUP BY day ORDER BY day`)
    .all()
}
