import type { RoutingRules } from '../config/config.ts'
import { nearest, Refusal } from '../errors.ts'
import {
  type RateHold,
  type RateLimits,
  type RateRefusal,
  RateWindow,
} from '../ledger/ratelimit.ts'
import type { Deployment, Deployments } from './deployments.ts'
import { averaged, Cooldown, Turns } from './turns.ts'

/** Whom a call may be sent to. */
export type Wanted = {
  readonly model: string
  /** Null: any. */
  readonly region: string | null
  /** Whether one may be asked at all; `misfit` is thrown when none may. */
  readonly isFit: (deployment: Deployment) => boolean
  readonly misfit: () => Refusal
  /** Whether the caller may see a model. */
  readonly isListed: (model: string) => boolean
  /** Ids of those that were asked already: they are asked again only if there is nobody else. */
  readonly tried: ReadonlySet<string>
  /** What the call may take of a deployment's minute, about. */
  readonly tokens: number
  readonly now: number
}

/** A call's place on a deployment, from its choice until it is done with it. */
export type Turn = {
  readonly deployment: Deployment
  /** Null: it is not limited. */
  readonly hold: RateHold | null
  /** It has been given back. */
  isOver: boolean
}

/** How one failed: null in `forMs` if it may have been an accident; `error` for operators. */
export type Failing = { readonly forMs: number | null; readonly error: string }

/** How a deployment does, as far as it was seen since the start; times since the epoch. */
export type Health = {
  /** When it is asked again, milliseconds; null: it is asked now. */
  readonly cooledUntil: number | null
  /** Null: none. */
  readonly lastFailure: { readonly at: number; readonly error: string } | null
  readonly callsInFlight: number
  /** To the first byte, milliseconds, of which the newest count most; null: nobody knows. */
  readonly latencyMs: number | null
}

type Live = {
  readonly deployment: Deployment
  readonly cooldown: Cooldown
  readonly window: RateWindow
  readonly limits: RateLimits
  inFlight: number
  /** To the first byte, milliseconds; null: nobody knows. */
  latencyMs: number | null
  lastFailure: Health['lastFailure']
}

/**
 * Which of a model's deployments is asked. The strategies are LiteLLM's
 * (https://docs.litellm.ai/docs/routing): `simple-shuffle` gives each its share by `weight`, else
 * by `rpm` or `tpm`; `least-busy` takes the one with the fewest calls under way;
 * `latency-based-routing` the one that has been the fastest to its first byte. One that fails is
 * left alone for a while, as long as there is another; one whose minute is used up is not asked.
 */
export class Router {
  readonly rules: RoutingRules
  readonly #deployments: Deployments
  readonly #live: ReadonlyMap<string, Live>
  readonly #turns = new Map<string, Turns<string>>()

