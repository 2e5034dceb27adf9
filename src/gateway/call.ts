import type { Budget } from '../ledger/budget.ts'
import type { VirtualKey } from '../ledger/key.ts'
import type { KeptAnswer, OpenCall, Remembered, Repeat } from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import { logError } from '../log.ts'
import type { Admission } from './admit.ts'
import { type Answer, jsonAnswer, type Kept } from './answer.ts'
import { type Answered, Attempts } from './attempts.ts'
import { goOn, storedAnswer } from './background.ts'
import type { SentBody } from './body.ts'
import { BreakOff } from './break-off.ts'
import { bytesAnswer } from './bytes.ts'
import type { Checkpoints } from './checkpoints.ts'
import { Departure } from './departure.ts'
import type { Deployment, Deployments } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'
import type { Form } from './form.ts'
import { guardOf, outputMaxOf } from './guard.ts'
import { type Idempotency, replay } from './idempotency.ts'
import type { IdentifyRules } from './identify.ts'
import type { InFlight } from './in-flight.ts'
import { rateHeaders } from './live-account.ts'
import type { Observation } from './observation.ts'
import { type Asked, readCall } from './read-call.ts'
import type { Router } from './router.ts'
import {
  estimated,
  LEFT_BEFORE,
  LEFT_WAITING,
  type Metered,
  type MeteredCall,
  NOTHING_CAME,
  openCallOf,
  reported,
  rowOf,
  unmeteredRow,
} from './settle.ts'
import type { StoredStore } from './stored.ts'
import { streamAnswer } from './stream.ts'
import type { IsReachable } from './watch.ts'

/** One metered request, as it came. */
export type Call = {
  /** ULID. */
  readonly id: string
  readonly endpoint: Endpoint
  readonly headers: Headers
  /** Empty if it is a form. */
  readonly body: SentBody
  readonly form?: Form | null
  /** What it came with; null: the master key. */
  readonly key: VirtualKey | null
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
  /** What is seen of it, by metrics, traces and the log. */
  readonly seen: Observation
}

/** What the gateway needs of everybody else; `app.ts` joins it. */
export type Gateway = Admission & {
  readonly identifyRules: IdentifyRules
  readonly deployments: Deployments
  readonly inFlight: InFlight
  readonly idempotency: Idempotency
  readonly checkpoints: Checkpoints
  readonly isReachable: IsReachable
  /** Undoes a compression of an upstream's answer that was not asked for. */
  readonly decoded: (response: Response) => Response
  readonly router: Router
  /** Writes down that a call was admitted, or is elsewhere, for the case that the process dies. */
  readonly openCalls: {
    open(id: string, call: () => OpenCall): void
    move(call: OpenCall): void
  }
  /** How long a client may leave a stream unread. */
  readonly clientIdleMs: number
  /** Resolves when the charge is on disk, with its events and what is remembered of its answer. */
  readonly commit: (
    settlement: Settlement,
    budget: Budget | null,
    remembered: Remembered,
  ) => Promise<void>
  /** Writes down at once that an answer is being made in the background. */
  readonly begin: (call: OpenCall, stored: StoredResponse) => Promise<void>
  readonly responses: StoredStore
}

/**
 * One call, from the first byte in to the last byte out. Read this first; each step is a file.
 *
 * Two promises are kept from here: every reservation is settled exactly once, whichever way the
 * call ends; and the byte that ends an answer leaves after its charge is on disk.
 */
export async function handleCall(call: Call, gateway: Gateway): Promise<Response> {
  const startedAt = gateway.now()
  const { endpoint, seen } = call
  const asked = readCall(call, gateway, startedAt)
  const { text, json, streaming, customerId } = asked
  const repeat = gateway.idempotency.begin({
    headers: call.headers,
    body: call.form?.digest ?? text,
    path: endpoint.path,
    customerId,
    keyId: call.key?.id ?? null,
    now: startedAt,
  })
  if (repeat !== null && 'callId' in repeat) return replay(repeat)
  let attempts: Attempts
  try {
    attempts = await Attempts.begin(call, asked, gateway)
  } catch (refusal) {
    gateway.idempotency.end(repeat)
    throw refusal
  }
  seen.admitted()

  let metered = meteredCall({ call, asked, startedAt }, attempts)
  const open = () => openCallOf(metered, attempts.stop.reservation?.tariff ?? null, repeat)
  const breakOff = new BreakOff()
  const rulesNow = () => rulesOf(attempts.deployment, repeat !== null && !streaming.stream)
  const departure = new Departure(call.signal, breakOff, rulesNow())
  const settle = settleOnce(() => metered, { attempts, repeat, departure, seen }, gateway)
  gateway.openCalls.open(call.id, open)
  gateway.inFlight.add(call.id, { breakOff, departure })

  let isAsked = false
  let answered: Answered
  try {
    if (departure.hasLeft) throw call.signal.reason
    answered = await attempts.answer(breakOff, {
      asking: (isNow) => {
        isAsked = isNow
      },
      moved: () => {
        metered = { ...metered, deployment: attempts.deployment }
        departure.follow(rulesNow())
        gateway.openCalls.move(open())
      },
    })
  } catch (error) {
    const left = isAsked ? LEFT_WAITING : LEFT_BEFORE
    await settle(departure.hasLeft ? left : NOTHING_CAME)
    throw error
  }
  const { response, line } = answered
  const { reservation } = attempts.stop
  const { wire } = endpoint
  const answer: Answer = {
    call: metered,
    seen,
    response,
    wire,
    deployment: line.deployment,
    abort: line.abort,
    watch: line.watch,
    departure,
    settle,
    goOn: (id) => goOn(id, { open, line, departure, settle }, gateway),
    headers: extraHeaders(attempts, gateway.now()),
  }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const stream = wire.streamFor?.(json) ?? wire.stream
  if (!isStream || stream === null) {
    return wire.isBinary === true ? bytesAnswer(answer, gateway) : jsonAnswer(answer)
  }
  return streamAnswer(answer, stream, {
    hideUsage: endpoint.asksForUsage && !streaming.usage,
    clientIdleMs: gateway.clientIdleMs,
    guard: guardOf(metered, reservation, gateway),
    checkpoints: gateway.checkpoints,
  })
}

