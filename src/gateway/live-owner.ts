import type { Budget, BudgetMode } from '../ledger/budget.ts'
import type { Customer } from '../ledger/customer.ts'
import type { VirtualKey } from '../ledger/key.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Demand } from '../metering/worst-case.ts'
import type { LiveAllowance } from './allowance.ts'
import type { Hold, LiveAccount, Takes } from './live-account.ts'
import type { LiveWallet } from './live-wallet.ts'
import type { LiveMargin } from './margin.ts'
import type { Prompt } from './prompt.ts'
import type { Tariff } from './tariff.ts'

/**
 * Whom a call is held on, with its sums in memory: the customer whose tab it is on, and the virtual
 * key that it came with. Both have a budget in the same way, and one is as little passed as the
 * other.
 */
export type Live<Self> = {
  self: Self
  /** The one that binds; null: none does. */
  budget: Budget | null
  readonly main: LiveAccount
  /** By model, for those that the budget limits by themselves. */
  readonly models: Map<string, LiveAccount>
  totalSpent: Nanos
  /** Credit paid in advance; null: it has no wallet. */
  wallet: LiveWallet | null
  /** What is free each month by its rate card; null: nobody has asked yet. */
  allowance: LiveAllowance | null
  /** What its charges of the day are more than they cost; null: no rate card has asked yet. */
  margin: LiveMargin | null
  /** What was told in this period of thresholds crossed. */
  told: readonly string[]
  /** Those of the calls in flight. */
  readonly reservations: Set<Reservation>
  /** Calls whose charge is not on disk yet: while there are any, it stays in memory. */
  unwritten: number
}

export type LiveCustomer = Live<Customer>
export type LiveKey = Live<VirtualKey>
export type LiveOwner = LiveCustomer | LiveKey

/** Who a call is held on; null: it names no customer, or came with the master key. */
export type Owners = { readonly customer: LiveCustomer | null; readonly key: LiveKey | null }

/** An account that a call is to be held on, whose it is, and how its budget is enforced. */
export type Place = {
  readonly owner: LiveOwner
  readonly on: LiveAccount
  readonly mode: BudgetMode
  readonly takes: Takes
}

/** What is held for a call in flight, from admission to settlement. */
export type Reservation = Owners & {
  readonly holds: readonly Hold[]
  readonly model: string
  /** Milliseconds. */
  readonly admittedAt: number
  worstCase: Nanos
  /** By what it is charged; null: the charge is the cost. */
  readonly tariff: Tariff | null
  /** Held of the tariff's allowance, in its unit; it is off `worstCase`. */
  readonly free: number
  /** That `worstCase` covers, over all choices. */
  outputTokens: number
  /** What it may come to; with a prompt that was counted, when somebody had to. */
  demand: Demand
  /** That `demand` has a bound for which was cheap to have; null: it is counted. */
  prompt: Prompt | null
}

export function ownersOf({ customer, key }: Owners): LiveOwner[] {
  if (customer === null) return key === null ? [] : [key]
  return key === null ? [customer] : [customer, key]
}

export const isKey = (owner: LiveOwner): owner is LiveKey => 'hash' in owner.self

/** As refusals name it. A key goes by its alias, or by what may be shown of its secret. */
export const nameOf = (owner: LiveOwner): string =>
  isKey(owner) ? `Key=${owner.self.alias ?? owner.self.name}` : `End User=${owner.self.id}`

/** Whether it is the credit paid in advance that a call is held on there. */
export const isWallet = ({ owner, on }: Pick<Place, 'owner' | 'on'>): boolean =>
  owner.wallet?.on === on
