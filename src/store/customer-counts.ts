import type { Database } from '../runtime/sqlite.ts'

/**
 * How many customers there are, in all and on each budget, blocked and not: kept by triggers, so
 * that nobody counts a million rows, and whatever undoes a write undoes its count with it. A budget
 * of '' stands for all customers, with and without one: no budget has that id.
 */
export type CustomerCounts = {
  /** Null: whatever the budget, or blocked or not. */
  count(of: { readonly budgetId: string | null; readonly blocked: boolean | null }): number
}

export function customerCounts(database: Database): CustomerCounts {
  const find = database.prepare(COUNTED)
  return {
    count({ budgetId, blocked }) {
      const rows = find.all(budgetId ?? '')
      return rows
        .filter((row) => blocked === null || (row['blocked'] === 1) === blocked)
        .reduce((sum, { customers }) => sum + (customers as number), 0)
    },
  }
}

const COUNTED = 'SELECT blocked, customers FROM customer_counts WHERE budget_id = ?1'

const change = (by: 1 | -1, of: 'new' | 'old', budget: string, where: string) => `
  INSERT INTO customer_counts SELECT ${budget}, ${of}.blocked, ${by} WHERE ${where}
    ON CONFLICT DO UPDATE SET customers = customers + ${by};`

const both = (by: 1 | -1, of: 'new' | 'old') =>
  change(by, of, "''", `${of}.deleted_at IS NULL`) +
  change(by, of, `${of}.budget_id`, `${of}.deleted_at IS NULL AND ${of}.budget_id IS NOT NULL`)

/** Only those of an own budget come and go: without this they would pile up at 0. */
const FORGET = 'DELETE FROM customer_counts WHERE budget_id = old.budget_id AND customers = 0;'

const counted = `
  SELECT '' AS budget_id, blocked, count(*) AS customers FROM customers
  WHERE deleted_at IS NULL GROUP BY blocked
  UNION ALL
  SELECT budget_id, blocked, count(*) FROM customers
  WHERE deleted_at IS NULL AND budget_id IS NOT NULL GROUP BY budget_id, blocked`

/** The migration that makes them, with the customers that there are. */
export const CREATE_COUNTS = `
  CREATE TABLE customer_counts (
    budget_id TEXT NOT NULL,
    blocked INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    PRIMARY KEY (budget_id, blocked)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO customer_counts ${counted};
  CREATE TRIGGER customers_made AFTER INSERT ON customers BEGIN ${both(1, 'new')} END;
  CREATE TRIGGER customers_moved AFTER UPDATE OF budget_id, blocked, deleted_at ON customers
    WHEN old.budget_id IS NOT new.budget_id OR old.blocked <> new.blocked
      OR old.deleted_at IS NOT new.deleted_at
    BEGIN ${both(1, 'new')} ${both(-1, 'old')} ${FORGET} END;`

/** A sentence for each count that is wrong. */
export function wrongCounts(database: Database): string[] {
  return database
    .prepare(`
      WITH counted AS (${counted}),
        kept AS (SELECT * FROM customer_counts WHERE customers <> 0)
      SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)
      UNION SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted)`)
    .all()
    .map(
      ({ budget_id: budget, blocked }) =>
        `the number of ${blocked === 1 ? '' : 'un'}blocked customers ` +
        `${budget === '' ? 'in all' : `on budget ${budget}`} is not that of its count`,
    )
}
