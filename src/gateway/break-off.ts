/**
 * Breaks a call off, at whichever upstream it is. Each attempt has an `AbortController` of its own,
 * because it may be given up alone; one more for the whole call, with a listener, would cost each
 * call what JSON does (4 µs).
 */
export class BreakOff {
  #isBroken = false
  #reason: unknown
  #attempt: AbortController | null = null

  get isBroken(): boolean {
    return this.#isBroken
  }

  /** What the client is told. */
  get reason(): unknown {
    return this.#reason
  }

  now(reason: unknown) {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#reason = reason
    this.#attempt?.abort(reason)
  }

  /** For the next attempt; the one before is over. */
  attempt(): AbortController {
    this.#attempt = new AbortController()
    if (this.#isBroken) this.#attempt.abort(this.#reason)
    return this.#attempt
  }
}
