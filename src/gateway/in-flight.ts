import { Refusal } from '../errors.ts'
import type { BreakOff } from './break-off.ts'
import type { Departure } from './departure.ts'

/** A call that is not settled yet. */
type CallInFlight = {
  /** Breaks it off upstream; what its client is told is the abort's reason. */
  readonly breakOff: BreakOff
  readonly departure: Departure
}

/** When who was told that there are too many calls should come back, seconds. */
const RETRY_AFTER = '1'

/**
 * The calls that are not settled yet: no more than a bound, nor with more in their bodies, so that
 * memory has one too. A server that has to stop can end them: each is then charged for what it
 * delivered, instead of being forgotten with the process.
 */
export class InFlight {
  readonly #callsMax: number
  readonly #bytesMax: number
  /** Bytes of the bodies, by call; also of those that are being read, or are before admission. */
  readonly #bodies = new Map<string, number>()
  #bytes = 0
  readonly #calls = new Map<string, CallInFlight>()
  #none: (() => void)[] = []

  constructor(most: { readonly calls: number; readonly bytes: number }) {
    this.#callsMax = most.calls
    this.#bytesMax = most.bytes
  }

  get count(): number {
    return this.#calls.size
  }

  /** Calls that are read on for clients that have left. */
  get draining(): number {
    let count = 0
    for (const { departure } of this.#calls.values()) if (departure.isDraining) count++
    return count
  }

  /**
   * Lets a request in that is to become a call, with a body of up to so many bytes; `leave` is to
   * be called when it has been answered. Throws `overloaded` when there are too many already,
   * before anything is read or held for it.
   */
  arrive(id: string, bytes: number) {
    if (this.#bodies.size >= this.#callsMax) throw tooMany(`${this.#callsMax} calls`)
    if (this.#bytes + bytes > this.#bytesMax) {
      throw tooMany(`Calls with ${this.#bytesMax} bytes in their bodies`)
    }
    this.sized(id, bytes)
  }

  /** Its body has come, and has so many. */
  sized(id: string, bytes: number) {
    this.#bytes += bytes - (this.#bodies.get(id) ?? 0)
    this.#bodies.set(id, bytes)
  }

  /** Ends what `arrive` began; a call that was added goes on until it is removed. */
  leave(id: string) {
    if (!this.#calls.has(id)) this.#forget(id)
  }

  add(id: string, call: CallInFlight) {
    this.#calls.set(id, call)
  }

  remove(id: string) {
    this.#calls.delete(id)
    this.#forget(id)
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
    for (const { breakOff } of this.#calls.values()) breakOff.now(reason)
  }

  #forget(id: string) {
    this.#bytes -= this.#bodies.get(id) ?? 0
    this.#bodies.delete(id)
  }
}

const tooMany = (what: string) =>
  new Refusal('overloaded', `${what} are in flight, and no more are taken at once.`, {
    headers: { 'retry-after': RETRY_AFTER },
  })
