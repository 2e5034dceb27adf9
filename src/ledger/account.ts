import { minus, type Nanos, plus, ZERO } from './money.ts'

/**
 * What one customer has used of its budget in the current period.
 *
 * The invariant that Tollgate exists for: with a limit, `spent + held <= limit` after every
 * `reserve`, whatever the number of calls in flight. It needs no lock, because nothing in this
 * file is async: between the check and the hold no other call can run.
 */
export type Account = {
  /** Null: the customer has no budget, and nothing is refused. */
  readonly limit: Nanos | null
  /** Settled. Equals the sum of the customer's ledger rows in this period. */
  readonly spent: Nanos
  /** Worst case of the calls in flight. Never negative. */
  readonly held: Nanos
}

export const openAccount = (limit: Nanos | null, spent: Nanos = ZERO): Account => ({
  limit,
  spent,
  held: ZERO,
})

/** What a call may still cost. Negative after a budget was lowered below what is spent. */
export function headroom({ limit, spent, held }: Account): Nanos | null {
  return limit === null ? null : minus(minus(limit, spent), held)
}

/**
 * Holds `worstCase` for a call about to be sent, or returns null if the budget does not cover it.
 * A budget that is used up covers nothing, not even a call that costs nothing: LiteLLM refuses
 * when spend passes the budget, we refuse when it reaches it, so that a budget of 0 means "none".
 */
export function reserve(account: Account, worstCase: Nanos): Account | null {
  const room = headroom(account)
  if (room !== null && (room <= 0 || worstCase > room)) return null
  return { limit: account.limit, spent: account.spent, held: plus(account.held, worstCase) }
}

/**
 * Replaces a call's hold with what the call was charged. A call that failed is charged `ZERO`.
 *
 * `charge` may exceed `worstCase` when an upstream ignores its cap. The truth is booked all the
 * same: `spent` then passes the limit by that call's excess, and the next `reserve` is refused.
 */
export function settle(
  account: Account,
  call: { readonly worstCase: Nanos; readonly charge: Nanos },
): Account {
  return {
    limit: account.limit,
    spent: plus(account.spent, call.charge),
    held: minus(account.held, call.worstCase),
  }
}
