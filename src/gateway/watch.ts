import { Refusal } from '../errors.ts'
import { type Alarm, setAlarm, takeBack } from './alarm.ts'
import type { Deployment } from './deployments.ts'

/** Whether a connection to a base URL comes about within so many milliseconds. */
export type IsReachable = (apiBase: string, withinMs: number) => Promise<boolean>

/**
 * Breaks a call off when its upstream is too slow: with the connection, with the first byte,
 * between two pieces, or as a whole. One alarm for all of it, however much is seen.
 *
 * `fetch` tells of no connection, only of the first byte. So when half the time for connecting is
 * over without one, it is tried out whether one can be had at all, in the other half.
 */
export class Watch {
  readonly #deployment: Deployment
  readonly #abort: AbortController
  readonly #isReachable: IsReachable
  readonly #endsAt: number
  readonly #askedAt: number
  #seenAt: number
  #connectCheckAt: number
  #isAnswered = false
  /** Nothing is asked of the upstream as long as the client does not read. */
  #isWaitedFor = true
  #alarm: Alarm

  /** `startedAt` is when the call came, by `performance.now()`: the whole of it has one end. */
  constructor(
    deployment: Deployment,
    abort: AbortController,
    { isReachable, startedAt }: { readonly isReachable: IsReachable; readonly startedAt: number },
  ) {
    this.#deployment = deployment
    this.#abort = abort
    this.#isReachable = isReachable
    const now = performance.now()
    this.#askedAt = now
    this.#seenAt = now
    this.#endsAt = startedAt + deployment.rules.totalTimeoutMs
    this.#connectCheckAt = now + deployment.rules.connectTimeoutMs / 2
    this.#alarm = setAlarm(this.#nextAt(now) - now, this.#check)
  }

  /** The first byte came, or another one. */
  seen() {
    this.#isAnswered = true
    this.#isWaitedFor = false
  }

  /** From now on another piece is waited for. */
  waits() {
    this.#isWaitedFor = true
    this.#seenAt = performance.now()
  }

  stop() {
    takeBack(this.#alarm)
  }

  get #idleMs(): number {
    return this.#deployment.rules.idleTimeoutMs ?? this.#deployment.timeoutMs
  }

  #dueAt(now: number): number {
    if (!this.#isAnswered) return this.#askedAt + this.#deployment.timeoutMs
    return (this.#isWaitedFor ? this.#seenAt : now) + this.#idleMs
  }

  #nextAt(now: number): number {
    const connectAt = this.#isAnswered ? Number.POSITIVE_INFINITY : this.#connectCheckAt
    return Math.min(this.#dueAt(now), this.#endsAt, connectAt)
  }

  readonly #check = () => {
    const now = performance.now()
    const { modelName, timeoutMs, rules } = this.#deployment
    if (now >= this.#endsAt) {
      return this.#giveUp(`was not done after ${seconds(rules.totalTimeoutMs)}`, modelName)
    }
    if (now >= this.#dueAt(now)) {
      const silentMs = this.#isAnswered ? this.#idleMs : timeoutMs
      return this.#giveUp(`sent nothing for ${seconds(silentMs)}`, modelName)
    }
    if (!this.#isAnswered && now >= this.#connectCheckAt) {
      this.#connectCheckAt = Number.POSITIVE_INFINITY
      void this.#tryToConnect()
    }
    this.#alarm = setAlarm(this.#nextAt(now) - now, this.#check)
  }

  async #tryToConnect() {
    const { apiBase, modelName, rules } = this.#deployment
    const { connectTimeoutMs } = rules
    if (apiBase === null || (await this.#isReachable(apiBase, connectTimeoutMs / 2))) return
    if (this.#isAnswered) return
    this.#giveUp(`could not be connected to within ${seconds(connectTimeoutMs)}`, modelName)
  }

  #giveUp(why: string, modelName: string) {
    this.stop()
    const message = `The upstream of \`${modelName}\` ${why}.`
    this.#abort.abort(new Refusal('upstream_timed_out', message))
  }
}

const seconds = (ms: number): string => `${ms / 1_000} s`
