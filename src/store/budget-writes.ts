import type { Budget, Limits } from '../ledger/budget.ts'
import { type BudgetTable, budgetNotFound, newBudget } from './budgets.ts'
import type { Flush } from './flush.ts'
import type { StoreOptions } from './options.ts'

/** What an operator does to budgets that several customers can share. */
export type BudgetWrites = {
  /** Throws `conflict` when the id is taken. */
  create(given: {
    readonly id: string
    readonly limits: Partial<Limits>
    readonly createdBy: string
  }): Promise<Budget>
  /** Changes what is given, for every customer on it at once. Throws `not_found`. */
  update(id: string, limits: Partial<Limits>, updatedBy: string): Promise<Budget>
  /** Throws `not_found`, and `in_use` while customers are on it unless `force`. */
  delete(id: string, force: boolean): Promise<Budget>
}

export function budgetWrites(
  parts: Pick<StoreOptions, 'now' | 'changed'> & {
    readonly budgets: BudgetTable
    readonly flush: Flush
  },
): BudgetWrites {
  const { budgets, flush, now, changed } = parts
  const find = (id: string): Budget => {
    const known = budgets.find(id)
    if (known === null) throw budgetNotFound(id)
    return known
  }
  return {
    create({ id, limits, createdBy }) {
      const budget = newBudget(id, limits, { shared: true, who: createdBy, now: now() })
      return flush.attempt(() => {
        budgets.insert(budget)
        return budget
      })
    },
    update: (id, limits, updatedBy) =>
      flush.attempt(
        () => {
          const budget = { ...find(id), ...limits, updatedAt: now(), updatedBy }
          budgets.replace(budget)
          return budget
        },
        () => changed({ budgets: [id] }),
      ),
    delete: (id, force) =>
      flush.attempt(
        () => {
          const known = find(id)
          budgets.remove(known, force)
          return known
        },
        () => changed({ budgets: [id] }),
      ),
  }
}
