import type { CreditRules } from './config/credit.ts'
import { creditEventsOf } from './events/events.ts'
import type { Outbox } from './events/outbox.ts'
import type { Accounts } from './gateway/accounts.ts'
import type { CreditDone, CreditOrder } from './ledger/credit.ts'
import { minus, ZERO } from './ledger/money.ts'
import { logError } from './log.ts'
import type { CreditTelling } from './store/options.ts'
import type { Store } from './store/store.ts'

/** How often it is looked for grants that have ended and that nobody calls for, milliseconds. */
const SWEEP_MS = 30_000

/** Customers of a sweep. */
const SWEPT_AT_ONCE = 1_000

/** What is told of credit, in the transaction that moves it. */
export const creditTelling = (
  { lowAt }: CreditRules,
  about: { readonly outbox: () => Outbox; readonly newId: () => string },
): CreditTelling => ({
  lowAt,
  eventsOf: (change) => {
    const outbox = about.outbox()
    return outbox.receivers.length === 0 ? [] : outbox.address(creditEventsOf(change, about))
  },
  wake: () => about.outbox().wake(),
})

type Parts = {
  readonly store: Pick<Store, 'credit'>
  readonly accounts: Pick<Accounts, 'wallets'>
  readonly now: () => number
}

/**
 * Does an operator's order. What takes credit out is held on the wallet meanwhile, as for a call,
 * so that no call can be admitted on what is about to go.
 */
export const creditOrders =
  ({ store, accounts, now }: Parts) =>
  async (order: CreditOrder): Promise<CreditDone & { readonly isRepeat: boolean }> => {
    const { kind, amount, customerId } = order
    if (kind !== 'refund' && amount > 0) return store.credit.order(order, true)
    const out = amount > 0 ? amount : minus(ZERO, amount)
    const hold = accounts.wallets.hold(customerId, out, now())
    // A repeat is answered whether or not there is still so much.
    return store.credit.order(order, hold.isHeld).finally(hold.release)
  }

/** Looks for grants that have ended, now and then; answers what ends that. */
export function sweepExpired({ store, accounts, now }: Parts): () => void {
  const sweep = () => {
    try {
      for (const id of store.credit.due(now(), SWEPT_AT_ONCE)) accounts.wallets.expireOf(id, now())
    } catch (error) {
      logError('grants that have ended could not be looked for', error)
    }
  }
  sweep()
  const timer = setInterval(sweep, SWEEP_MS)
  return () => clearInterval(timer)
}
