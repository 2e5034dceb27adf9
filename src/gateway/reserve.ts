import { type Nanos, nanos, plus, ZERO } from '../ledger/money.ts'
import type { RateRefusal } from '../ledger/ratelimit.ts'
import {
  type Demand,
  type Room,
  type Size,
  type SizeRules,
  seenIn,
  sizeWithin,
  wholeSize,
  worstCase,
} from '../metering/worst-case.ts'
import type { Accounts } from './accounts.ts'
import { type Free, holdFree, lessFree } from './allowance.ts'
import {
  admitByMinute,
  type Hold,
  heldOn,
  holdAnyway,
  holdMoney,
  moneyLeft,
  tokensLeft,
  withdraw,
} from './live-account.ts'
import type { LiveOwner, Owners, Place, Reservation } from './live-owner.ts'
import type { Prompt } from './prompt.ts'
import type { Tariff } from './tariff.ts'

/** A call that asks for its place on the accounts of its customer and its key. */
export type Request = Owners & {
  readonly places: readonly Place[]
  readonly model: string
  readonly demand: Demand
  /** That has not been counted for `demand`; null: it is. */
  readonly prompt: Prompt | null
  /** By what it is charged, and in `demand` already; null: the charge is the cost. */
  readonly tariff: Tariff | null
  /** What is left of the tariff's allowance; null: it has none. */
  readonly free: Free | null
  readonly now: number
}

/** What came of it. */
export type Reserved =
  | { readonly kind: 'held'; readonly reservation: Reservation; readonly cap: number | null }
  /** It does not fit; `at` is where. Nothing is held. */
  | { readonly kind: 'over'; readonly at: Place; readonly least: Nanos }
  | { readonly kind: 'by minute'; readonly at: Place; readonly refusal: RateRefusal }

/**
 * Checks and holds in one step: nothing here waits, so between the two no other call can run.
 *
 * A demand whose prompt is not counted is either held whole or not at all: neither a refusal nor a
 * cap may come of a bound that was only cheap.
 */
export function reserve(accounts: Accounts, request: Request, rules: SizeRules): Reserved {
  const { places, demand, now } = request
  const whole = wholeSize(demand, rules)
  // What is free needs no room, not even that of a budget that is used up.
  const isFree = request.free !== null && netOf(whole, request.free) === 0
  const used = isFree ? undefined : places.find(isUsedUp)
  if (used !== undefined) return { kind: 'over', at: used, least: ZERO }
  const room = roomWith(request.free, roomOf(places, now), whole)
  const size = sizeWithin(room, demand, rules)
  if (size === null || (request.prompt !== null && !isAll(size, whole))) {
    return tooLarge(request, rules)
  }

  const holds: Hold[] = []
  for (const place of places) {
    const output = isStrict(place) ? size.outputTokens : 0
    const admitted = admitByMinute(place, { now, tokens: size.seenTokens + output })
    if ('refusal' in admitted) {
      for (const hold of holds) withdraw(hold)
      return { kind: 'by minute', at: place, refusal: admitted.refusal }
    }
    holds.push(admitted.hold)
  }
  const reservation = reservationOf(request, size, holds)
  for (const hold of holds) {
    if (!isStrict(hold)) holdAnyway(hold.on, heldOn(hold, reservation.worstCase))
    else if (isFree) holdAnyway(hold.on, ZERO)
    else if (!holdMoney(hold.on, netOf(size, request.free))) {
      throw new RangeError('the room was miscounted')
    }
  }
  holdFree(request.customer, request.tariff, reservation.free)
  accounts.add(reservation)
  return { kind: 'held', reservation, cap: size.cap }
}

/** The prompts of calls in flight of a customer or with a key that were held by a cheap bound. */
export const uncounted = ({ reservations }: LiveOwner): Prompt[] =>
  [...reservations].map(({ prompt }) => prompt).filter((prompt) => prompt !== null)

/**
 * Holds no more for the calls in flight of a customer or with a key than their prompts need that
 * were counted: to be done before anyone is refused or capped because of what is held.
 */
export function tighten(accounts: Accounts, owner: LiveOwner) {
  for (const reservation of owner.reservations) {
    const counted = reservation.prompt?.demand ?? null
    if (counted === null) continue
    reservation.demand = counted
    reservation.prompt = null
    const tight = worstCaseOf(reservation, reservation.outputTokens)
    if (tight < reservation.worstCase) accounts.resize(reservation, tight)
  }
}

