/**
 * When a delivery that failed is tried again, and when no more. Time and chance are handed in.
 *
 * The pauses are 1, 3, 9, 27, 81, 243, 729, 2187 and 6561 seconds, then two hours each, every one
 * a fifth more or less by chance, so that what failed together does not come back together. That
 * is some twenty tries in the day after which an event is given up.
 */
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 2 * 3_600_000
const PAUSE_FACTOR = 3
const JITTER = 0.2

/**
 * From when the event was queued, not from its first try. A receiver that was deaf for a day has a
 * queue of old events then, and a day for each of them would hold up the newest for ever.
 */
const GIVE_UP_MS = 24 * 3_600_000

/** An old event that had to wait for those before it still gets as many tries. */
const TRIES_MIN = 3

export type FailedTry = {
  /** With this one. */
  readonly attempts: number
  /** When the event was queued, milliseconds. */
  readonly queuedAt: number
  readonly now: number
  /** What the receiver asked for, milliseconds; null: nothing. */
  readonly retryAfterMs: number | null
  /** The receiver wants none of it, now or later. */
  readonly isGone: boolean
  /** From 0 up to 1. */
  readonly chance: number
}

/** When to try again, milliseconds since the epoch; null: never, it is dead. */
export function nextTryAt(failed: FailedTry): number | null {
  const { attempts, queuedAt, now, retryAfterMs, isGone, chance } = failed
  if (isGone) return null
  if (attempts >= TRIES_MIN && now - queuedAt >= GIVE_UP_MS) return null
  return now + pauseAfter({ attempts, retryAfterMs, chance })
}

/** The pause after so many tries that failed, milliseconds; ours is never above `ownMsMax`. */
export function pauseAfter(
  { attempts, retryAfterMs, chance }: Pick<FailedTry, 'attempts' | 'retryAfterMs' | 'chance'>,
  ownMsMax = PAUSE_MS_MAX,
): number {
  const pauseMs = Math.min(PAUSE_MS * PAUSE_FACTOR ** (attempts - 1), ownMsMax)
  const jittered = pauseMs * (1 - JITTER + 2 * JITTER * chance)
  // A receiver may ask for more patience than we have by ourselves, not for less.
  return Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, PAUSE_MS_MAX)))
}

/**
 * `Retry-After` in milliseconds: seconds or an HTTP date
 * (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after); null: absent, past, or neither.
 */
export function parseRetryAfter(header: string | null, now: number): number | null {
  if (header === null) return null
  const text = header.trim()
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(dateOf(text)) - now
  return waitMs > 0 ? waitMs : null
}

/** `Date.parse` takes much that is no HTTP date, such as a number below zero. */
const dateOf = (text: string): string => (/^\w{3,9}, .* GMT$/.test(text) ? text : '')
