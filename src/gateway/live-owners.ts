import { type Budget, NO_LIMITS } from '../ledger/budget.ts'
import type { Credit } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import type { Wallet } from '../ledger/wallet.ts'
import { isOver, type LiveAccount, openLive, refresh, roll } from './live-account.ts'
import type { Live } from './live-owner.ts'
import { openWallet, refreshWallet } from './live-wallet.ts'

/** What customers and keys have in common on disk. */
type Row = {
  readonly budgetId: string | null
  readonly spent: Nanos
  readonly totalSpent: Nanos
  readonly told?: readonly string[]
  readonly credit?: Credit | null
}

export type Found<Self> = { readonly self: Self; readonly budget: Budget | null }

/** What differs between customers and keys. */
export type OwnerParts<Self> = {
  /** By what calls name it: a customer's id, a key's hash. */
  readonly find: (name: string) => Found<Self> | null
  /** Whether both are one: what was deleted and made again is another, under the same name. */
  readonly isSame: (a: Self, b: Self) => boolean
  /** The budget that binds. */
  readonly budgetOf: (assigned: Budget | null) => Budget | null
  readonly periodOf: (budget: Budget | null, now: number) => Period
  readonly spentOnModelSince: (self: Self, model: string, since: number) => Nanos
  /** What is in the wallet of one that has `credit`. */
  readonly walletOf?: (self: Self) => Wallet | null
}

/**
 * Owners kept in memory, some 2 KB each, and as much again until it is collected; one more lets go
 * of those that are at rest.
 */
const LIVE_MAX = 25_000

/** The customers or the keys in memory, loaded when first needed and let go at rest. */
export class LiveOwners<Self extends Row> {
  readonly #parts: OwnerParts<Self>
  /** By name, in the order in which they were loaded. */
  readonly #live = new Map<string, Live<Self>>()

  constructor(parts: OwnerParts<Self>) {
    this.#parts = parts
  }

  /** In the periods that hold `now`; null: there is none of that name. */
  find(name: string, now: number): Live<Self> | null {
    const known = this.#live.get(name)
    if (known !== undefined) return this.current(known, now)
    const found = this.#parts.find(name)
    return found === null ? null : this.#keep(name, found, now)
  }

  /** The same, and an unknown one is created by `open`. */
  findOrOpen(name: string, now: number, open: (name: string) => Found<Self>): Live<Self> {
    const known = this.#live.get(name)
    return known === undefined ? this.#keep(name, open(name), now) : this.current(known, now)
  }

  /** One that is in memory, as it was at the last look; nothing is loaded for it. */
  inMemory(name: string): Live<Self> | undefined {
    return this.#live.get(name)
  }

  /** What is held for calls in flight. */
  held(name: string): Nanos | undefined {
    return this.#live.get(name)?.main.account.held
  }

  /** The accounts that a call of this model is on: its own, and the model's if that has limits. */
  accountsFor(live: Live<Self>, model: string, now: number): LiveAccount[] {
    const limits = live.budget?.modelMaxBudget?.[model]
    if (limits === undefined) return [live.main]
    return [live.main, live.models.get(model) ?? this.#openModel(live, model, now)]
  }

  /** Brings what is in memory up to the disk. */
  reload(name: string, now: number) {
    const live = this.#live.get(name)
    if (live === undefined) return
    const fresh = this.#parts.find(name)
    // Deleted, or deleted and created again: calls in flight settle on the old one that they hold.
    if (fresh === null || !this.#parts.isSame(fresh.self, live.self)) {
      this.#live.delete(name)
      return
    }
    const { self } = fresh
    const budget = this.#parts.budgetOf(fresh.budget)
    Object.assign(live, { self, budget, totalSpent: self.totalSpent, told: self.told ?? [] })
    this.#refreshWallet(live)
    refresh(live.main, this.#mainState(self, budget, now))
    for (const [model, account] of live.models) refresh(account, this.#modelState(live, model, now))
  }

  /** The same for all whom a budget binds. */
  reloadOn(budgetId: string, now: number) {
    const isDefault = this.#parts.budgetOf(null)?.id === budgetId
    for (const [name, { self, budget }] of this.#live) {
      const isOn = self.budgetId === budgetId || budget?.id === budgetId
      if (isOn || (budget === null && isDefault)) this.reload(name, now)
    }
  }

  /** Keeps one, with what is held for it, under another name. */
  rename(from: string, to: string) {
    const live = this.#live.get(from)
    if (live === undefined || from === to) return
    this.#live.delete(from)
    this.#live.set(to, live)
  }

  /** Resets what was due for it since the last look. */
  current(live: Live<Self>, now: number): Live<Self> {
    const { budget, main } = live
    if (isOver(main, now)) {
      roll(main, this.#parts.periodOf(budget, now))
      live.told = []
    }
    for (const [model, account] of live.models) {
      if (isOver(account, now)) roll(account, this.#modelPeriod(live, model, now))
    }
    return live
  }

  #keep(name: string, found: Found<Self>, now: number): Live<Self> {
    const { self } = found
    const budget = this.#parts.budgetOf(found.budget)
    const live: Live<Self> = {
      self,
      budget,
      main: openLive(this.#mainState(self, budget, now)),
      models: new Map(),
      totalSpent: self.totalSpent,
      wallet: null,
      allowance: null,
      margin: null,
      told: self.told ?? [],
      reservations: new Set(),
      unwritten: 0,
    }
    this.#refreshWallet(live)
    if (this.#live.size >= LIVE_MAX) this.#letGo()
    this.#live.set(name, live)
    return live
  }

  #refreshWallet(live: Live<Self>) {
    const { self, wallet } = live
    const credit = self.credit ?? null
    const onDisk = credit === null ? null : (this.#parts.walletOf?.(self) ?? null)
    if (credit === null || onDisk === null) live.wallet = null
    else if (wallet === null) live.wallet = openWallet(onDisk, credit)
    else refreshWallet(wallet, onDisk, credit)
  }

  #openModel(live: Live<Self>, model: string, now: number): LiveAccount {
    const account = openLive(this.#modelState(live, model, now))
    live.models.set(model, account)
    return account
  }

  #mainState({ spent }: Self, budget: Budget | null, now: number) {
    const period = this.#parts.periodOf(budget, now)
    return { limit: budget?.maxBudget ?? null, limits: budget ?? NO_LIMITS, period, spent }
  }

  /** Where it stands on a model; a model without limits of its own is not limited. */
  #modelState(live: Live<Self>, model: string, now: number) {
    const { self, budget } = live
    const own = budget?.modelMaxBudget?.[model]
    const period = this.#modelPeriod(live, model, now)
    return {
      limit: own?.maxBudget ?? null,
      limits: { ...NO_LIMITS, rpmLimit: own?.rpmLimit ?? null, tpmLimit: own?.tpmLimit ?? null },
      period,
      spent: this.#parts.spentOnModelSince(self, model, period.start),
    }
  }

  /** Without a look at the disk: a settlement needs it, and must not fail with the disk. */
  #modelPeriod({ budget }: Live<Self>, model: string, now: number): Period {
    const own = budget?.modelMaxBudget?.[model]
    const rule =
      budget === null ? null : { ...budget, duration: own?.duration ?? null, resetAt: null }
    return this.#parts.periodOf(rule, now)
  }

  #letGo() {
    let looked = 0
    for (const [name, live] of this.#live) {
      if (live.unwritten === 0) this.#live.delete(name)
      if (++looked >= LIVE_MAX / 10) return
    }
  }
}
