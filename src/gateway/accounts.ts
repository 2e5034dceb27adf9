import type { Budget } from '../ledger/budget.ts'
import { NO_LIMITS } from '../ledger/budget.ts'
import type { BudgetedCustomer, Customer } from '../ledger/customer.ts'
import { type Nanos, plus, ZERO } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import type { LedgerRow, Settlement } from '../ledger/settlement.ts'
import { crossings } from '../ledger/thresholds.ts'
import type { Demand } from '../metering/worst-case.ts'
import { type Hold, type LiveAccount, openLive, roll, settleOn } from './live-account.ts'
import type { Prompt } from './prompt.ts'

/** What the accounts need of the store. */
export type AccountStore = {
  findCustomer(id: string): BudgetedCustomer | null
  /** An unknown customer is created: its first call does that. */
  findOrOpenCustomer(id: string): BudgetedCustomer
  /** Charged for one model on a tab since a moment, milliseconds. */
  spentOnModelSince(tab: number, model: string, since: number): Nanos
}

export type AccountParts = {
  readonly store: AccountStore
  /** The budget that binds a customer: its own, or else the server's default. */
  readonly budgetOf: (assigned: Budget | null) => Budget | null
  readonly periodOf: (budget: Budget | null, now: number) => Period
  /** Shares of `max_budget` at which an event is told. */
  readonly thresholds: readonly number[]
}

/** A customer whose calls are or were lately in flight, with its sums in memory. */
export type LiveCustomer = {
  customer: Customer
  /** The one that binds; null: none does. */
  budget: Budget | null
  readonly main: LiveAccount
  /** By model, for those that the budget limits by themselves. */
  readonly models: Map<string, LiveAccount>
  totalSpent: Nanos
  /** What was told in this period of thresholds crossed. */
  told: readonly string[]
  /** Those of the calls in flight. */
  readonly reservations: Set<Reservation>
  /** Calls whose charge is not on disk yet: while there are any, it stays in memory. */
  unwritten: number
}

