import { DAY_MS } from '../ledger/day.ts'

/**
 * The day before which the ledger's rows were pruned. Sums of those days are all that is left of
 * them, and stand for the rows wherever what was charged is summed.
 */

/** The migration: nothing is pruned yet, and so nothing came to anything. */
export const CREATE_PRUNED = `
  -- before: a day of UTC's begins there, milliseconds. The others: of the rows that are gone.
  CREATE TABLE pruned (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    before INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    charge INTEGER NOT NULL
  ) STRICT;
  INSERT INTO pruned VALUES (1, 0, 0, 0, 0);`

/** SQL: from when on the ledger has its rows, milliseconds. */
export const BEFORE = '(SELECT before FROM pruned)'

/**
 * Whose charges are summed: the column that names them, the table that has their rows, their sums
 * of days, and what of a call counts on their budget.
 */
const DAYS_OF = {
  tab: { rows: 'tab_rows', days: 'daily', amount: 'counted' },
  key_id: { rows: 'ledger', days: 'key_days', amount: 'charge' },
} as const

/**
 * SQL: what counts on the budget of a tab or a key, by the rows that there are (of a tab, those
 * that are summed up) and by the days of those that are gone. Days are UTC's: one counts for the
 * time in which it began. `of`, `since` and `until` are terms, and so is `model` if only one is
 * meant.
 */
export function chargedBetween(
  column: keyof typeof DAYS_OF,
  term: {
    readonly of: string
    readonly since: string
    readonly until?: string
    readonly model?: string
    /** If not what counts on the budget. */
    readonly amount?: 'charge'
  },
): string {
  const { rows: ledger, days: table, amount: counts } = DAYS_OF[column]
  const { of, since, until, model, amount = counts } = term
  const only = model === undefined ? '' : ` AND model = ${model}`
  const rows = until === undefined ? '' : ` AND settled_at < ${until}`
  const days = until === undefined ? '' : ` AND day * ${DAY_MS} < ${until}`
  return `(
    (SELECT coalesce(sum(${amount}), 0) FROM ${ledger}
      WHERE ${column} = ${of} AND settled_at >= max(${since}, ${BEFORE})${rows}${only})
    + (SELECT coalesce(sum(${amount}), 0) FROM ${table}
      WHERE ${column} = ${of} AND day < ${BEFORE} / ${DAY_MS}
        AND day >= (${since} + ${DAY_MS - 1}) / ${DAY_MS}${days}${only}))`
}
