import type { BudgetRules } from '../config/config.ts'
import { type Budget, NO_LIMITS } from '../ledger/budget.ts'
import { type Period, periodAt } from '../ledger/period.ts'

/** Which budget binds a customer, and which period of it holds a moment. */
export type Binding = {
  /** The customer's own or its tier, else the server's default; null: none binds. */
  budgetOf(assigned: Budget | null): Budget | null
  periodOf(assigned: Budget | null, now: number): Period
}

export function binding(rules: BudgetRules, findBudget: (id: string) => Budget | null): Binding {
  const budgetOf = (assigned: Budget | null) => assigned ?? defaultBudget(rules, findBudget)
  return {
    budgetOf,
    periodOf(assigned, now) {
      const budget = budgetOf(assigned)
      return periodAt(
        {
          duration: budget?.duration ?? null,
          resetAt: budget?.resetAt ?? null,
          createdAt: budget?.createdAt ?? 0,
          timezone: budget?.timezone ?? rules.timezone,
          weekStart: budget?.weekStart ?? rules.weekStart,
          dayOfMonth: budget?.dayOfMonth ?? rules.dayOfMonth,
        },
        now,
      )
    },
  }
}

/** What binds a customer without a budget of its own: a tier by its id, or plain dollars. */
function defaultBudget(
  { defaultBudgetId, defaultMaxBudget: maxBudget }: BudgetRules,
  findBudget: (id: string) => Budget | null,
): Budget | null {
  if (defaultBudgetId !== null) return findBudget(defaultBudgetId)
  if (maxBudget === null) return null
  const made = { createdAt: 0, createdBy: 'config', updatedAt: 0, updatedBy: 'config' }
  return { ...NO_LIMITS, ...made, id: 'max_end_user_budget', shared: true, maxBudget }
}
