import type { Budget } from '../ledger/budget.ts'
import type { VirtualKey } from '../ledger/key.ts'
import type { KeptAnswer, OpenCall, Remembered, Repeat } from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import { logError } from '../log.ts'
import { type Admission, admit } from './admit.ts'
import { type Answer, jsonAnswer, type Kept } from './answer.ts'
import { goOnWith, storedAnswer } from './background.ts'
import { editBody } from './body.ts'
import type { Checkpoints } from './checkpoints.ts'
import { Departure } from './departure.ts'
import type { Deployment, Deployments } from './deployments.ts'
import { editsFor } from './edits.ts'
import type { Endpoint } from './endpoint.ts'
import { forward } from './forward.ts'
import { Guard } from './guard.ts'
import { type Idempotency, replay } from './idempotency.ts'
import type { IdentifyRules } from './identify.ts'
import type { InFlight } from './in-flight.ts'
import { rateHeaders } from './live-account.ts'
import type { Reservation } from './live-owner.ts'
import type { Observation } from './observation.ts'
import { readCall } from './read-call.ts'
import {
  LEFT_BEFORE,
  LEFT_WAITING,
  type MeteredCall,
  NOTHING_CAME,
  openCallOf,
  rowOf,
  unmeteredRow,
} from './settle.ts'
import type { StoredStore } from './stored.ts'
import { streamAnswer } from './stream.ts'
import { type IsReachable, Watch } from './watch.ts'

/** One metered request, as it came. */
export type Call = {
  /** ULID. */
  readonly id: string
  readonly endpoint: Endpoint
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer>
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
  /** Writes down that a call was admitted, for the case that the process dies. */
  readonly open: (call: OpenCall) => void
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
  const { text, json, streaming, customerId, model, deployment, previous } = asked
  seen.asks({ deployment, customerId, isStream: streaming.stream })
  const repeat = gateway.idempotency.begin({
    ...call,
    path: endpoint.path,
    customerId,
    keyId: call.key?.id ?? null,
    now: startedAt,
  })
  if (repeat !== null && 'callId' in repeat) return replay(repeat)
  const context = previous?.context ?? 0
  const demanding = { endpoint, json, text, bodyBytes: call.body.length, context }
  const applicant = { ...demanding, customerId, key: call.key, deployment }
  const { reservation, cap } = await admit(applicant, gateway).catch((refusal: unknown) => {
    gateway.idempotency.end(repeat)
    throw refusal
  })
  seen.admitted()

  const customer = reservation?.customer?.self ?? null
  const keyId = reservation?.key?.self.id ?? null
  const about = { customer, keyId, model, deployment, json, startedAt }
  const metered: MeteredCall = { id: call.id, endpoint, ...about }
  const open = openCallOf(metered, repeat)
  gateway.open(open)
  const abort = new AbortController()
  const watch = new Watch(deployment, abort, gateway.isReachable)
  const departure = departureOf({ deployment, abort, isKept: repeat !== null && !streaming.stream })
  const { decoded } = gateway
  const line = { deployment, abort, watch, decoded, isAsked: false }
  const settle = settleOnce({ metered, reservation, repeat, departure, seen }, gateway)
  call.signal.addEventListener('abort', () => departure.leave(), { once: true })
  if (call.signal.aborted) departure.leave()
  gateway.inFlight.add(call.id, { abort, departure })

  let response: Response
  try {
    if (departure.hasLeft) throw call.signal.reason
    const edits = editsFor(json, { endpoint, deployment, asked: streaming, cap })
    const body = edits.size === 0 ? call.body : editBody(text, asked.members, edits)
    const callId = call.id
    const headers = seen.asking(call.headers)
    response = await forward({ callId, endpoint, headers, body, json, now: startedAt }, line)
  } catch (error) {
    watch.stop()
    const left = line.isAsked ? LEFT_WAITING : LEFT_BEFORE
    await settle(departure.hasLeft ? left : NOTHING_CAME)
    throw error
  }
  const limits = reservation === null ? {} : rateHeaders(reservation, gateway.now())
  const { wire } = endpoint
  const goOn = goOnWith({ open, line, departure, settle }, gateway)
  const answer = { call: metered, response, wire, ...line, departure, settle, goOn, limits, seen }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  if (!isStream || wire.stream === null) return jsonAnswer(answer)
  return streamAnswer(answer, wire.stream, {
    hideUsage: endpoint.asksForUsage && !streaming.usage,
    clientIdleMs: gateway.clientIdleMs,
    guard: guardOf(reservation, deployment, gateway),
    checkpoints: gateway.checkpoints,
  })
}

/**
 * A call whose answer is kept for its repeat is carried to its end whatever the deployment's rule:
 * a client with an `Idempotency-Key` that loses its connection comes back for the answer.
 */
function departureOf(about: {
  readonly deployment: Deployment
  readonly abort: AbortController
  readonly isKept: boolean
}): Departure {
  const { rules } = about.deployment
  return new Departure(about.abort, about.isKept ? { ...rules, onDisconnect: 'drain' } : rules)
}

/** Settles a call the first time it is asked to; afterwards answers the same promise. */
function settleOnce(
  about: {
    readonly metered: MeteredCall
    readonly reservation: Reservation | null
    readonly repeat: Repeat | null
    readonly departure: Departure
    readonly seen: Observation
  },
  gateway: Gateway,
): Answer['settle'] {
  const { metered, reservation, repeat, departure, seen } = about
  let settled: Promise<Settlement> | null = null
  const settle: Answer['settle'] = async (ending, kept) => {
    seen.settling(ending.model ?? null)
    const { row, tokens } = await rowOf(metered, ending, gateway).catch((error: unknown) => {
      // Our own mistake must not hold a customer's money for ever.
      logError(`call ${metered.id} could not be metered and is charged nothing`, error)
      return unmeteredRow(metered, gateway.now())
    })
    const settlement = gateway.accounts.settle(reservation, row, tokens)
    const answer = repeat === null ? null : keptAnswer(repeat, settlement, kept)
    const remembered = { kept: answer, stored: storedAnswer(metered, ending, settlement) }
    await gateway.commit(settlement, reservation?.customer?.budget ?? null, remembered)
    gateway.accounts.written(reservation)
    seen.booked(row)
    return settlement
  }
  const ended = () => {
    gateway.inFlight.remove(metered.id)
    gateway.idempotency.end(repeat)
    departure.settled()
    seen.settled()
  }
  return (ending, kept) => (settled ??= settle(ending, kept).finally(ended))
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

/** What watches a stream where a budget must not be passed; null where none can be. */
function guardOf(
  reservation: Reservation | null,
  deployment: Deployment,
  { accounts, tokenizerFor }: Gateway,
): Guard | null {
  if (reservation === null) return null
  const isKept = reservation.holds.some(
    ({ on, mode }) => on.account.limit !== null && mode === 'strict',
  )
  if (!isKept) return null
  const encode = () => tokenizerFor(deployment.upstreamModel)
  return new Guard({ reservation, accounts, encode })
}
