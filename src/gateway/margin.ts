import { dayOf, dayText } from '../ledger/day.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import type { Crossing } from '../ledger/thresholds.ts'
import type { LiveCustomer } from './live-owner.ts'

/** What a customer was charged on a day (UTC) less what that cost, nano-dollars. */
export type LiveMargin = { day: number; sum: number }

/** The same of a tab, from the sums of days. */
export type MarginOf = (tab: number, day: number) => number

/** To be called before a call that a rate card is for: its settlement must not need the disk. */
export function knowMargin(customer: LiveCustomer, marginOf: MarginOf, now: number) {
  const day = dayOf(now)
  customer.margin ??= { day, sum: marginOf(customer.self.tab, day) }
}

/** What a row makes of the margin of its day, if that is worth telling: that it is negative now. */
export function marginCrossing(
  { margin, told }: LiveCustomer,
  { charge, cost, settledAt }: LedgerRow,
): Crossing | null {
  if (margin === null) return null
  const day = dayOf(settledAt)
  if (day > margin.day) Object.assign(margin, { day, sum: 0 })
  margin.sum += charge - cost
  const name = `margin ${dayText(day)}`
  if (margin.sum >= 0 || told.includes(name)) return null
  return { event: 'margin_negative', name, share: null, projection: null }
}
