import { Refusal } from '../errors.ts'

/**
 * The calls that are not settled yet, so that a server that has to stop can end them: each is then
 * charged for what it delivered, instead of being forgotten with the process.
 */
export class InFlight {
  readonly #calls = new Set<AbortController>()
  #none: (() => void)[] = []

  get count(): number {
    return this.#calls.size
  }

  /** `abort` breaks the call off upstream; what its client is told is the abort's reason. */
  add(abort: AbortController) {
    this.#calls.add(abort)
  }

  remove(abort: AbortController) {
    this.#calls.delete(abort)
    if (this.#calls.size > 0) return
    for (const resolve of this.#none) resolve()
    this.#none = []
  }

  /** Resolves when every call is settled. */
  none(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#none.push(resolve))
  }

  cutOff() {
    const reason = new Refusal('overloaded', 'The server stops; the answer is cut off here.')
    for (const abort of this.#calls) abort.abort(reason)
  }
}
