import { type Account, openAccount, reserve } from '../ledger/account.ts'
import type { Budget } from '../ledger/budget.ts'
import type { BudgetedCustomer, Customer } from '../ledger/customer.ts'
import { type Nanos, plus, ZERO } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import { type LedgerRow, type Settlement, settleCall } from '../ledger/settlement.ts'

/** What the accounts need of the store. */
export type AccountStore = {
  findCustomer(id: string): BudgetedCustomer | null
  /** An unknown customer is created: its first call does that. */
  findOrOpenCustomer(id: string): BudgetedCustomer
  findBudget(id: string): Budget | null
}

/** A customer whose calls are or were lately in flight, with its sums in memory. */
export type LiveCustomer = {
  customer: Customer
  budget: Budget | null
  period: Period
  account: Account
  totalSpent: Nanos
  /** Calls whose charge is not on disk yet: while there are any, it stays in memory. */
  unwritten: number
}

/** A call's place on its customer's account, from admission to settlement. */
export type Reservation = {
  readonly live: LiveCustomer
  readonly worstCase: Nanos
}

/** Ids of customers and budgets that an operator changed. */
export type Changed = {
  readonly customers: readonly string[]
  readonly budgets: readonly string[]
}

/** Customers kept in memory; one more lets go of those that are at rest. */
const LIVE_MAX = 100_000

/**
 * The accounts of customers in memory, loaded when first needed and let go at rest. They run
 * ahead of the disk by what is queued for it, and never behind: every change goes through here.
 */
export class Accounts {
  readonly #store: AccountStore
  readonly #periodOf: (budget: Budget | null, now: number) => Period
  /** By customer id, in the order in which they were loaded. */
  readonly #live = new Map<string, LiveCustomer>()

  constructor(parts: {
    store: AccountStore
    periodOf: (budget: Budget | null, now: number) => Period
  }) {
    this.#store = parts.store
    this.#periodOf = parts.periodOf
  }

  /** The account of a call's customer, in the period that holds `now`. */
  of(id: string, now: number): LiveCustomer {
    const known = this.#live.get(id)
    if (known !== undefined) {
      this.#roll(known, now)
      return known
    }
    const live = this.#open(this.#store.findOrOpenCustomer(id), now)
    if (this.#live.size >= LIVE_MAX) this.#letGo()
    this.#live.set(id, live)
    return live
  }

  /** Holds `worstCase` for a call, or returns null when the budget does not cover it. */
  reserve(live: LiveCustomer, worstCase: Nanos): Reservation | null {
    const account = reserve(live.account, worstCase)
    if (account === null) return null
    live.account = account
    live.unwritten++
    return { live, worstCase }
  }

  /** Replaces a call's hold by its charge. `written` is to be called when that is on disk. */
  settle(reservation: Reservation | null, row: LedgerRow): Settlement {
    if (reservation === null) return settleCall(row, null)
    const { live, worstCase } = reservation
    this.#roll(live, row.settledAt)
    const { account, totalSpent, period } = live
    const sums = { account, totalSpent, periodStart: period.start }
    const settlement = settleCall(row, { sums, worstCase })
    live.account = settlement.after!.account
    live.totalSpent = settlement.after!.totalSpent
    return settlement
  }

  written(reservation: Reservation | null) {
    if (reservation !== null) reservation.live.unwritten--
  }

  /** What is held for a customer's calls in flight. */
  held(id: string): Nanos {
    return this.#live.get(id)?.account.held ?? ZERO
  }

  /** What is held for all calls in flight; zero when there are none. */
  heldInAll(): Nanos {
    return this.#live.values().reduce((sum, { account }) => plus(sum, account.held), ZERO)
  }

  /** To be called in the same breath as a commit that changed these: memory follows the disk. */
  changed(what: Changed, now: number) {
    for (const id of what.customers) this.#reload(id, now)
    for (const id of what.budgets) {
      for (const [customerId, { customer }] of this.#live) {
        if (customer.budgetId === id) this.#reload(customerId, now)
      }
    }
  }

  #reload(id: string, now: number) {
    const live = this.#live.get(id)
    if (live === undefined) return
    const fresh = this.#store.findCustomer(id)
    // Deleted, or deleted and created again: calls in flight settle on the old tab they hold.
    if (fresh === null || fresh.customer.tab !== live.customer.tab) {
      this.#live.delete(id)
      return
    }
    const { held } = live.account
    const { customer, budget } = fresh
    live.customer = customer
    live.budget = budget
    live.totalSpent = customer.totalSpent
    live.period = this.#periodOf(budget, now)
    live.account = { limit: budget?.maxBudget ?? null, spent: customer.spent, held }
  }

  #open({ customer, budget }: BudgetedCustomer, now: number): LiveCustomer {
    return {
      customer,
      budget,
      period: this.#periodOf(budget, now),
      account: openAccount(budget?.maxBudget ?? null, customer.spent),
      totalSpent: customer.totalSpent,
      unwritten: 0,
    }
  }

  /** A reset happens here, at the first look after it was due. What is held stays held. */
  #roll(live: LiveCustomer, now: number) {
    if (live.period.end === null || now < live.period.end) return
    live.period = this.#periodOf(live.budget, now)
    live.account = { ...live.account, spent: ZERO }
  }

  #letGo() {
    let looked = 0
    for (const [id, live] of this.#live) {
      if (live.unwritten === 0) this.#live.delete(id)
      if (++looked >= LIVE_MAX / 10) return
    }
  }
}