  constructor(deployments: Deployments, rules: RoutingRules) {
    this.rules = rules
    this.#deployments = deployments
    this.#live = new Map(
      deployments.all.map((deployment) => {
        const { rpm: rpmLimit, tpm: tpmLimit, parallelMax } = deployment
        const limits = { rpmLimit, tpmLimit, maxParallelRequests: parallelMax }
        const live = { deployment, limits, cooldown: new Cooldown(), window: new RateWindow() }
        return [deployment.id, { ...live, inFlight: 0, latencyMs: null, lastFailure: null }]
      }),
    )
  }

  /**
   * The deployment that a call is to be sent to, with its place there, which `done` or `undo` gives
   * back. Throws `model_not_found`, naming the nearest served model that the caller may see,
   * `model_not_allowed` when none is in the region, and `rate_limited` when the minutes of all are
   * used up.
   */
  take(wanted: Wanted): Turn {
    const { now, tokens } = wanted
    const left = this.#candidates(wanted)
    let refusal: RateRefusal | null = null
    while (left.length > 0) {
      const live = this.#best(wanted.model, left, wanted)
      const admitted = this.#admit(live, { now, tokens })
      if (admitted === null || admitted.refused === null) {
        live.inFlight++
        return { deployment: live.deployment, hold: admitted, isOver: false }
      }
      if (refusal === null || waitOf(admitted) < waitOf(refusal)) refusal = admitted
      left.splice(left.indexOf(live), 1)
    }
    throw usedUp(wanted.model, refusal!)
  }

  /** How many could be asked for a model, cooled ones as well. */
  count(model: string): number {
    return this.#deployments.of(model).length
  }

  /** Its first byte has come, after so long. */
  answered({ deployment }: Turn, ms: number) {
    const live = this.#live.get(deployment.id)!
    live.latencyMs = averaged(live.latencyMs, ms)
  }

  failed({ deployment }: Turn, { forMs, error }: Failing, now: number) {
    const live = this.#live.get(deployment.id)!
    live.lastFailure = { at: now, error }
    live.cooldown.failed(now, forMs, this.rules)
  }

  /** The call is done with it, and has used so many tokens. Once it is over, nothing happens. */
  done(turn: Turn, tokens: number) {
    if (turn.isOver) return
    turn.isOver = true
    const live = this.#live.get(turn.deployment.id)!
    live.inFlight--
    if (turn.hold !== null) live.window.settle(turn.hold, tokens)
  }

  /** The call was not sent there after all. */
  undo(turn: Turn) {
    if (turn.isOver) return
    turn.isOver = true
    const live = this.#live.get(turn.deployment.id)!
    live.inFlight--
    if (turn.hold !== null) live.window.withdraw(turn.hold)
  }

  health(id: string, now: number): Health {
    const { cooldown, lastFailure, inFlight, latencyMs } = this.#live.get(id)!
    const cooledUntil = cooldown.until > now ? cooldown.until : null
    return { cooledUntil, lastFailure, callsInFlight: inFlight, latencyMs }
  }

  #candidates({ model, region, isListed, isFit, misfit }: Wanted): Live[] {
    const all = this.#deployments.of(model)
    if (all.length === 0) throw notServed(model, this.#deployments.models().filter(isListed))
    const wanted = region?.toLowerCase() ?? null
    const there = wanted === null ? all : all.filter((deployment) => deployment.region === wanted)
    if (there.length === 0) throw notInRegion(model, region!)
    const fit = there.filter(isFit)
    if (fit.length === 0) throw misfit()
    return fit.map(({ id }) => this.#live.get(id)!)
  }

  /** Of those that are fit, the one that the strategy says. */
  #best(model: string, all: readonly Live[], { tried, now }: Wanted): Live {
    if (all.length === 1) return all[0]!
    const untried = all.filter(({ deployment }) => !tried.has(deployment.id))
    const fresh = untried.length === 0 ? all : untried
    const awake = fresh.filter(({ cooldown }) => cooldown.until <= now)
    // If all have failed, the one that has been left alone the longest.
    if (awake.length === 0) return leastBy(fresh, ({ cooldown }) => cooldown.until)
    if (this.rules.strategy === 'least-busy') return leastBy(awake, ({ inFlight }) => inFlight)
    if (this.rules.strategy === 'latency-based-routing') {
      // One that nobody knows yet is tried first.
      return leastBy(awake, ({ latencyMs }) => latencyMs ?? 0)
    }
    const turns = this.#turns.get(model) ?? new Turns<string>()
    this.#turns.set(model, turns)
    const members = awake.map(({ deployment: { id, weight, rpm, tpm } }) => ({
      id,
      weight: weight ?? rpm ?? tpm ?? 1,
    }))
    // A weight of 0 has a turn only when there is nobody else.
    const weighted = members.filter((member) => member.weight > 0)
    const id = turns.next(weighted) ?? members[0]!.id
    return awake.find(({ deployment }) => deployment.id === id)!
  }

  #admit(
    { limits, window }: Live,
    call: { readonly now: number; readonly tokens: number },
  ): RateHold | RateRefusal | null {
    const { rpmLimit, tpmLimit, maxParallelRequests } = limits
    const isFree = rpmLimit === null && tpmLimit === null && maxParallelRequests === null
    return isFree ? null : window.admit(limits, call)
  }
}

function leastBy(all: readonly Live[], measure: (live: Live) => number): Live {
  return all.reduce((least, live) => (measure(live) < measure(least) ? live : least))
}

const waitOf = ({ retryAfterMs }: RateRefusal): number => retryAfterMs ?? Number.POSITIVE_INFINITY

function usedUp(model: string, { retryAfterMs }: RateRefusal): Refusal {
  const seconds = Math.max(1, Math.ceil((retryAfterMs ?? 1_000) / 1_000))
  return new Refusal(
    'rate_limited',
    `All deployments of \`${model}\` have had what they take in a minute; ` +
      `try again in ${seconds} s.`,
    { headers: { 'retry-after': String(seconds) } },
  )
}

function notServed(model: string, listed: readonly string[]): Refusal {
  const near = nearest(model, listed)
  const hint = near === null ? served(listed) : `Did you mean \`${near}\`?`
  return new Refusal('model_not_found', `The model \`${model}\` is not served here. ${hint}`, {
    param: 'model',
  })
}

const notInRegion = (model: string, region: string) =>
  new Refusal(
    'model_not_allowed',
    `The customer's calls must stay in the region \`${region}\`, and no deployment of ` +
      `\`${model}\` states it (\`model_info.region\` in the config).`,
    { param: 'model' },
  )

function served(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => `\`${name}\``)
  return `Served: ${shown.join(', ')}${names.length > shown.length ? ', …' : ''}.`
}
