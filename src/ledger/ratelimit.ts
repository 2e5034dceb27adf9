/**
 * Requests a minute, tokens a minute, and calls at once, of one customer.
 *
 * Promised, for the limits as they stand at a call's admission:
 * 1. Of the calls admitted in any 60 seconds, both ends included, there are never more than
 *    `rpmLimit`, and their tokens are never more than `tpmLimit`: what was held for those in
 *    flight, what was used by those settled. Only a call that used more than was held can break
 *    that, and then the next is refused.
 * 2. A call that fits beside all those of the last 61 seconds is admitted. The second between is
 *    the granularity: calls are counted by the second of the clock in which they were admitted.
 * 3. No more than `maxParallelRequests` are in flight.
 *
 * Why the first holds: two calls at most 60 seconds apart lie in seconds at most 60 apart, and a
 * second is forgotten when it is 61 behind. A token bucket is smaller and would not do: a burst and
 * what is refilled after it come to nearly twice the limit in one minute.
 */
import type { Limits } from './budget.ts'

/** Null: not limited. */
export type RateLimits = Pick<Limits, 'rpmLimit' | 'tpmLimit' | 'maxParallelRequests'>

/** An admitted call: what is to be handed back, once, to `settle` or `withdraw`. */
export type RateHold = {
  readonly refused: null
  /** In which it was admitted, by the window's own clock. */
  readonly second: number
  readonly tokens: number
}

export type RateRefusal = {
  /**
   * The limit that stands in the way for the longest. `too_large`: the call alone has more tokens
   * than a minute may have, so that it can never be admitted.
   */
  readonly refused: 'rpm' | 'tpm' | 'parallel' | 'too_large'
  readonly limit: number
  /** Never below 0. */
  readonly remaining: number
  /**
   * When the same call is admitted if nothing else happens until then, and not before. Null: time
   * alone does not help. Calls must end (`parallel`) or the limit is in the way for ever.
   */
  readonly retryAfterMs: number | null
  /** Until the whole limit is there again. Null: for `parallel`. */
  readonly resetMs: number | null
}

export type Allowance = {
  readonly limit: number
  /** Never below 0. */
  readonly remaining: number
  /** Until the whole limit is there again if no call comes. */
  readonly resetMs: number
}

/** Null where there is no limit. */
export type Allowances = {
  readonly requests: Allowance | null
  readonly tokens: Allowance | null
}

/** Whether a customer needs a window at all. */
export const hasRateLimits = (limits: RateLimits): boolean =>
  limits.rpmLimit !== null || limits.tpmLimit !== null || limits.maxParallelRequests !== null

/**
 * A customer's calls of the last minute. Mutable, because a copy for each call would cost more
 * than all else here; nothing in it waits, so check and count are one step all the same.
 *
 * `now` is in whole milliseconds of any clock. When that is set back, the window's own goes on from
 * the latest time seen: the limits hold, and no call is remembered for longer than 61 seconds.
 */
export class RateWindow {
  readonly #requests = new SlidingSum()
  readonly #tokens = new SlidingSum()
  #inFlight = 0
  /** The latest time seen, by the window's own clock. */
  #latestMs = 0
  /** What the window's own clock is ahead of `now`. Grows each time that `now` is set back. */
  #aheadMs = 0

  /**
   * Counts a call that may use `tokens` at worst, or refuses it and counts nothing. A limit of 0
   * admits nothing.
   */
  admit(
    limits: RateLimits,
    call: { readonly now: number; readonly tokens: number },
  ): RateHold | RateRefusal {
    const tokens = checked(call.tokens)
    this.#advance(call.now)
    const refusal = this.#refusalForGood(limits, tokens) ?? this.#refusalForNow(limits, tokens)
    if (refusal !== null) return refusal
    const second = secondOf(this.#latestMs)
    this.#requests.add(second, 1)
    this.#tokens.add(second, tokens)
    this.#inFlight++
    return { refused: null, second, tokens }
  }

  /** Ends a call: `tokensUsed`, more or fewer, now stand where its worst case stood. */
  settle(hold: RateHold, tokensUsed: number) {
    this.#tokens.add(hold.second, checked(tokensUsed) - hold.tokens)
    this.#land()
  }

  /** Ends a call that was not sent after all, as if it had never been admitted. */
  withdraw(hold: RateHold) {
    this.#requests.add(hold.second, -1)
    this.#tokens.add(hold.second, -hold.tokens)
    this.#land()
  }

  remaining({ rpmLimit, tpmLimit }: RateLimits, now: number): Allowances {
    this.#advance(now)
    return {
      requests: rpmLimit === null ? null : this.#allowance(this.#requests, rpmLimit),
      tokens: tpmLimit === null ? null : this.#allowance(this.#tokens, tpmLimit),
    }
  }

  /** Whether a new window would do as well, so that this one need not be kept. */
  isIdle(now: number): boolean {
    this.#advance(now)
    return this.#inFlight === 0 && this.#requests.total === 0 && this.#tokens.total === 0
  }

  #advance(now: number) {
    this.#aheadMs = Math.max(this.#aheadMs, this.#latestMs - now)
    this.#latestMs = now + this.#aheadMs
    this.#requests.advance(secondOf(this.#latestMs))
    this.#tokens.advance(secondOf(this.#latestMs))
  }

