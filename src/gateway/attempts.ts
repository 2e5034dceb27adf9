import { Refusal } from '../errors.ts'
import { BYTES_PER_TOKEN } from '../metering/tokens.ts'
import { type Admitted, type Applicant, admit } from './admit.ts'
import { editBody } from './body.ts'
import type { BreakOff } from './break-off.ts'
import type { Call, Gateway } from './call.ts'
import { turnFor } from './choose.ts'
import type { Deployment } from './deployments.ts'
import { editsFor } from './edits.ts'
import { type Failure, forward, type Line } from './forward.ts'
import { pricedFor } from './media-call.ts'
import type { Asked } from './read-call.ts'
import type { Turn } from './router.ts'
import { Watch } from './watch.ts'

/** A wait that an upstream asks for is waited for if it is no longer than this, milliseconds. */
const RETRY_AFTER_MS_MAX = 5_000

const BACKOFF_MS = 250
const BACKOFF_MS_MAX = 4_000

/** Retries that nobody has asked for: once at each other deployment, and not at more than these. */
const OTHERS_MAX = 2

/** Statuses that tell of the deployment, not of the call: it is left alone at once. */
const USELESS = new Set([401, 403, 404])
const RATE_LIMITED = 429
/** With these an upstream says that the call itself is wrong: another would say the same. */
const CALL_IS_WRONG = new Set([400, 409, 413, 415, 422])

/** Ids of the deployments that were asked before the first. */
const NONE: ReadonlySet<string> = new Set()

/** Where a call is now: whom it is sent to, and what is held for that. */
export type Stop = Admitted & {
  readonly turn: Turn
  /** With the price of just this call. */
  readonly deployment: Deployment
}

/** The answer of the first upstream that gave one. */
export type Answered = { readonly response: Response; readonly line: Line }

/**
 * A call on its way from one deployment to the next, until one answers: others of its model, as
 * often as the rules say; then the models that stand in for it. All of it before the first byte of
 * an answer. What is held is held for whoever is asked now, so a dearer one may be refused; then
 * the client is told what the one before said.
 */
export class Attempts {
  readonly #call: Call
  readonly #asked: Asked
  readonly #gateway: Gateway
  readonly #startedAt = performance.now()
  readonly #tried = new Set<string>()
  /** Models that were asked. */
  readonly #models: string[]
  #stop: Stop
  #retriesOfModel = 0
  retries = 0

  private constructor(call: Call, asked: Asked, about: { gateway: Gateway; first: Stop }) {
    this.#call = call
    this.#asked = asked
    this.#gateway = about.gateway
    this.#stop = about.first
    this.#models = [asked.model]
  }

  /** Chooses the first deployment, and holds what the call may cost there. Throws its refusals. */
  static async begin(call: Call, asked: Asked, gateway: Gateway): Promise<Attempts> {
    const first = await stopAt(asked.model, { call, asked, tried: NONE }, gateway)
    return new Attempts(call, asked, { gateway, first })
  }

  /** Where the call is now. */
  get stop(): Stop {
    return this.#stop
  }

  get deployment(): Deployment {
    return this.#stop.deployment
  }

  /** How often it went to another model. */
  get fallbacks(): number {
    return this.#models.length - 1
  }

