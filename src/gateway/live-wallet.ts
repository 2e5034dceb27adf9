import { NO_LIMITS } from '../ledger/budget.ts'
import { type CreditEvent, creditCrossings, isExhaustedAfter } from '../ledger/credit.ts'
import type { Credit } from '../ledger/customer.ts'
import { minus, type Nanos, plus, ZERO } from '../ledger/money.ts'
import { WHOLE_LIFE } from '../ledger/period.ts'
import type { SettledCredit } from '../ledger/settlement.ts'
import { balanceOf, draw, expire, type Move, nextExpiry, type Wallet } from '../ledger/wallet.ts'
import { heldOn, type LiveAccount, openLive } from './live-account.ts'
import type { Reservation } from './live-owner.ts'

/**
 * A wallet in memory: an account like that of a budget, whose limit is the credit that came in and
 * is not taken out, and beside it the grants of which that consists. A call is held on it as on a
 * budget, so that the balance less what is held never falls below zero.
 */
export type LiveWallet = {
  readonly on: LiveAccount
  wallet: Wallet
  isExhaustedTold: boolean
  /** When the next grant ends, milliseconds. */
  nextExpiry: number | null
}

const stateOf = (wallet: Wallet) => ({
  limit: balanceOf(wallet),
  limits: NO_LIMITS,
  period: WHOLE_LIFE,
  spent: ZERO,
})

export const openWallet = (wallet: Wallet, { isExhaustedTold }: Credit): LiveWallet => ({
  on: openLive(stateOf(wallet)),
  wallet,
  isExhaustedTold,
  nextExpiry: nextExpiry(wallet),
})

/** Brings a wallet up to what is on disk; what is held for calls in flight stays held. */
export function refreshWallet(live: LiveWallet, wallet: Wallet, { isExhaustedTold }: Credit) {
  const { held } = live.on.account
  live.on.account = { ...live.on.account, limit: balanceOf(wallet), spent: ZERO, held }
  Object.assign(live, { wallet, isExhaustedTold, nextExpiry: nextExpiry(wallet) })
}

/** With what is held. */
export const creditOf = ({ on }: LiveWallet): Nanos =>
  minus(on.account.limit ?? ZERO, on.account.spent)

/** Takes a charge out, of which the account has been told already. */
export function drawFrom(live: LiveWallet, charge: Nanos, lowAt: Nanos | null): SettledCredit {
  const balance = creditOf(live)
  const from = { balance: plus(balance, charge), isExhaustedTold: live.isExhaustedTold }
  live.wallet = draw(live.wallet, charge).wallet
  const crossed: CreditEvent[] = creditCrossings(from, balance, lowAt)
  live.isExhaustedTold = isExhaustedAfter(from, balance)
  return { balance, crossed }
}

/** Takes out what has ended by now and no call in flight holds; answers what that was. */
export function expireIn(
  live: LiveWallet,
  reservations: ReadonlySet<Reservation>,
  now: number,
): readonly Move[] {
  if (live.nextExpiry === null || live.nextExpiry > now) return []
  const { account } = live.on
  const balance = creditOf(live)
  const heldSince = (before: number): Nanos =>
    [...reservations].reduce((sum, reservation) => {
      if (reservation.admittedAt >= before) return sum
      const hold = reservation.holds.find(({ on }) => on === live.on)
      return hold === undefined ? sum : plus(sum, heldOn(hold, reservation.worstCase))
    }, ZERO)
  const { wallet, moves } = expire(live.wallet, { now, held: account.held, heldSince })
  if (moves.length === 0) return moves
  live.wallet = wallet
  live.nextExpiry = nextExpiry(wallet)
  live.on.account = { ...account, limit: plus(balanceOf(wallet), account.spent) }
  const from = { balance, isExhaustedTold: live.isExhaustedTold }
  live.isExhaustedTold = isExhaustedAfter(from, creditOf(live))
  return moves
}
