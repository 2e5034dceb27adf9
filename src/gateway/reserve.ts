import type { BudgetMode } from '../ledger/budget.ts'
import { type Nanos, nanos, ZERO } from '../ledger/money.ts'
import type { RateRefusal } from '../ledger/ratelimit.ts'
import {
  type Demand,
  type Room,
  type Size,
  type SizeRules,
  sizeWithin,
  wholeSize,
  worstCase,
} from '../metering/worst-case.ts'
import type { Accounts, LiveCustomer, Reservation } from './accounts.ts'
import {
  admitByMinute,
  type Hold,
  holdAnyway,
  holdMoney,
  type LiveAccount,
  moneyLeft,
  tokensLeft,
  withdraw,
} from './live-account.ts'
import type { Prompt } from './prompt.ts'

/** A call that asks for its place on its customer's accounts. */
export type Request = {
  readonly live: LiveCustomer
  /** The customer's, and the model's if that is limited by itself. */
  readonly on: readonly LiveAccount[]
  readonly model: string
  readonly demand: Demand
  /** That has not been counted for `demand`; null: it is. */
  readonly prompt: Prompt | null
  readonly mode: BudgetMode
  readonly now: number
}

/** What came of it. */
export type Reserved =
  | { readonly kind: 'held'; readonly reservation: Reservation; readonly cap: number | null }
  /** It does not fit; `on` is the account that has least left. Nothing is held. */
  | { readonly kind: 'over'; readonly on: LiveAccount; readonly least: Nanos }
  | { readonly kind: 'by minute'; readonly refusal: RateRefusal }

/**
 * Checks and holds in one step: nothing here waits, so between the two no other call can run.
 *
 * A demand whose prompt is not counted is either held whole or not at all: neither a refusal nor a
 * cap may come of a bound that was only cheap.
 */
export function reserve(accounts: Accounts, request: Request, rules: SizeRules): Reserved {
  const { on, demand, mode, now } = request
  const used = on.find((account) => isUsedUp(account, mode))
  if (used !== undefined) return { kind: 'over', on: used, least: ZERO }
  const room = mode === 'strict' ? roomOf(on, now) : NO_LIMIT
  const size =
    request.prompt === null ? sizeWithin(room, demand, rules) : wholly(room, demand, rules)
  if (size === null) return tooLarge(request, rules)

  const holds: Hold[] = []
  const tokens = mode === 'strict' ? size.inputTokens + size.outputTokens : demand.inputTokens
  for (const account of on) {
    const admitted = admitByMinute(account, { now, tokens })
    if ('refusal' in admitted) {
      for (const hold of holds) withdraw(hold)
      return { kind: 'by minute', refusal: admitted.refusal }
    }
    holds.push(admitted.hold)
  }
  const reservation = reservationOf(request, size, holds)
  for (const account of on) {
    if (mode !== 'strict') holdAnyway(account, reservation.worstCase)
    else if (!holdMoney(account, size.worstCase)) throw new RangeError('the room was miscounted')
  }
  accounts.add(reservation)
  return { kind: 'held', reservation, cap: size.cap }
}

/** The prompts of the customer's calls in flight that were held by a cheap bound. */
export const uncounted = ({ reservations }: LiveCustomer): Prompt[] =>
  [...reservations].map(({ prompt }) => prompt).filter((prompt) => prompt !== null)

/**
 * Holds no more for the customer's calls in flight than their prompts need that were counted: to
 * be done before anyone is refused or capped because of what is held.
 */
export function tighten(accounts: Accounts, live: LiveCustomer) {
  for (const reservation of live.reservations) {
    const counted = reservation.prompt?.demand ?? null
    if (counted === null) continue
    reservation.demand = counted
    reservation.prompt = null
    const tight = worstCaseOf(reservation, reservation.outputTokens)
    if (tight < reservation.worstCase) accounts.resize(reservation, tight)
  }
}

/** What a call comes to at worst if it writes so much, over all choices. */
export const worstCaseOf = ({ demand }: Reservation, outputTokens: number): Nanos =>
  worstCase({ input: demand.inputTokens, output: outputTokens }, demand.rates)

const NO_LIMIT: Room = { money: null, tokens: null }

/** In `finish_last` what is held counts as used, so that only one call can finish over. */
function isUsedUp({ account }: LiveAccount, mode: BudgetMode): boolean {
  const { limit, spent, held } = account
  return limit !== null && (mode === 'soft' ? spent : spent + held) >= limit
}

/** What all the accounts have left. */
function roomOf(on: readonly LiveAccount[], now: number): Room {
  const money = on.map(moneyLeft).filter((left) => left !== null)
  const tokens = on.map((account) => tokensLeft(account, now)).filter((left) => left !== null)
  return {
    money: money.length === 0 ? null : nanos(Math.min(...money)),
    tokens: tokens.length === 0 ? null : Math.min(...tokens),
  }
}

/** The whole of a demand if it fits and needs no cap. */
function wholly(room: Room, demand: Demand, rules: SizeRules): Size | null {
  const size = sizeWithin(room, demand, rules)
  const whole = wholeSize(demand, rules)
  return size !== null &&
    size.worstCase === whole.worstCase &&
    size.outputTokens === whole.outputTokens
    ? size
    : null
}

function reservationOf(request: Request, size: Size, holds: readonly Hold[]): Reservation {
  const { live, model, mode, demand, prompt } = request
  // Soft is LiteLLM's way: nothing is held.
  const isSoft = mode === 'soft'
  return {
    live,
    holds,
    model,
    worstCase: isSoft ? ZERO : size.worstCase,
    outputTokens: size.outputTokens,
    demand,
    prompt: isSoft ? null : prompt,
  }
}

/** Says whether it is the money or the minute that has no room for even the least of the call. */
function tooLarge({ on, demand, now }: Request, rules: SizeRules): Reserved {
  const output = Math.min(demand.cap ?? rules.outputTokensMin, rules.outputTokensMin)
  const least = worstCase(
    { input: demand.inputTokens, output: output * demand.choices },
    demand.rates,
  )
  const short = on.find((account) => (moneyLeft(account) ?? least) < least)
  if (short !== undefined) return { kind: 'over', on: short, least }
  const tokens = demand.inputTokens + output * demand.choices
  for (const account of on) {
    const admitted = admitByMinute(account, { now, tokens })
    if ('refusal' in admitted) return { kind: 'by minute', refusal: admitted.refusal }
    withdraw(admitted.hold)
  }
  return { kind: 'over', on: on[0]!, least }
}
