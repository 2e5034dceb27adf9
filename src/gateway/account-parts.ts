import type { Budget } from '../ledger/budget.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import type { BudgetedKey } from '../ledger/key.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import type { Wallet } from '../ledger/wallet.ts'
import type { UsedFree } from './allowance.ts'
import type { MarginOf } from './margin.ts'
import type { Tariffs } from './tariff.ts'
import type { WalletStore } from './wallets.ts'

/** What the accounts need of the store. */
export type AccountStore = {
  findCustomer(id: string): BudgetedCustomer | null
  /** An unknown customer is created: its first call does that. */
  findOrOpenCustomer(id: string): BudgetedCustomer
  /** Charged for one model on a tab since a moment, milliseconds. */
  spentOnModelSince(tab: number, model: string, since: number): Nanos
  readonly keys: {
    find(hash: string): BudgetedKey | null
    spentOnModelSince(id: number, model: string, since: number): Nanos
  }
  readonly credit: WalletStore & { wallet(tab: number): Wallet | null }
  /** What was used of the free of a month on a tab, and what a day was charged beyond its cost. */
  readonly rates: { readonly usedFree: UsedFree; readonly marginOf: MarginOf }
}

export type AccountParts = {
  readonly store: AccountStore
  /** The budget that binds a customer: its own, or else the server's default. */
  readonly budgetOf: (assigned: Budget | null) => Budget | null
  readonly tariffs: Tariffs
  readonly periodOf: (budget: Budget | null, now: number) => Period
  /** Shares of `max_budget` at which an event is told. */
  readonly thresholds: readonly number[]
  /** The balance at which `credit_low` is told; null: at none. */
  readonly creditLowAt: Nanos | null
}