/** What a call comes to at worst if it writes so much, over all choices, less what is free. */
export function worstCaseOf(reservation: Reservation, outputTokens: number): Nanos {
  const { demand, tariff, free } = reservation
  const tokens = { input: demand.inputTokens, output: outputTokens }
  const gross = worstCase(tokens, demand.rates)
  const allowance = tariff?.card?.allowance ?? null
  const left = allowance === null ? null : { allowance, left: free }
  return lessFree({ gross, tokens: tokens.input + tokens.output }, left)
}

const tokensIn = ({ inputTokens, outputTokens }: Size): number => inputTokens + outputTokens

const netOf = (size: Size, free: Free | null): Nanos =>
  lessFree({ gross: size.worstCase, tokens: tokensIn(size) }, free)

/**
 * The room for a call of which some is free. Of tokens only a call that fits whole with them has
 * any use: what a part of it came to would depend on the cap that is looked for.
 */
function roomWith(free: Free | null, room: Room, whole: Size): Room {
  const { money } = room
  if (free === null || money === null) return room
  if (netOf(whole, free) <= money) return { ...room, money: nanos(Number.MAX_SAFE_INTEGER) }
  return free.allowance.unit === 'money' ? { ...room, money: plus(money, nanos(free.left)) } : room
}

/** What is to be held of what is free. */
function freeFor(size: Size, free: Free | null): number {
  if (free === null) return 0
  return Math.min(free.left, free.allowance.unit === 'money' ? size.worstCase : tokensIn(size))
}

/** Only a strict budget lowers a call's cap, or refuses it for what it may come to. */
const isStrict = ({ mode }: Pick<Place, 'mode'>): boolean => mode === 'strict'

/** In `finish_last` what is held counts as used, so that only one call can finish over. */
function isUsedUp({ on, mode }: Place): boolean {
  const { limit, spent, held } = on.account
  return limit !== null && (mode === 'soft' ? spent : spent + held) >= limit
}

/** What all the strict accounts have left. */
function roomOf(places: readonly Place[], now: number): Room {
  let money: Nanos | null = null
  let tokens: number | null = null
  for (const place of places) {
    if (!isStrict(place)) continue
    money = lesser(money, moneyLeft(place.on))
    tokens = lesser(tokens, tokensLeft(place.on, now))
  }
  return { money, tokens }
}

/** Null: there is no limit. */
function lesser<Amount extends number>(one: Amount | null, other: Amount | null): Amount | null {
  if (one === null || other === null) return one ?? other
  return one < other ? one : other
}

/** Whether it is the whole of a demand, even if a cap is needed to make sure of that. */
const isAll = (size: Size, whole: Size): boolean =>
  size.worstCase === whole.worstCase && size.outputTokens === whole.outputTokens

function reservationOf(request: Request, size: Size, holds: readonly Hold[]): Reservation {
  const { customer, key, model, demand, prompt, now: admittedAt } = request
  const isSoft = holds.every(({ mode }) => mode === 'soft')
  return {
    customer,
    key,
    holds,
    model,
    admittedAt,
    worstCase: isSoft ? ZERO : netOf(size, request.free),
    tariff: request.tariff,
    free: freeFor(size, request.free),
    outputTokens: size.outputTokens,
    demand,
    prompt: isSoft ? null : prompt,
  }
}

/** Says whether it is the money or the minute that has no room for even the least of the call. */
function tooLarge({ places, demand, free, now }: Request, rules: SizeRules): Reserved {
  const strict = places.filter(isStrict)
  const output = Math.min(demand.cap ?? rules.outputTokensMin, rules.outputTokensMin)
  const outputTokens = output * demand.choices
  const gross = worstCase({ input: demand.inputTokens, output: outputTokens }, demand.rates)
  const isLess = free !== null && free.allowance.unit === 'money'
  const least = isLess ? nanos(Math.max(0, gross - free.left)) : gross
  const short = strict.find(({ on }) => (moneyLeft(on) ?? least) < least)
  if (short !== undefined) return { kind: 'over', at: short, least }
  const tokens = seenIn(demand) + outputTokens
  for (const place of strict) {
    const admitted = admitByMinute(place, { now, tokens })
    if ('refusal' in admitted) return { kind: 'by minute', at: place, refusal: admitted.refusal }
    withdraw(admitted.hold)
  }
  return { kind: 'over', at: strict[0] ?? places[0]!, least }
}
