import type { Budget, BudgetMode } from '../ledger/budget.ts'
import type { BudgetedCustomer, Customer } from '../ledger/customer.ts'
import type { BudgetedKey, VirtualKey } from '../ledger/key.ts'
import { type Nanos, plus, ZERO } from '../ledger/money.ts'
import type { OpenCall } from '../ledger/open-call.ts'
import { WHOLE_LIFE } from '../ledger/period.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { AccountParts } from './account-parts.ts'
import { type Free, freeOf, holdFree, leftAtSettlement, useFree } from './allowance.ts'
import { heldOn, settleOn, withdraw } from './live-account.ts'
import {
  type LiveCustomer,
  type LiveKey,
  type LiveOwner,
  type Owners,
  ownersOf,
  type Place,
  type Reservation,
} from './live-owner.ts'
import { LiveOwners } from './live-owners.ts'
import { knowMargin } from './margin.ts'
import { settleHolds, sumsAfter } from './settled.ts'
import { chargedRow, type MeteredRow, type Tariff } from './tariff.ts'
import { Wallets } from './wallets.ts'

/** What an operator changed: ids of customers and of budgets, hashes of keys before and after. */
export type Changed = {
  readonly customers?: readonly string[]
  readonly budgets?: readonly string[]
  readonly keys?: readonly { readonly from: string; readonly to: string }[]
}

/**
 * The accounts of customers and keys in memory. They run ahead of the disk by what is queued for
 * it, and never behind: every change goes through here.
 */
export class Accounts {
  readonly #parts: AccountParts
  readonly wallets: Wallets
  readonly #customers: LiveOwners<Customer>
  readonly #keys: LiveOwners<VirtualKey>
  /** Over all calls in flight, for the gauge. */
  #held = { count: 0, money: ZERO }

