import { dayOf } from '../ledger/day.ts'
import { plus, ZERO } from '../ledger/money.ts'
import type { LedgerRow, SettledSums } from '../ledger/settlement.ts'
import { crossings } from '../ledger/thresholds.ts'
import { heldOn, settleOn } from './live-account.ts'
import { isKey, type LiveCustomer, ownersOf, type Reservation } from './live-owner.ts'
import { marginCrossing } from './margin.ts'

/** What a settlement does to the accounts that its call was held on. */

/** Replaces what is held on each account by what the row is there. */
export function settleHolds(reservation: Reservation, row: LedgerRow, tokens: number) {
  const { holds, worstCase, model } = reservation
  for (const hold of holds) {
    settleOn(hold.on, { held: heldOn(hold, worstCase), charge: row[hold.takes] })
    hold.rate?.window.settle(hold.rate.hold, tokens)
  }
  for (const owner of ownersOf(reservation)) {
    // A limit of the model that was set while the call was in flight counts it as well.
    const late = owner.models.get(model)
    if (late !== undefined && holds.every(({ on }) => on !== late)) {
      settleOn(late, { held: ZERO, charge: isKey(owner) ? row.charge : row.counted })
    }
    owner.reservations.delete(reservation)
    owner.totalSpent = plus(owner.totalSpent, row.charge)
  }
}

/** A customer's sums with a row in them, and which thresholds of its budget that has crossed. */
export function sumsAfter(
  live: LiveCustomer,
  row: LedgerRow,
  thresholds: readonly number[],
): SettledSums {
  const { main, budget, told, totalSpent } = live
  const ofBudget =
    budget === null
      ? []
      : crossings(main.account, {
          softBudget: budget.softBudget,
          thresholds,
          period: main.period,
          told,
          now: row.settledAt,
        })
  const ofMargin = marginCrossing(live, row)
  const crossed = ofMargin === null ? ofBudget : [...ofBudget, ofMargin]
  // A margin is told of once a day, whatever the period of the budget.
  const names = ofBudget.map(({ name }) => name)
  if (names.length > 0) live.told = [...told, ...names]
  const { account, period } = main
  const sums = { account, totalSpent, periodStart: period.start, crossed, told: names }
  return ofMargin === null ? sums : { ...sums, marginToldOn: dayOf(row.settledAt) }
}