  /**
   * Answers the first answer. Throws the last refusal when nobody is left to be asked, or the
   * reason for which the call is broken off. `moved` is told of each deployment after the first;
   * `asking` whether one of them has the call.
   */
  async answer(
    breakOff: BreakOff,
    { moved, asking }: { readonly moved: () => void; readonly asking: (isAsked: boolean) => void },
  ): Promise<Answered> {
    const { router, now } = this.#gateway
    for (;;) {
      const { turn } = this.#stop
      const tried = await this.#try(breakOff, asking)
      if ('response' in tried) return tried
      asking(false)
      this.#call.seen.failedTry()
      const forMs = coolingOf(tried, router.rules.cooldownMs)
      router.failed(turn, { forMs, error: errorOf(tried) }, now())
      this.#tried.add(turn.deployment.id)
      if (!(await this.#goOn(tried, breakOff))) throw tried.refusal
      moved()
    }
  }

  async #try(breakOff: BreakOff, asking: (isAsked: boolean) => void): Promise<Answered | Failure> {
    const call = this.#call
    const gateway = this.#gateway
    const { deployment } = this
    const own = breakOff.attempt()
    const { isReachable, decoded } = gateway
    const watch = new Watch(deployment, own, { isReachable, startedAt: this.#startedAt })
    const line: Line = { deployment, abort: own, watch, decoded }
    const askedAt = performance.now()
    try {
      asking(true)
      const { json, streaming } = this.#asked
      const about = { endpoint: call.endpoint, deployment, asked: streaming, cap: this.#stop.cap }
      const edits = editsFor(json, about)
      const body = bodyWith(edits, call, this.#asked)
      const { id: callId, endpoint } = call
      const headers = call.seen.asking(deployment, call.headers)
      const ask = { callId, endpoint, headers, body, json, now: gateway.now() }
      const tried = await forward(ask, line)
      if ('response' in tried) {
        gateway.router.answered(this.#stop.turn, performance.now() - askedAt)
        return { response: tried.response, line }
      }
      watch.stop()
      return tried
    } catch (error) {
      watch.stop()
      if (breakOff.isBroken || !(error instanceof Refusal)) throw error
      // It was too slow. It may go on all the same, so it is not asked again; another may be.
      const nothing = { retryAfterMs: null, isBroken: false, status: null } as const
      if (error.code !== 'upstream_timed_out') throw error
      return { refusal: error, mayRetry: false, why: 'failed', ...nothing }
    }
  }

  /** Goes to the next deployment, if there is one. */
  async #goOn(failure: Failure, breakOff: BreakOff): Promise<boolean> {
    const pauseMs = this.#pauseBefore(failure)
    if (pauseMs !== null) {
      this.retries++
      this.#retriesOfModel++
      if (pauseMs > 0) await pause(pauseMs, breakOff.attempt().signal)
      const model = this.#models.at(-1)!
      if (await this.#moveTo(model)) return true
    }
    for (const model of this.#standIns(failure)) {
      if (this.#models.includes(model)) continue
      this.#models.push(model)
      this.#retriesOfModel = 0
      if (await this.#moveTo(model)) return true
    }
    return false
  }

  /**
   * Null: the model is not asked again. None where another deployment is there; else what the
   * upstream asks for, or a growing time with half of chance.
   */
  #pauseBefore({ mayRetry, retryAfterMs }: Failure): number | null {
    const { router } = this.#gateway
    const others = router.count(this.#models.at(-1)!) - 1
    const most = this.deployment.rules.retriesMax ?? Math.min(others, OTHERS_MAX)
    if (!mayRetry || this.#retriesOfModel >= most) return null
    if (this.#retriesOfModel < others) return 0
    if (retryAfterMs !== null) return retryAfterMs <= RETRY_AFTER_MS_MAX ? retryAfterMs : null
    const longest = Math.min(BACKOFF_MS * 2 ** this.#retriesOfModel, BACKOFF_MS_MAX)
    return longest * (1 - Math.random() / 2)
  }

  /** The models that stand in for the one that was asked for, because of how it failed. */
  #standIns({ why, status }: Failure): readonly string[] {
    const { rules } = this.#gateway.router
    const { model, previous } = this.#asked
    // Only the one that keeps the previous answer can go on from it.
    if (previous !== null) return []
    if (why === 'context window') return rules.contextWindowFallbacks.get(model) ?? []
    if (why === 'content policy') return rules.contentPolicyFallbacks.get(model) ?? []
    if (status !== null && CALL_IS_WRONG.has(status)) return []
    return rules.fallbacks.get(model) ?? rules.defaultFallbacks
  }

  /** Holds for a deployment of a model in place of the last; false: it may not be asked. */
  async #moveTo(model: string): Promise<boolean> {
    const { accounts, router } = this.#gateway
    const { turn, reservation } = this.#stop
    if (reservation !== null) accounts.release(reservation)
    // It was asked, and that counts in its minute; it has used nothing.
    router.done(turn, 0)
    this.#stop = { ...this.#stop, reservation: null }
    const about = { call: this.#call, asked: this.#asked, tried: this.#tried }
    try {
      this.#stop = await stopAt(model, about, this.#gateway)
      return true
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
  }
}

/** As it came, where nothing has to differ. */
export function bodyWith(
  edits: ReadonlyMap<string, string | null>,
  { body, form }: Call,
  { text, members }: Asked,
) {
  if (form) return form.edited(edits)
  return edits.size === 0 ? body.blob : editBody(text, members, edits)
}

async function stopAt(
  model: string,
  about: { readonly call: Call; readonly asked: Asked; readonly tried: ReadonlySet<string> },
  gateway: Gateway,
): Promise<Stop> {
  const { call, asked, tried } = about
  const { previous, json, text, upload, customerId } = asked
  const bytes = call.form?.fieldBytes ?? call.body.blob.size
  // A minute of a deployment is held for that.
  const tokens = Math.ceil(bytes / BYTES_PER_TOKEN)
  const turn = turnFor(call, asked, { gateway, model, tried, tokens })
  const { endpoint, key } = call
  const context = previous?.context ?? 0
  const deployment = pricedFor({ endpoint, json, upload }, turn.deployment)
  const applicant: Applicant = {
    endpoint,
    json,
    text,
    bodyBytes: bytes,
    context,
    upload,
    customerId,
    key,
    model: asked.model,
    deployment,
  }
  try {
    const { reservation, cap } = await admit(applicant, gateway)
    return { reservation, cap, turn, deployment }
  } catch (refusal) {
    gateway.router.undo(turn)
    throw refusal
  }
}

/** For operators. Not in the words of an upstream, which may repeat some of a prompt. */
const errorOf = ({ status, refusal }: Failure): string =>
  status === null ? refusal.message : `status ${status}`

/** How long a deployment that failed so is to be left alone; null: it may have been an accident. */
function coolingOf({ status, retryAfterMs }: Failure, cooldownMs: number): number | null {
  if (status === RATE_LIMITED) return retryAfterMs ?? cooldownMs
  return status !== null && USELESS.has(status) ? cooldownMs : null
}

/** Rejects with the signal's reason when it aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const broken = () => {
    clearTimeout(timer)
    reject(signal.reason)
  }
  signal.addEventListener('abort', broken, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', broken))
}
