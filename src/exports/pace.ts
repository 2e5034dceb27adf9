/**
 * How fast a receiver may be asked, and how it is left alone while it fails. Time and chance are
 * handed in.
 */
const FAILURES_BEFORE_PAUSE = 3
const PAUSE_MS = 250
const PAUSE_MS_MAX = 30_000
const JITTER = 0.2

export class Pace {
  readonly #atOnce: number
  readonly #perSecond: number | null
  #failures = 0
  #pausedUntil = 0
  /** Requests that may begin at once; filled up as time goes by. */
  #tokens: number
  #filledAt = 0

  constructor({ atOnce, perSecond }: { atOnce: number; perSecond: number | null }) {
    this.#atOnce = atOnce
    this.#perSecond = perSecond
    this.#tokens = burstOf(perSecond)
  }

  /** How many requests may begin now, with so many under way. */
  room(underWay: number, now: number): number {
    if (now < this.#pausedUntil) return 0
    // One tries whether it works again, in place of all.
    const atOnce = this.#failures < FAILURES_BEFORE_PAUSE ? this.#atOnce : 1
    const room = Math.max(0, atOnce - underWay)
    if (this.#perSecond === null) return room
    const burst = burstOf(this.#perSecond)
    const gained = (Math.max(0, now - this.#filledAt) * this.#perSecond) / 1_000
    this.#tokens = Math.min(burst, this.#tokens + gained)
    this.#filledAt = now
    return Math.min(room, Math.floor(this.#tokens))
  }

  began() {
    this.#tokens--
  }

  succeeded() {
    this.#failures = 0
    this.#pausedUntil = 0
  }

  failed(by: { now: number; retryAfterMs: number | null; chance: number }) {
    this.#failures++
    const after = this.#failures - FAILURES_BEFORE_PAUSE
    const own = after < 0 ? 0 : Math.min(PAUSE_MS * 2 ** after, PAUSE_MS_MAX)
    const jittered = own * (1 - JITTER + 2 * JITTER * by.chance)
    const pauseMs = Math.max(jittered, Math.min(by.retryAfterMs ?? 0, PAUSE_MS_MAX))
    this.#pausedUntil = Math.max(this.#pausedUntil, by.now + pauseMs)
  }

  /** When to look again, with something left to send: milliseconds from now. */
  waitMs(now: number): number {
    const paused = this.#pausedUntil - now
    if (paused > 0) return paused
    return this.#perSecond === null ? 1 : Math.max(1, 1_000 / this.#perSecond)
  }
}

/** A tenth of a second's worth. */
const burstOf = (perSecond: number | null): number =>
  perSecond === null ? 0 : Math.max(1, Math.ceil(perSecond / 10))
