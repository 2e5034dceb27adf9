import { monthOf } from '../ledger/day.ts'
import { type Nanos, nanos } from '../ledger/money.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import { type Allowance, takenOff } from '../metering/rate-card.ts'
import type { LiveCustomer } from './live-owner.ts'
import type { Tariff } from './tariff.ts'

/** What of the free of a month a customer has used, and what calls in flight may use of it. */
export type LiveAllowance = {
  month: number
  used: Record<Allowance['unit'], number>
  readonly held: Record<Allowance['unit'], number>
}

/** What a call may be let off: so much is left of the allowance, in its unit. */
export type Free = { readonly allowance: Allowance; readonly left: number }

/** Of a month, what was used of it: from the sums of its days. */
export type UsedFree = (tab: number, month: number) => LiveAllowance['used']

/** Null: the tariff lets nobody off anything. Reads the disk at the first call of a customer. */
export function freeOf(
  customer: LiveCustomer | null,
  tariff: Tariff | null,
  about: { readonly usedFree: UsedFree; readonly now: number },
): Free | null {
  const allowance = tariff?.card?.allowance ?? null
  if (customer === null || allowance === null) return null
  const month = monthOf(about.now)
  customer.allowance ??= {
    month,
    used: about.usedFree(customer.self.tab, month),
    held: { tokens: 0, money: 0 },
  }
  const { used, held } = inMonth(customer.allowance, month)
  const { unit, amount } = allowance
  return { allowance, left: Math.max(0, amount - used[unit] - held[unit]) }
}

/** What is left to a call that is being settled: at least what was held for it. */
export function leftAtSettlement(
  customer: LiveCustomer | null,
  { tariff, free }: { readonly tariff: Tariff | null; readonly free: number },
  settledAt: number,
): number {
  const allowance = tariff?.card?.allowance ?? null
  const live = customer?.allowance ?? null
  if (allowance === null || live === null) return 0
  const { used, held } = inMonth(live, monthOf(settledAt))
  const { unit, amount } = allowance
  return Math.max(free, amount - used[unit] - (held[unit] - free))
}

/** A row has used some of it. */
export function useFree({ allowance }: LiveCustomer, { freeTokens, freeMoney }: LedgerRow) {
  if (allowance === null) return
  allowance.used.tokens += freeTokens
  allowance.used.money += freeMoney
}

/** Holds some for a call, or gives it back (`amount` is negative then). */
export function holdFree(customer: LiveCustomer | null, tariff: Tariff | null, amount: number) {
  const unit = tariff?.card?.allowance?.unit
  const live = customer?.allowance ?? null
  if (unit !== undefined && live !== null) live.held[unit] += amount
}

/** What a call of so many tokens comes to when the free is off it. */
export const lessFree = (
  of: { readonly gross: Nanos; readonly tokens: number },
  free: Free | null,
): Nanos =>
  free === null || free.left === 0
    ? of.gross
    : nanos(of.gross - takenOff(free.allowance, of, free.left))

/** In a new month nothing is used yet. */
function inMonth(live: LiveAllowance, month: number): LiveAllowance {
  if (month > live.month) {
    live.month = month
    live.used = { tokens: 0, money: 0 }
  }
  return live
}
