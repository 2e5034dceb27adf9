import { topUpAddress } from '../config/credit.ts'
import { Refusal } from '../errors.ts'
import { dollarsText, minus, type Nanos, toDollars, ZERO } from '../ledger/money.ts'
import type { RateRefusal } from '../ledger/ratelimit.ts'
import { isKey, type LiveOwner, nameOf, type Place } from './live-owner.ts'

/** How long to wait for calls in flight to end, seconds: nobody knows better. */
const HELD_SECONDS = 2

/** A reset further away than this is nothing that a client should wait for, seconds. */
const RESET_SECONDS_MAX = 24 * 3_600

/**
 * LiteLLM's sentence, which scripts match on, and after it what helps to go on: what is held, what
 * the call needs, and when the budget resets. `Retry-After` where waiting can help, for what is
 * held or for the reset.
 */
export function overBudget(
  { at, least }: { readonly at: Place; readonly least: Nanos },
  about: { readonly status: number; readonly now: number },
): Refusal {
  const { spent, held, limit } = at.on.account
  const { end } = at.on.period
  const resets =
    end === null
      ? 'the budget does not reset by itself'
      : `the budget resets at ${new Date(end).toISOString()}`
  return new Refusal(
    'budget_exceeded',
    `${exceeded(at.owner, dollarsText(spent), dollarsText(limit ?? ZERO))}. ` +
      `Held for calls in flight: ${dollarsText(held)}${needed(least)}; ${resets}.`,
    {
      status: about.status,
      headers: isHeldUp({ at, least }) ? retrySoon() : retryAtReset(end, about.now),
    },
  )
}

/**
 * What a program needs to have more credit bought: what there is, what is held of it, and where. As
 * with budgets, while only what is held stands in the way the clients try again.
 */
export function creditExhausted(
  { at, least }: { readonly at: Place; readonly least: Nanos },
  about: { readonly topUpUrl: string | null },
): Refusal {
  const { spent, held, limit } = at.on.account
  const balance = minus(limit ?? ZERO, spent)
  const { topUpUrl } = about
  const id = isKey(at.owner) ? '' : at.owner.self.id
  const url = topUpAddress(topUpUrl, id)
  const where = url === null ? '' : ` Top up at ${url} .`
  return new Refusal(
    'credit_exhausted',
    `${nameOf(at.owner)} has not enough credit for this call. Balance: ${dollarsText(balance)}, ` +
      `held for calls in flight: ${dollarsText(held)}${needed(least)} dollars.${where}`,
    {
      headers: isHeldUp({ at, least }) ? retrySoon() : { 'x-should-retry': 'false' },
      more: { balance: toDollars(balance), held: toDollars(held), top_up_url: url },
    },
  )
}

/** Whether the call would fit if nothing were held. */
export const isHeldUp = ({ at, least }: { readonly at: Place; readonly least: Nanos }): boolean =>
  (at.on.account.limit ?? ZERO) - at.on.account.spent >= Math.max(least, 1)

/** What the least of the call would be held for; zero: nothing is left, whatever it is. */
const needed = (least: Nanos): string =>
  least === ZERO ? '' : `, needed for this call: ${dollarsText(least)}`

/** LiteLLM has another sentence for keys than for customers. */
const exceeded = (owner: LiveOwner, spent: string, limit: string): string =>
  isKey(owner)
    ? `Budget has been exceeded! ${nameOf(owner)} Current cost: ${spent}, Max budget: ${limit}`
    : `ExceededBudget: ${nameOf(owner)} over budget. Spend=${spent}, Budget=${limit}`

/** What is held stands in the way, and will be given back: the official clients try again. */
const retrySoon = () => ({ 'retry-after': String(HELD_SECONDS), 'x-should-retry': 'true' })

/** The official clients repeat a 429 by themselves, which cannot help here. */
function retryAtReset(end: number | null, now: number): Record<string, string> {
  const seconds = end === null ? Number.POSITIVE_INFINITY : Math.ceil((end - now) / 1_000)
  const wait = seconds <= RESET_SECONDS_MAX ? { 'retry-after': String(seconds) } : {}
  return { 'x-should-retry': 'false', ...wait }
}

const LIMITS = {
  rpm: 'requests a minute (rpm_limit)',
  tpm: 'tokens a minute (tpm_limit)',
  parallel: 'calls at once (max_parallel_requests)',
  too_large: 'tokens a minute (tpm_limit)',
} as const

/** Which limit, its value, and when to come back. */
export function overRate({ owner }: Place, refusal: RateRefusal): Refusal {
  const { refused, limit, remaining, retryAfterMs } = refusal
  const whenever = refused === 'parallel' ? 'when one of them has ended' : 'never for this call'
  const seconds = retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1_000)
  const retry = seconds === null ? `Try again ${whenever}` : `Try again in ${seconds} s`
  const wait = seconds ?? (refused === 'parallel' ? 1 : null)
  const kind = refused === 'rpm' ? 'requests' : 'tokens'
  const limits: Record<string, string> =
    refused === 'parallel'
      ? {}
      : {
          [`x-ratelimit-limit-${kind}`]: String(limit),
          [`x-ratelimit-remaining-${kind}`]: String(remaining),
        }
  return new Refusal(
    'rate_limited',
    `${nameOf(owner)} is over its limit of ${limit} ${LIMITS[refused]}, ` +
      `${remaining} left. ${retry}.`,
    {
      headers: {
        ...limits,
        ...(wait === null ? { 'x-should-retry': 'false' } : { 'retry-after': String(wait) }),
      },
    },
  )
}
