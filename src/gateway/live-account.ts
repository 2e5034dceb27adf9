import { type Account, headroom, openAccount, reserve, settle } from '../ledger/account.ts'
import type { BudgetMode } from '../ledger/budget.ts'
import { type Nanos, nanos, ZERO } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import {
  hasRateLimits,
  type RateHold,
  type RateLimits,
  type RateRefusal,
  RateWindow,
  rateLimitHeaders,
} from '../ledger/ratelimit.ts'

/** A limit of a budget as it binds a customer or a key now, or one model of either. */
export type LiveAccount = {
  limits: RateLimits
  period: Period
  account: Account
  /** Null as long as there is no limit by the minute. */
  window: RateWindow | null
}

/** Which amount of a call an account takes: what counts on the customer's budget, or the charge. */
export type Takes = 'counted' | 'charge'

/** A call's place on one account. */
export type Hold = {
  readonly on: LiveAccount
  /** How the account was kept when the call was admitted. */
  readonly mode: BudgetMode
  readonly takes: Takes
  /** Null: no limit by the minute. */
  readonly rate: { readonly window: RateWindow; readonly hold: RateHold } | null
}

/** What is held on an account of what a call holds. In `soft`, LiteLLM's way, that is nothing. */
export const heldOn = ({ mode }: Hold, worstCase: Nanos): Nanos =>
  mode === 'soft' ? ZERO : worstCase

export const openLive = (of: {
  readonly limit: Nanos | null
  readonly limits: RateLimits
  readonly period: Period
  readonly spent: Nanos
}): LiveAccount => ({
  limits: of.limits,
  period: of.period,
  account: openAccount(of.limit, of.spent),
  window: null,
})

/** Brings an account up to what is on disk; what is held for calls in flight stays held. */
export function refresh(live: LiveAccount, to: Parameters<typeof openLive>[0]) {
  live.limits = to.limits
  live.period = to.period
  live.account = { limit: to.limit, spent: to.spent, held: live.account.held }
}

/** Tokens that this minute still has; null: they are not limited. */
export function tokensLeft(live: LiveAccount, now: number): number | null {
  const { tpmLimit } = live.limits
  if (tpmLimit === null) return null
  return windowOf(live)?.remaining(live.limits, now).tokens?.remaining ?? tpmLimit
}

/** Null: there is no budget of money. */
export const moneyLeft = (live: LiveAccount): Nanos | null => headroom(live.account)

/** Counts a call by the minute, or says which limit refuses it; then nothing is counted. */
export function admitByMinute(
  { on, mode, takes }: Pick<Hold, 'on' | 'mode' | 'takes'>,
  call: { readonly now: number; readonly tokens: number },
): { readonly hold: Hold } | { readonly refusal: RateRefusal } {
  const window = windowOf(on)
  if (window === null) return { hold: { on, mode, takes, rate: null } }
  const admitted = window.admit(on.limits, call)
  if (admitted.refused !== null) return { refusal: admitted }
  return { hold: { on, mode, takes, rate: { window, hold: admitted } } }
}

/** Undoes `admitByMinute`, for a call that was refused after all. */
export const withdraw = ({ rate }: Hold) => rate?.window.withdraw(rate.hold)

/** Holds money for a call, or answers false and holds nothing. */
export function holdMoney(live: LiveAccount, worstCase: Nanos): boolean {
  const account = reserve(live.account, worstCase)
  if (account !== null) live.account = account
  return account !== null
}

/** Holds money whether or not the budget covers it: for modes in which a call may finish over. */
export function holdAnyway(live: LiveAccount, worstCase: Nanos) {
  const { limit, spent, held } = live.account
  live.account = { limit, spent, held: nanos(held + worstCase) }
}

/** Books a charge, and gives back what was held for it. */
export function settleOn(
  live: LiveAccount,
  call: { readonly held: Nanos; readonly charge: Nanos },
): void {
  live.account = settle(live.account, { worstCase: call.held, charge: call.charge })
}

/** Whether its period is, so that it is to be reset. */
export const isOver = ({ period }: LiveAccount, now: number): boolean =>
  period.end !== null && now >= period.end

/** A reset happens here, at the first look after it was due. What is held stays held. */
export function roll(live: LiveAccount, to: Period) {
  live.period = to
  live.account = { ...live.account, spent: ZERO }
}

function windowOf(live: LiveAccount): RateWindow | null {
  if (live.window === null && hasRateLimits(live.limits)) live.window = new RateWindow()
  return live.window
}

/** What OpenAI clients read of their limits by the minute: the customer's, or else the key's. */
export function rateHeaders(
  { holds }: { readonly holds: readonly Hold[] },
  now: number,
): Record<string, string> {
  for (const { on, rate } of holds) {
    if (rate !== null) return rateLimitHeaders(rate.window.remaining(on.limits, now))
  }
  return {}
}
