import { Refusal } from '../errors.ts'

/** When who was told that there are too many calls should come back, seconds. */
const RETRY_AFTER = '1'

/**
 * The calls that are not settled yet: no more than a bound, so that memory has one too. A server
 * that has to stop can end them: each is then charged for what it delivered, instead of being
 * forgotten with the process.
 */
export class InFlight {
  readonly #callsMax: number
  /** Ids of those whose body is being read, or that are before admission. */
  readonly #arriving = new Set<string>()
  readonly #calls = new Map<string, AbortController>()
  #none: (() => void)[] = []

  constructor({ callsMax }: { readonly callsMax: number }) {
    this.#callsMax = callsMax
  }

  get count(): number {
    return this.#calls.size
  }

  /**
   * Lets a request in that is to become a call; `leave` is to be called when it has been answered.
   * Throws `overloaded` when there are too many already, before anything is read or held for it.
   */
  arrive(id: string) {
    if (this.#arriving.size + this.#calls.size >= this.#callsMax) {
      const message = `${this.#callsMax} calls are in flight, and no more are taken at once.`
      throw new Refusal('overloaded', message, { headers: { 'retry-after': RETRY_AFTER } })
    }
    this.#arriving.add(id)
  }

  /** Ends what `arrive` began; a call that was added goes on until it is removed. */
  leave(id: string) {
    this.#arriving.delete(id)
  }

  /** `abort` breaks the call off upstream; what its client is told is the abort's reason. */
  add(id: string, abort: AbortController) {
    this.#arriving.delete(id)
    this.#calls.set(id, abort)
  }

  remove(id: string) {
    this.#calls.delete(id)
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
    for (const abort of this.#calls.values()) abort.abort(reason)
  }
}