/** The call as its row will have it, where it is sent first. */
function meteredCall(
  { call, asked, startedAt }: { call: Call; asked: Asked; startedAt: number },
  { stop, deployment }: Attempts,
): MeteredCall {
  return {
    id: call.id,
    endpoint: call.endpoint,
    customer: stop.reservation?.customer?.self ?? null,
    keyId: stop.reservation?.key?.self.id ?? null,
    model: asked.model,
    json: asked.json,
    upload: asked.upload,
    startedAt,
    deployment,
  }
}

/**
 * What becomes of the call when its client leaves. One whose answer is kept for its repeat is
 * carried to its end whatever the deployment's rule: a client with an `Idempotency-Key` that loses
 * its connection comes back for the answer.
 */
function rulesOf({ rules }: Deployment, isKept: boolean): Deployment['rules'] {
  return isKept ? { ...rules, onDisconnect: 'drain' } : rules
}

/**
 * The limits by the minute; and under LiteLLM's names and ours how often it was tried, which a call
 * that was answered at once does not say.
 */
function extraHeaders(attempts: Attempts, now: number): Record<string, string> {
  const { stop, retries, fallbacks } = attempts
  const limits = stop.reservation === null ? {} : rateHeaders(stop.reservation, now)
  if (retries + fallbacks === 0) return limits
  return {
    ...limits,
    'x-tollgate-attempted-retries': String(retries),
    'x-litellm-attempted-retries': String(retries),
    'x-tollgate-attempted-fallbacks': String(fallbacks),
    'x-litellm-attempted-fallbacks': String(fallbacks),
  }
}

/**
 * Settles a call the first time it is asked to; afterwards answers the same promise. `current`
 * says the call as it is where it is now.
 */
function settleOnce(
  current: () => MeteredCall,
  about: {
    readonly attempts: Attempts
    readonly repeat: Repeat | null
    readonly departure: Departure
    readonly seen: Observation
  },
  gateway: Gateway,
): Answer['settle'] {
  const { attempts, repeat, departure, seen } = about
  const { tokenizerFor } = gateway
  let settled: Promise<Settlement> | null = null
  const settle: Answer['settle'] = async (ending, kept) => {
    const metered = current()
    try {
      const { reservation, turn } = attempts.stop
      seen.settling(ending.model ?? null)
      let charged: Metered
      try {
        const used =
          reported(metered, ending) ??
          (await estimated(metered, ending, {
            outputMax: outputMaxOf(metered, reservation),
            tokenizerFor,
          }))
        charged = rowOf(metered, ending, used, gateway.now())
      } catch (error) {
        // Our own mistake must not hold a customer's money for ever.
        logError(`call ${metered.id} could not be metered and is charged nothing`, error)
        charged = unmeteredRow(metered, gateway.now())
      }
      const { row, tokens } = charged
      gateway.router.done(turn, tokens)
      const settlement = gateway.accounts.settle(reservation, row, tokens)
      const answer = repeat === null ? null : keptAnswer(repeat, settlement, kept)
      const remembered = { kept: answer, stored: storedAnswer(metered, ending, settlement) }
      await gateway.commit(settlement, reservation?.customer?.budget ?? null, remembered)
      gateway.accounts.written(reservation)
      seen.booked(settlement.row)
      return settlement
    } finally {
      gateway.inFlight.remove(metered.id)
      gateway.idempotency.end(repeat)
      departure.settled()
      seen.settled()
    }
  }
  return (ending, kept) => (settled ??= settle(ending, kept))
}

/** What a repeat of the call will get; null: it failed for nothing, and may be tried again. */
function keptAnswer(
  repeat: Repeat,
  settlement: Settlement,
  kept: ((charge: Settlement) => Kept) | undefined,
): KeptAnswer | null {
  const { row } = settlement
  if (row.usageSource === 'none') return null
  const { body, headers } = kept?.(settlement) ?? { body: null, headers: {} }
  return { ...repeat, callId: row.id, body, headers, answeredAt: row.settledAt }
}