/** What is held for a call in flight, from admission to settlement. */
export type Reservation = {
  readonly live: LiveCustomer
  readonly holds: readonly Hold[]
  readonly model: string
  worstCase: Nanos
  /** That `worstCase` covers, over all choices. */
  outputTokens: number
  /** What it may come to; with a prompt that was counted, when somebody had to. */
  demand: Demand
  /** That `demand` has a bound for which was cheap to have; null: it is counted. */
  prompt: Prompt | null
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
  readonly #parts: AccountParts
  /** By customer id, in the order in which they were loaded. */
  readonly #live = new Map<string, LiveCustomer>()
  /** Over all customers, for the gauge. */
  #held = { count: 0, money: ZERO }

  constructor(parts: AccountParts) {
    this.#parts = parts
  }

  /** A customer in the periods that hold `now`; null: there is none of that id. */
  find(id: string, now: number): LiveCustomer | null {
    const known = this.#live.get(id)
    if (known !== undefined) return this.#current(known, now)
    const found = this.#parts.store.findCustomer(id)
    return found === null ? null : this.#keep(id, found, now)
  }

  /** The same, and an unknown one is created. */
  findOrOpen(id: string, now: number): LiveCustomer {
    const known = this.#live.get(id)
    if (known !== undefined) return this.#current(known, now)
    return this.#keep(id, this.#parts.store.findOrOpenCustomer(id), now)
  }

  /**
   * The accounts that a call of this model is on: the customer's, and the model's if it has one.
   */
  accountsFor(live: LiveCustomer, model: string, now: number): LiveAccount[] {
    const limits = live.budget?.modelMaxBudget?.[model]
    if (limits === undefined) return [live.main]
    return [live.main, live.models.get(model) ?? this.#openModel(live, model, now)]
  }

  /** Makes a reservation known whose money is held already. */
  add(reservation: Reservation) {
    reservation.live.reservations.add(reservation)
    reservation.live.unwritten++
    this.#held.count++
    this.#held.money = plus(this.#held.money, reservation.worstCase)
  }

  /** Holds another amount for a call: less always, more only as far as each account covers it. */
  resize(reservation: Reservation, worstCase: Nanos): boolean {
    const more = (worstCase - reservation.worstCase) as Nanos
    for (const { on } of reservation.holds) {
      const { limit, spent, held } = on.account
      if (more > 0 && limit !== null && spent + held + more > limit) return false
    }
    for (const { on } of reservation.holds) {
      on.account = { ...on.account, held: plus(on.account.held, more) }
    }
    this.#held.money = plus(this.#held.money, more)
    reservation.worstCase = worstCase
    return true
  }

  /** Replaces a call's hold by its charge. `written` is to be called when that is on disk. */
  settle(reservation: Reservation | null, row: LedgerRow, tokens: number): Settlement {
    if (reservation === null) return { row, after: null }
    const { live, holds, worstCase, model } = reservation
    this.#current(live, row.settledAt)
    for (const { on, rate } of holds) {
      settleOn(on, { held: worstCase, charge: row.charge })
      rate?.window.settle(rate.hold, tokens)
    }
    // A limit of the model that was set while the call was in flight counts it as well.
    const late = live.models.get(model)
    if (late !== undefined && holds.every(({ on }) => on !== late)) {
      settleOn(late, { held: ZERO, charge: row.charge })
    }
    live.reservations.delete(reservation)
    live.totalSpent = plus(live.totalSpent, row.charge)
    this.#held.count--
    this.#held.money = (this.#held.money - worstCase) as Nanos
    return { row, after: this.#after(live, row) }
  }

  written(reservation: Reservation | null) {
    if (reservation !== null) reservation.live.unwritten--
  }

  /** What is held for a customer's calls in flight. */
  held(id: string): Nanos {
    return this.#live.get(id)?.main.account.held ?? ZERO
  }

  /** Reservations of all customers, and the money in them; both zero when nothing is in flight. */
  heldInAll(): { readonly count: number; readonly money: Nanos } {
    return this.#held
  }

  /** To be called in the same breath as a commit that changed these: memory follows the disk. */
  changed(what: Changed, now: number) {
    for (const id of what.customers) this.#reload(id, now)
    const defaultId = this.#parts.budgetOf(null)?.id
    for (const id of what.budgets) {
      for (const [customerId, { customer, budget }] of this.#live) {
        const isOn = customer.budgetId === id || budget?.id === id
        if (isOn || (budget === null && id === defaultId)) this.#reload(customerId, now)
      }
    }
  }

  #after(live: LiveCustomer, row: LedgerRow): Settlement['after'] {
    const { main, budget, told, totalSpent } = live
    const { thresholds } = this.#parts
    const crossed =
      budget === null
        ? []
        : crossings(main.account, {
            softBudget: budget.softBudget,
            thresholds,
            period: main.period,
            told,
            now: row.settledAt,
          })
    live.told = [...told, ...crossed.map(({ name }) => name)]
    return {
      account: main.account,
      totalSpent,
      periodStart: main.period.start,
      crossed,
      told: crossed.map(({ name }) => name),
    }
  }

  #keep(id: string, found: BudgetedCustomer, now: number): LiveCustomer {
    const { customer } = found
    const budget = this.#parts.budgetOf(found.budget)
    const live: LiveCustomer = {
      customer,
      budget,
      main: openLive({
        limit: budget?.maxBudget ?? null,
        limits: budget ?? NO_LIMITS,
        period: this.#parts.periodOf(budget, now),
        spent: customer.spent,
      }),
      models: new Map(),
      totalSpent: customer.totalSpent,
      told: customer.told,
      reservations: new Set(),
      unwritten: 0,
    }
    if (this.#live.size >= LIVE_MAX) this.#letGo()
    this.#live.set(id, live)
    return live
  }

  #openModel(live: LiveCustomer, model: string, now: number): LiveAccount {
    const account = openLive(this.#modelState(live, model, now))
    live.models.set(model, account)
    return account
  }

  /** Where a customer stands on a model; a model without limits of its own is not limited. */
  #modelState({ customer, budget }: LiveCustomer, model: string, now: number) {
    const own = budget?.modelMaxBudget?.[model]
    const rule =
      budget === null ? null : { ...budget, duration: own?.duration ?? null, resetAt: null }
    const period = this.#parts.periodOf(rule, now)
    return {
      limit: own?.maxBudget ?? null,
      limits: { ...NO_LIMITS, rpmLimit: own?.rpmLimit ?? null, tpmLimit: own?.tpmLimit ?? null },
      period,
      spent: this.#parts.store.spentOnModelSince(customer.tab, model, period.start),
    }
  }

  #reload(id: string, now: number) {
    const live = this.#live.get(id)
    if (live === undefined) return
    const fresh = this.#parts.store.findCustomer(id)
    // Deleted, or deleted and created again: calls in flight settle on the old tab they hold.
    if (fresh === null || fresh.customer.tab !== live.customer.tab) {
      this.#live.delete(id)
      return
    }
    const { customer } = fresh
    const budget = this.#parts.budgetOf(fresh.budget)
    Object.assign(live, { customer, budget, totalSpent: customer.totalSpent, told: customer.told })
    refresh(live.main, {
      limit: budget?.maxBudget ?? null,
      limits: budget ?? NO_LIMITS,
      period: this.#parts.periodOf(budget, now),
      spent: customer.spent,
    })
    for (const [model, account] of live.models) refresh(account, this.#modelState(live, model, now))
  }

  #current(live: LiveCustomer, now: number): LiveCustomer {
    const { budget, main } = live
    if (roll(main, now, (at) => this.#parts.periodOf(budget, at))) live.told = []
    for (const [model, account] of live.models) {
      roll(account, now, (at) => this.#modelState(live, model, at).period)
    }
    return live
  }

  #letGo() {
    let looked = 0
    for (const [id, live] of this.#live) {
      if (live.unwritten === 0) this.#live.delete(id)
      if (++looked >= LIVE_MAX / 10) return
    }
  }
}

/** Brings an account up to what is on disk; what is held for calls in flight stays held. */
function refresh(live: LiveAccount, to: Parameters<typeof openLive>[0]) {
  live.limits = to.limits
  live.period = to.period
  live.account = { limit: to.limit, spent: to.spent, held: live.account.held }
}
