import type { UpstreamRules } from '../config/config.ts'
import { Refusal } from '../errors.ts'

/** What a client that has left would be told. */
const LEFT = new Refusal('upstream_failed', 'The client hung up.')
const DRAINED_ENOUGH = new Refusal('upstream_failed', 'The client hung up, and long ago.')

type Rules = Pick<UpstreamRules, 'onDisconnect' | 'drainTimeoutMs'>

/**
 * Whether the client is still there, and what becomes of the upstream when it is not: it is broken
 * off at once, or (`drain`) its answer is read on for as long as the rules allow. Runtimes tell of
 * a hang-up by the request's signal, by cancelling the answer's body, or by both.
 */
export class Departure {
  readonly #abort: AbortController
  #rules: Rules
  #hasLeft = false
  #isSettled = false
  #isDetached = false
  #timer: ReturnType<typeof setTimeout> | null = null
  #heard: (() => void) | null = null

  constructor(abort: AbortController, rules: Rules) {
    this.#abort = abort
    this.#rules = rules
  }

  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** Whether the answer is read on although nobody waits for it. */
  get isDraining(): boolean {
    return this.#hasLeft && !this.#abort.signal.aborted
  }

  leave() {
    if (this.#hasLeft || this.#isDetached) return
    this.#hasLeft = true
    // Of a call that is settled there is nothing left to read.
    if (this.#isSettled || this.#rules.onDisconnect === 'abort') this.#abort.abort(LEFT)
    else this.#timer = setTimeout(() => this.drainedEnough(), this.#rules.drainTimeoutMs)
    this.#heard?.()
  }

  /** Tells one listener when the client leaves, or at once if it has. */
  whenLeft(heard: () => void) {
    this.#heard = heard
    if (this.#hasLeft) heard()
  }

  /** The call goes to another upstream, with rules of its own. */
  follow(rules: Rules) {
    this.#rules = rules
  }

  /** The client has what it came for, and the call goes on without it. */
  detach() {
    this.#isDetached = true
  }

  drainedEnough() {
    this.#abort.abort(DRAINED_ENOUGH)
  }

  /** There is nothing left to wait for. */
  settled() {
    this.#isSettled = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }
}