  #land() {
    if (this.#inFlight === 0) throw new RangeError('a call was settled or withdrawn twice')
    this.#inFlight--
  }

  /** The refusal that time alone does not lift. */
  #refusalForGood(
    { rpmLimit, tpmLimit, maxParallelRequests }: RateLimits,
    tokens: number,
  ): RateRefusal | null {
    if (tpmLimit !== null && tokens > tpmLimit) {
      const allowance = this.#allowance(this.#tokens, tpmLimit)
      return { refused: 'too_large', ...allowance, retryAfterMs: null }
    }
    if (rpmLimit !== null && rpmLimit < 1) {
      return { refused: 'rpm', ...this.#allowance(this.#requests, rpmLimit), retryAfterMs: null }
    }
    if (maxParallelRequests !== null && this.#inFlight >= maxParallelRequests) {
      const limit = maxParallelRequests
      return { refused: 'parallel', limit, remaining: 0, retryAfterMs: null, resetMs: null }
    }
    return null
  }

  /** The refusal that lasts longer of two, so that when it is over the other is, too. */
  #refusalForNow({ rpmLimit, tpmLimit }: RateLimits, tokens: number): RateRefusal | null {
    const waitRpm = rpmLimit === null ? 0 : this.#msUntil(this.#requests, rpmLimit - 1)
    const waitTpm = tpmLimit === null ? 0 : this.#msUntil(this.#tokens, tpmLimit - tokens)
    const retryAfterMs = Math.max(waitRpm, waitTpm)
    if (retryAfterMs === 0) return null
    return waitRpm >= waitTpm
      ? { refused: 'rpm', ...this.#allowance(this.#requests, rpmLimit!), retryAfterMs }
      : { refused: 'tpm', ...this.#allowance(this.#tokens, tpmLimit!), retryAfterMs }
  }

  #allowance(sum: SlidingSum, limit: number): Allowance {
    const remaining = Math.max(0, Math.floor(limit - sum.total))
    return { limit, remaining, resetMs: this.#msUntil(sum, 0) }
  }

  #msUntil(sum: SlidingSum, most: number): number {
    if (sum.total <= most) return 0
    return sum.secondOfFallTo(most) * 1_000 - this.#latestMs
  }
}

/** The current second and the 60 before it. */
const SECONDS = 61

/** A sum over the last 61 seconds, kept by the second in a ring. */
class SlidingSum {
  readonly #bySecond = new Float64Array(SECONDS)
  #newest = 0
  #total = 0

  get total(): number {
    return this.#total
  }

  /** Forgets what is 61 seconds old at `second`, which is never before that of the last time. */
  advance(second: number) {
    const gone = Math.min(second - this.#newest, SECONDS)
    for (let ago = 0; ago < gone; ago++) {
      const slot = (second - ago) % SECONDS
      this.#total -= this.#bySecond[slot]!
      this.#bySecond[slot] = 0
    }
    this.#newest = second
  }

  /** Adds to a second, the current or a former one; to one that is forgotten, nothing. */
  add(second: number, amount: number) {
    if (second <= this.#newest - SECONDS) return
    this.#bySecond[second % SECONDS]! += amount
    this.#total += amount
  }

  /** The second in which the sum has fallen to `most`, 0 or more, by itself. */
  secondOfFallTo(most: number): number {
    let left = this.#total
    let second = this.#newest
    while (left > most) {
      second++
      left -= this.#bySecond[second % SECONDS]!
    }
    return second
  }
}

const secondOf = (ms: number) => Math.floor(ms / 1_000)

function checked(tokens: number): number {
  if (!Number.isSafeInteger(tokens) || tokens < 0)
    throw new RangeError(`not a number of tokens: ${tokens}; a whole number from 0 is one`)
  return tokens
}

/**
 * What OpenAI clients read of their limits. Nothing for what is not limited.
 * https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
 */
export function rateLimitHeaders(allowances: Allowances): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const kind of ['requests', 'tokens'] as const) {
    const allowance = allowances[kind]
    if (allowance === null) continue
    headers[`x-ratelimit-limit-${kind}`] = String(allowance.limit)
    headers[`x-ratelimit-remaining-${kind}`] = String(allowance.remaining)
    headers[`x-ratelimit-reset-${kind}`] = waitText(allowance.resetMs)
  }
  return headers
}

/** A wait of less than an hour as OpenAI writes it: `0s`, `12ms`, `8.64s`, `6m0s`. */
function waitText(ms: number): string {
  if (ms > 0 && ms < 1_000) return `${ms}ms`
  const seconds = `${(ms % 60_000) / 1_000}s`
  return ms < 60_000 ? seconds : `${Math.floor(ms / 60_000)}m${seconds}`
}
