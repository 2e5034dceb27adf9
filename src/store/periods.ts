import type { BudgetedCustomer } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import type { PeriodOf } from './customers.ts'
import type { LedgerSums } from './ledger.ts'

/** What was charged in a period of a budget. */
export type PeriodSpend = Period & { readonly spent: Nanos }

/** The current period of a customer's budget and those before it, newest first. */
export function periodsOf(
  { customer: { tab, createdAt }, budget }: BudgetedCustomer,
  about: {
    readonly limit: number
    readonly periodOf: PeriodOf
    readonly now: number
    readonly tabs: LedgerSums
  },
): readonly PeriodSpend[] {
  const periods: PeriodSpend[] = []
  let period = about.periodOf(budget, about.now)
  for (;;) {
    const { start, end } = period
    const spent = about.tabs.spentBetween(tab, start, end ?? Number.MAX_SAFE_INTEGER)
    periods.push({ start, end, spent })
    if (periods.length === about.limit || start <= createdAt) return periods
    period = about.periodOf(budget, start - 1)
  }
}
