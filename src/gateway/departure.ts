import type { UpstreamRules } from '../config/config.ts'
import { Refusal } from '../errors.ts'
import { type Alarm, setAlarm, takeBack } from './alarm.ts'
import type { BreakOff } from './break-off.ts'

/** What a client that has left would be told. */
const LEFT = new Refusal('upstream_failed', 'The client hung up.')
const DRAINED_ENOUGH = new Refusal('upstream_failed', 'The client hung up, and long ago.')

/**
 * How old a call is when its client's hang-up is listened for, milliseconds. A listener costs each
 * call 4 µs, and most calls that are answered at once need none: whether the client is there is
 * looked up as well whenever somebody asks.
 */
const LISTEN_AFTER_MS = 20

type Rules = Pick<UpstreamRules, 'onDisconnect' | 'drainTimeoutMs'>

/**
 * Whether the client is still there, and what becomes of the upstream when it is not: it is broken
 * off at once, or (`drain`) its answer is read on for as long as the rules allow. Runtimes tell of
 * a hang-up by the request's signal, by cancelling the answer's body, or by both.
 */
export class Departure {
  readonly #client: AbortSignal
  readonly #breakOff: BreakOff
  readonly #unheard: Alarm
  #rules: Rules
  #hasLeft = false
  #isSettled = false
  #isDetached = false
  #timer: ReturnType<typeof setTimeout> | null = null
  #heard: (() => void) | null = null

  /** `client` aborts when the client hangs up. */
  constructor(client: AbortSignal, breakOff: BreakOff, rules: Rules) {
    this.#client = client
    this.#breakOff = breakOff
    this.#rules = rules
    this.#unheard = setAlarm(LISTEN_AFTER_MS, () => this.#listen())
  }

  get hasLeft(): boolean {
    if (this.#client.aborted) this.leave()
    return this.#hasLeft
  }

  #listen() {
    if (this.#client.aborted) this.leave()
    else this.#client.addEventListener('abort', () => this.leave(), { once: true })
  }

  /** Whether the answer is read on although nobody waits for it. */
  get isDraining(): boolean {
    return this.#hasLeft && !this.#breakOff.isBroken
  }

  leave() {
    if (this.#hasLeft || this.#isDetached) return
    this.#hasLeft = true
    // Of a call that is settled there is nothing left to read.
    if (this.#isSettled || this.#rules.onDisconnect === 'abort') this.#breakOff.now(LEFT)
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
    this.#breakOff.now(DRAINED_ENOUGH)
  }

  /** There is nothing left to wait for. */
  settled() {
    this.#isSettled = true
    takeBack(this.#unheard)
    if (this.#timer !== null) clearTimeout(this.#timer)
  }
}
