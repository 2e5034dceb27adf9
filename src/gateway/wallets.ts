import type { Customer } from '../ledger/customer.ts'
import { type Nanos, ZERO } from '../ledger/money.ts'
import type { LedgerRow, SettledSums } from '../ledger/settlement.ts'
import type { Move } from '../ledger/wallet.ts'
import { holdMoney, settleOn } from './live-account.ts'
import { isKey, type LiveCustomer, type LiveOwner } from './live-owner.ts'
import { drawFrom, expireIn, type LiveWallet } from './live-wallet.ts'

/** What wallets need of the store. */
export type WalletStore = {
  /** Writes down what has ended. */
  expire(customer: Pick<Customer, 'id' | 'tab'>, moves: readonly Move[]): Promise<void>
  /** Tells that a call was refused for want of credit. */
  tellExhausted(customer: Pick<Customer, 'id' | 'tab'>): Promise<void>
}

/** Credit that is held while an operator takes it out. */
export type CreditHold = {
  /** False: there is not so much that nobody holds. */
  readonly isHeld: boolean
  /** To be called when it is out, or was refused. */
  release(): void
}

/** What happens to the wallets of customers in memory, besides that calls are held on them. */
export class Wallets {
  readonly #store: WalletStore
  readonly #lowAt: Nanos | null
  readonly #find: (id: string, now: number) => LiveCustomer | null
  readonly #inMemory: (id: string) => LiveCustomer | undefined

  constructor(parts: {
    readonly store: WalletStore
    /** The balance at which `credit_low` is told; null: at none. */
    readonly lowAt: Nanos | null
    readonly find: (id: string, now: number) => LiveCustomer | null
    readonly inMemory: (id: string) => LiveCustomer | undefined
  }) {
    this.#store = parts.store
    this.#lowAt = parts.lowAt
    this.#find = parts.find
    this.#inMemory = parts.inMemory
  }

  /** With a charge out of the wallet, of which its account has been told already. */
  drawn(after: SettledSums, wallet: LiveWallet, { charge }: LedgerRow): SettledSums {
    return { ...after, credit: drawFrom(wallet, charge, this.#lowAt) }
  }

  /** Takes out what has ended, in memory at once and on disk behind what is queued. */
  expire(customer: LiveCustomer, wallet: LiveWallet, now: number) {
    if (wallet.nextExpiry === null || wallet.nextExpiry > now) return
    const moves = expireIn(wallet, customer.reservations, now)
    if (moves.length === 0) return
    customer.unwritten++
    const done = () => void customer.unwritten--
    this.#store.expire(customer.self, moves).then(done, done)
  }

  /** The same behind a settlement, which is queued in the same breath as it is made. */
  expireAfter(customer: LiveCustomer, wallet: LiveWallet, now: number) {
    if (wallet.nextExpiry === null || wallet.nextExpiry > now) return
    queueMicrotask(() => this.expire(customer, wallet, now))
  }

  /** The same for a customer that nobody calls for. */
  expireOf(id: string, now: number) {
    const live = this.#find(id, now)
    if (live !== null && live.wallet !== null) this.expire(live, live.wallet, now)
  }

  /** To be told of a call that was refused for want of credit, and not for what is held alone. */
  exhausted(owner: LiveOwner) {
    const { wallet } = owner
    if (isKey(owner) || wallet === null || wallet.isExhaustedTold) return
    wallet.isExhaustedTold = true
    // While nothing can be written nobody is told; the next start knows nothing of it either.
    void this.#store.tellExhausted(owner.self).catch(() => {})
  }

  /** Holds what an operator is about to take out, as for a call. */
  hold(id: string, amount: Nanos, now: number): CreditHold {
    const live = this.#find(id, now)
    const wallet = live?.wallet ?? null
    if (live === null || wallet === null) return NOT_HELD
    this.expire(live, wallet, now)
    if (!holdMoney(wallet.on, amount)) return NOT_HELD
    live.unwritten++
    const release = () => {
      live.unwritten--
      settleOn(wallet.on, { held: amount, charge: ZERO })
    }
    return { isHeld: true, release }
  }

  /** What is held of a customer's credit. */
  held(id: string): Nanos {
    return this.#inMemory(id)?.wallet?.on.account.held ?? ZERO
  }
}

const NOT_HELD: CreditHold = { isHeld: false, release: () => {} }
