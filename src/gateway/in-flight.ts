import { Refusal } from '../errors.ts'
import type { Departure } from './departure.ts'

/** A call that is not settled yet. */
type CallInFlight = {
  /** Breaks it off upstream; what its client is told is the abort's reason. */
  readonly abort: AbortController
  readonly departure: Departure
}

/**
 * The calls that are not settled yet, so that a server that has to stop can end them: each is then
 * charged for what it delivered, instead of being forgotten with the process.
 */
export class InFlight {
  readonly #calls = new Set<CallInFlight>()
  #none: (() => void)[] = []

  get count(): number {
    return this.#calls.size
  }

  /** Calls that are read on for clients that have left. */
  get draining(): number {
    let count = 0
    for (const { departure } of this.#calls) if (departure.isDraining) count++
    return count
  }

  add(call: CallInFlight) {
    this.#calls.add(call)
  }

  remove(call: CallInFlight) {
    this.#calls.delete(call)
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
    for (const { abort } of this.#calls) abort.abort(reason)
  }
}
