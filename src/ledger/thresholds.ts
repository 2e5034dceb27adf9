import type { Account } from './account.ts'
import type { EventName } from './event-name.ts'
import { type Nanos, nanos } from './money.ts'
import type { Period } from './period.ts'

/** Something worth telling about a customer's spend, once a period. */
export type Crossing = {
  readonly event: Exclude<EventName, 'spend_tracked' | `credit_${string}`>
  /** Remembered for the period, so that it is told once. */
  readonly name: string
  /** Of `max_budget`, for `threshold_crossed`; else null. */
  readonly share: number | null
  /** For `projected_limit_exceeded`; else null. */
  readonly projection: Projection | null
}

export type Projection = {
  /** What the period would come to if it went on as it began. */
  readonly spent: Nanos
  /** When the budget would be used up, milliseconds since the epoch. */
  readonly exceededAt: number
}

/** A projection from less than this share of the period says more about chance than about spend. */
const PROJECTED_FROM = 0.05

/**
 * What a charge has made true that was not told yet in this period. At the budget itself, as at
 * each threshold, "crossed" means reached: from then on calls are refused.
 */
export function crossings(
  account: Account,
  about: {
    readonly softBudget: Nanos | null
    readonly thresholds: readonly number[]
    readonly period: Period
    readonly told: readonly string[]
    readonly now: number
  },
): Crossing[] {
  const { limit, spent } = account
  const found: Crossing[] = []
  const tell = (crossing: Crossing) => {
    if (!about.told.includes(crossing.name)) found.push(crossing)
  }
  const plain = { share: null, projection: null }
  if (about.softBudget !== null && spent >= about.softBudget) {
    tell({ event: 'soft_budget_crossed', name: 'soft', ...plain })
  }
  if (limit === null) return found
  for (const share of about.thresholds) {
    const reached = spent > 0 && spent >= Math.ceil(limit * share)
    if (reached) tell({ ...plain, event: 'threshold_crossed', name: `at ${share}`, share })
  }
  if (spent >= limit) tell({ event: 'budget_crossed', name: 'budget', ...plain })
  const projection = spent < limit ? project(account, about) : null
  if (projection !== null) {
    tell({ ...plain, event: 'projected_limit_exceeded', name: 'projected', projection })
  }
  return found
}

/**
 * Where the spend leads if the rest of the period is like its beginning; null: not past the limit.
 */
function project(
  { limit, spent }: Account,
  { period, now }: { readonly period: Period; readonly now: number },
): Projection | null {
  if (limit === null || period.end === null) return null
  const elapsed = now - period.start
  const length = period.end - period.start
  if (elapsed < length * PROJECTED_FROM || spent <= 0) return null
  const projected = Math.round(spent * (length / elapsed))
  if (projected <= limit || !Number.isSafeInteger(projected)) return null
  const exceededAt = Math.round(period.start + elapsed * (limit / spent))
  return { spent: nanos(projected), exceededAt }
}
