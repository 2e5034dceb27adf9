import { dayOf, dayText } from '../ledger/day.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import type { Crossing } from '../ledger/thresholds.ts'
import type { LiveCustomer } from './live-owner.ts'

/**
 * What a customer was charged on a day (UTC) less what that cost, nano-dollars; and the last day of
 * which was told that this is negative.
 */
export type LiveMargin = { day: number; sum: number; toldOn: number | null }

/** The same of a tab, from the sums of days. */
export type MarginOf = (tab: number, day: number) => number

/** To be called before a call that a rate card is for: its settlement must not need the disk. */
export function knowMargin(customer: LiveCustomer, marginOf: MarginOf, now: number) {
  const day = dayOf(now)
  const { tab, marginToldOn: toldOn } = customer.self
  customer.margin ??= { day, sum: marginOf(tab, day), toldOn }
}

/** What a row makes of the margin of its day, if that is worth telling: that it is negative now. */
export function marginCrossing(
  { margin }: LiveCustomer,
  { charge, cost, settledAt }: LedgerRow,
): Crossing | null {
  if (margin === null) return null
  const day = dayOf(settledAt)
  if (day > margin.day) Object.assign(margin, { day, sum: 0 })
  margin.sum += charge - cost
  if (margin.sum >= 0 || margin.toldOn === day) return null
  margin.toldOn = day
  const name = `margin ${dayText(day)}`
  return { event: 'margin_negative', name, share: null, projection: null }
}
