import type { BudgetedCustomer } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { breath } from './records.ts'
import type { SumUp } from './summing.ts'

/**
 * Who has spent how much of a budget, by an index of budget and spend. A sum that was written in an
 * earlier period is summed anew when it is met, which can only be where it is high enough.
 */
export type NearLimits = {
  /** Those on a budget who have spent so much in their period, most first. */
  above(budgetId: string | null, amount: Nanos, now: number): AsyncGenerator<BudgetedCustomer[]>
  /** Those with a budget of their own of which they have used such a share. */
  nearOwn(share: number, now: number): AsyncGenerator<BudgetedCustomer[]>
}

const AT_ONCE = 500

/** The migration. Those on a budget by their spend are in an index for lists. */
export const CREATE_NEAR_LIMITS = `
  CREATE INDEX budgets_own ON budgets (id) WHERE shared = 0 AND max_budget IS NOT NULL;`

export const ABOVE = `
  SELECT * FROM customers INDEXED BY customers_by_budget
  WHERE budget_id IS ?1 AND deleted_at IS NULL AND (spent, tab) < (?2, ?3) AND spent >= ?4
  ORDER BY spent DESC, tab DESC LIMIT ${AT_ONCE}`

export const OWN_BUDGETS = `
  SELECT id, max_budget FROM budgets INDEXED BY budgets_own
  WHERE shared = 0 AND max_budget IS NOT NULL AND id > ?1 ORDER BY id LIMIT ${AT_ONCE}`

export const ON_OWN = `
  SELECT * FROM customers INDEXED BY customers_by_budget
  WHERE budget_id = ?1 AND deleted_at IS NULL AND spent >= ?2`

/** `current` is a row with the sums of the period that holds a moment; `sumUp` makes sums first. */
export function nearLimits(
  database: Database,
  {
    current,
    sumUp,
  }: {
    readonly current: (row: SqlRow, now: number) => BudgetedCustomer
    readonly sumUp: SumUp
  },
): NearLimits {
  const rowsAbove = database.prepare(ABOVE)
  const ownBudgets = database.prepare(OWN_BUDGETS)
  const onOwn = database.prepare(ON_OWN)
  const still = (rows: readonly SqlRow[], amount: number, now: number) =>
    rows.map((row) => current(row, now)).filter(({ customer }) => customer.spent >= amount)

  return {
    async *above(budgetId, amount, now) {
      await sumUp()
      let place = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
      for (;;) {
        const rows = rowsAbove.all(budgetId, ...place, amount)
        yield still(rows, amount, now)
        if (rows.length < AT_ONCE) return
        place = [rows.at(-1)!['spent'] as number, rows.at(-1)!['tab'] as number]
        await breath()
      }
    },
    async *nearOwn(share, now) {
      await sumUp()
      for (let last = ''; ; await breath()) {
        const budgets = ownBudgets.all(last)
        yield budgets.flatMap(({ id, max_budget: max }) => {
          const amount = Math.max(share * (max as number), Number(max === 0))
          return still(onOwn.all(id!, amount), amount, now)
        })
        if (budgets.length < AT_ONCE) return
        last = budgets.at(-1)!['id'] as string
      }
    },
  }
}
