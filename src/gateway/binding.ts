import type { BudgetRules } from '../config/config.ts'
import { type Budget, NO_LIMITS } from '../ledger/budget.ts'
import { type Nanos, ZERO } from '../ledger/money.ts'
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

/**
 * What binds a customer without a budget of its own: a tier by its id, or plain dollars. A tier
 * that does not exist (yet) allows nothing: a slip in the config must not lift every limit.
 */
function defaultBudget(
  { defaultBudgetId: id, defaultMaxBudget }: BudgetRules,
  findBudget: (id: string) => Budget | null,
): Budget | null {
  if (id !== null) return findBudget(id) ?? madeBudget(id, ZERO)
  return defaultMaxBudget === null ? null : madeBudget('max_end_user_budget', defaultMaxBudget)
}

function madeBudget(id: string, maxBudget: Nanos): Budget {
  const made = { createdAt: 0, createdBy: 'config', updatedAt: 0, updatedBy: 'config' }
  return { ...NO_LIMITS, ...made, id, shared: true, maxBudget }
}