  constructor(parts: AccountParts) {
    this.#parts = parts
    this.wallets = new Wallets({
      store: parts.store.credit,
      lowAt: parts.creditLowAt,
      find: (id, now) => this.find(id, now),
      inMemory: (id) => this.#customers.inMemory(id),
    })
    const { store, budgetOf, periodOf } = parts
    this.#customers = new LiveOwners({
      find: (id) => orNull(store.findCustomer(id), ofCustomer),
      isSame: (a, b) => a.tab === b.tab,
      budgetOf,
      periodOf,
      spentOnModelSince: ({ tab }, model, since) => store.spentOnModelSince(tab, model, since),
      walletOf: ({ tab }) => store.credit.wallet(tab),
    })
    this.#keys = new LiveOwners({
      find: (hash) => orNull(store.keys.find(hash), ofKey),
      isSame: (a, b) => a.id === b.id,
      // The server's default is for customers: a key is limited by what was said of it alone.
      budgetOf: (assigned) => assigned,
      periodOf: (budget, now) => (budget === null ? WHOLE_LIFE : periodOf(budget, now)),
      spentOnModelSince: ({ id }, model, since) => store.keys.spentOnModelSince(id, model, since),
    })
  }

  /** A customer in the periods that hold `now`; null: there is none of that id. */
  find(id: string, now: number): LiveCustomer | null {
    return this.#customers.find(id, now)
  }

  /** The same, and an unknown one is created. */
  findOrOpen(id: string, now: number): LiveCustomer {
    const open = (id: string) => ofCustomer(this.#parts.store.findOrOpenCustomer(id))
    return this.#customers.findOrOpen(id, now, open)
  }

  /** The key of a hash; null: there is none, or it was deleted. */
  findKey(hash: string, now: number): LiveKey | null {
    return this.#keys.find(hash, now)
  }

  /**
   * The accounts that a call is on: the customer's, the key's, and of each the model's if that is
   * limited by itself; and the customer's wallet. `mode` is for budgets that say nothing of it.
   */
  placesOf(
    { customer, key }: Owners,
    about: { readonly model: string; readonly mode: BudgetMode; readonly now: number },
  ): Place[] {
    const { model, now } = about
    const places: Place[] = []
    const add = (owner: LiveOwner, accounts: Place['on'][], takes: Place['takes']) => {
      const mode = owner.budget?.mode ?? about.mode
      for (const on of accounts) places.push({ owner, on, mode, takes })
    }
    if (customer !== null) {
      add(customer, this.#customers.accountsFor(customer, model, now), 'counted')
      if (customer.wallet !== null) {
        this.wallets.expire(customer, customer.wallet, now)
        add(customer, [customer.wallet.on], 'charge')
      }
    }
    if (key !== null) add(key, this.#keys.accountsFor(key, model, now), 'charge')
    return places
  }

  /** By what a call for a customer is charged; null: it names none, or its charge is its cost. */
  tariffFor(id: string | null, now: number): Tariff | null {
    if (id === null) return null
    const live = this.find(id, now)
    const { tariffs, budgetOf, store } = this.#parts
    const tariff = tariffs.of(live?.self ?? null, live === null ? budgetOf(null) : live.budget)
    if (live !== null && tariff?.text != null) knowMargin(live, store.rates.marginOf, now)
    return tariff
  }

  /** What is left of a tariff's allowance; null: it has none. */
  freeOf(customer: LiveCustomer | null, tariff: Tariff | null, now: number): Free | null {
    return freeOf(customer, tariff, { usedFree: this.#parts.store.rates.usedFree, now })
  }

  /** Makes a reservation known whose money is held already. */
  add(reservation: Reservation) {
    for (const owner of ownersOf(reservation)) {
      owner.reservations.add(reservation)
      owner.unwritten++
    }
    this.#held.count++
    this.#held.money = plus(this.#held.money, reservation.worstCase)
  }

  /** Holds another amount for a call: less always, more only as far as each account covers it. */
  resize(reservation: Reservation, worstCase: Nanos): boolean {
    const more = (worstCase - reservation.worstCase) as Nanos
    for (const { on, mode } of reservation.holds) {
      const { limit, spent, held } = on.account
      const isKept = mode === 'strict' && limit !== null
      if (more > 0 && isKept && spent + held + more > limit) return false
    }
    for (const hold of reservation.holds) {
      const { account } = hold.on
      hold.on.account = { ...account, held: plus(account.held, heldOn(hold, more)) }
    }
    this.#held.money = plus(this.#held.money, more)
    reservation.worstCase = worstCase
    return true
  }

  /** Replaces a call's hold by its charge. `written` is to be called when that is on disk. */
  settle(reservation: Reservation | null, metered: MeteredRow, tokens: number): Settlement {
    if (reservation === null) return { row: chargedRow(metered, null, 0), after: null, key: null }
    const { wallet = null } = reservation.customer ?? {}
    const isDrawn = wallet !== null && reservation.holds.some(({ on }) => on === wallet.on)
    const { customer, key, worstCase, tariff, free } = reservation
    const left = leftAtSettlement(customer, reservation, metered.settledAt)
    const row = chargedRow(metered, tariff, left)
    if (customer !== null) this.#customers.current(customer, row.settledAt)
    if (key !== null) this.#keys.current(key, row.settledAt)
    holdFree(customer, tariff, -free)
    if (customer !== null) useFree(customer, row)
    settleHolds(reservation, row, tokens)
    this.#held.count--
    this.#held.money = (this.#held.money - worstCase) as Nanos
    const after = customer === null ? null : sumsAfter(customer, row, this.#parts.thresholds)
    const settlement = { row, after, key: key === null ? null : settledKey(key) }
    if (customer === null || after === null || wallet === null) return settlement
    // What was admitted before there was a wallet is not held on it, and not its to pay.
    if (!isDrawn) return { ...settlement, credit: 'apart' }
    const drawn = {
      ...settlement,
      after: this.wallets.drawn(after, wallet, row),
      credit: 'drawn' as const,
    }
    this.wallets.expireAfter(customer, wallet, row.settledAt)
    return drawn
  }

  /** Gives back what is held for a call that is not sent after all, as if it had never come. */
  release(reservation: Reservation) {
    const { holds, worstCase, customer, tariff, free } = reservation
    for (const hold of holds) {
      settleOn(hold.on, { held: heldOn(hold, worstCase), charge: ZERO })
      withdraw(hold)
    }
    holdFree(customer, tariff, -free)
    for (const owner of ownersOf(reservation)) {
      owner.reservations.delete(reservation)
      owner.unwritten--
    }
    this.#held.count--
    this.#held.money = (this.#held.money - worstCase) as Nanos
  }

  /**
   * Books the charge of a call of an earlier process, for which nothing is held any more. Before
   * the first call no key is in memory, so only the disk need know what its key was charged.
   */
  book(
    metered: MeteredRow,
    of: Pick<OpenCall, 'card' | 'counts'>,
  ): { readonly settlement: Settlement; readonly budget: Budget | null } {
    const { settledAt, customerId } = metered
    const live = customerId === null ? null : this.find(customerId, settledAt)
    const tariff = this.#parts.tariffs.named(of)
    const isOfTab = live !== null && live.self.tab === metered.tab
    const free = this.freeOf(isOfTab ? live : null, tariff, settledAt)
    const row = chargedRow(metered, tariff, free?.left ?? 0)
    if (live === null || !isOfTab) {
      return { settlement: { row, after: null, key: null, credit: 'drawn' }, budget: null }
    }
    const { main, wallet, budget } = live
    useFree(live, row)
    settleOn(main, { held: ZERO, charge: row.counted })
    live.totalSpent = plus(live.totalSpent, row.charge)
    const after = sumsAfter(live, row, this.#parts.thresholds)
    if (wallet === null) return { settlement: { row, after, key: null }, budget }
    settleOn(wallet.on, { held: ZERO, charge: row.charge })
    const drawn = this.wallets.drawn(after, wallet, row)
    return { settlement: { row, after: drawn, key: null, credit: 'drawn' }, budget }
  }

  written(reservation: Reservation | null) {
    if (reservation !== null) for (const owner of ownersOf(reservation)) owner.unwritten--
  }

  /** What is held for a customer's calls in flight. */
  held(id: string): Nanos {
    return this.#customers.held(id) ?? ZERO
  }

  /** What is held for the calls in flight with a key, by its hash. */
  heldWithKey(hash: string): Nanos {
    return this.#keys.held(hash) ?? ZERO
  }

  /** Reservations of all calls, and the money in them; both zero when nothing is in flight. */
  heldInAll(): { readonly count: number; readonly money: Nanos } {
    return this.#held
  }

  /** To be called in the same breath as a commit that changed these: memory follows the disk. */
  changed({ customers = [], budgets = [], keys = [] }: Changed, now: number) {
    for (const id of customers) this.#customers.reload(id, now)
    for (const { from, to } of keys) {
      this.#keys.rename(from, to)
      this.#keys.reload(to, now)
    }
    for (const id of budgets) {
      this.#customers.reloadOn(id, now)
      this.#keys.reloadOn(id, now)
    }
  }
}

const settledKey = ({ self: { hash, alias }, main }: LiveKey) => ({
  hash,
  alias,
  periodStart: main.period.start,
})

const ofCustomer = ({ customer, budget }: BudgetedCustomer) => ({ self: customer, budget })
const ofKey = ({ key, budget }: BudgetedKey) => ({ self: key, budget })

const orNull = <From, To>(found: From | null, make: (found: From) => To): To | null =>
  found === null ? null : make(found)
