import type { Budget, Limits } from '../ledger/budget.ts'
import { type BudgetTable, budgetNotFound, newBudget } from './budgets.ts'

/** What an operator says of the budget that binds a customer or a key. */
export type BudgetChange = {
  /** The tier to be on; null: none; undefined: nothing was said. Comes before `limits`. */
  readonly budgetId: string | null | undefined
  /** Limits of its own; null: none were given. */
  readonly limits: Partial<Limits> | null
}

/**
 * Makes the function that puts a customer or a key on the budget that it is to have and answers
 * that. Own limits start from those that bind now, and go with whoever had them. It is called
 * inside a transaction of the flush loop, and throws `not_found` for a tier that does not exist.
 */
export function budgetChanges(parts: {
  readonly budgets: BudgetTable
  readonly now: () => number
  readonly newId: () => string
}): (before: Budget | null, change: BudgetChange) => Budget | null {
  const { budgets, now, newId } = parts

  const budgetAfter = (budget: Budget | null, { budgetId, limits }: BudgetChange) => {
    if (budgetId !== undefined) return namedBudget(budgets, { id: budgetId, own: budget })
    if (limits === null) return budget
    if (budget !== null && !budget.shared) {
      const changed = { ...budget, ...limits, updatedAt: now() }
      budgets.replace(changed)
      return changed
    }
    // A tier is everybody's: changing it for one would change it for all on it. Whoever it is gets
    // a copy of its own instead (LiteLLM changes the tier).
    const by = { shared: false, who: 'default_user_id', now: now() }
    const own = newBudget(newId(), limitsOf(budget, limits), by)
    budgets.insert(own)
    return own
  }
  return (before, change) => {
    const after = budgetAfter(before, change)
    if (before !== null && !before.shared && before.id !== after?.id) budgets.remove(before, true)
    return after
  }
}

/** A tier, or the own budget named again; another's own is nobody's to share. */
function namedBudget(
  budgets: BudgetTable,
  { id, own }: { readonly id: string | null; readonly own: Budget | null },
): Budget | null {
  if (id === null) return null
  const budget = budgets.find(id)
  if (budget === null || !(budget.shared || budget.id === own?.id)) throw budgetNotFound(id)
  return budget
}

function limitsOf(budget: Budget | null, limits: Partial<Limits>): Partial<Limits> {
  if (budget === null) return limits
  const { id, shared, createdAt, createdBy, updatedAt, updatedBy, ...inherited } = budget
  return { ...inherited, ...limits }
}
