import { Refusal } from '../errors.ts'
import type { Budget } from '../ledger/budget.ts'
import type { VirtualKey } from '../ledger/key.ts'
import type { KeptAnswer, OpenCall, Repeat } from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { logError } from '../log.ts'
import { type Admission, admit } from './admit.ts'
import { type Answer, jsonAnswer, type Kept } from './answer.ts'
import { editBody, membersOf, parseBody, refuseDuplicates } from './body.ts'
import type { Checkpoints } from './checkpoints.ts'
import { Departure } from './departure.ts'
import type { Deployment, Deployments } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'
import { forward } from './forward.ts'
import { Guard } from './guard.ts'
import { type Idempotency, replay } from './idempotency.ts'
import { type IdentifyRules, identify } from './identify.ts'
import type { InFlight } from './in-flight.ts'
import { mayCall } from './key-access.ts'
import { rateHeaders } from './live-account.ts'
import type { Reservation } from './live-owner.ts'
import {
  LEFT_BEFORE,
  LEFT_WAITING,
  type MeteredCall,
  NOTHING_CAME,
  openCallOf,
  rowOf,
  unmeteredRow,
} from './settle.ts'
import { streamAnswer } from './stream.ts'
import { requireServed } from './translate.ts'
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
  /** Resolves when the charge is on disk, with its events and what is kept of its answer. */
  readonly commit: (
    settlement: Settlement,
    budget: Budget | null,
    kept: KeptAnswer | null,
  ) => Promise<void>
}

/**
 * One call, from the first byte in to the last byte out. Read this first; each step is a file.
 *
 * Two promises are kept from here: every reservation is settled exactly once, whichever way the
 * call ends; and the byte that ends an answer leaves after its charge is on disk.
 */
export async function handleCall(call: Call, gateway: Gateway): Promise<Response> {
  const startedAt = gateway.now()
  const { endpoint } = call
  const { text, json } = parseBody(call.body)
  const members = membersOf(text)
  refuseDuplicates(members)
  const asked = readStreaming(json)
  const named = () => identify({ headers: call.headers, json }, gateway.identifyRules)
  const customerId = call.key?.customerId ?? named()
  const known = customerId === null ? null : gateway.accounts.find(customerId, startedAt)
  const { allowedModelRegion = null, defaultModel = null } = known?.self ?? {}
  const isListed = (model: string) =>
    call.key === null || mayCall(gateway.accounts, call.key, model, startedAt)
  const model = modelOf(json, defaultModel)
  const deployment = gateway.deployments.choose(model, allowedModelRegion, isListed)
  requireServed({ endpoint, deployment, json })
  const repeat = gateway.idempotency.begin({
    ...call,
    path: endpoint.path,
    customerId,
    keyId: call.key?.id ?? null,
    now: startedAt,
  })
  if (repeat !== null && 'callId' in repeat) return replay(repeat)
  const demanding = { endpoint, json, text, bodyBytes: call.body.length }
  const applicant = { ...demanding, customerId, key: call.key, deployment }
  const { reservation, cap } = await admit(applicant, gateway).catch((refusal: unknown) => {
    gateway.idempotency.end(repeat)
    throw refusal
  })

  const customer = reservation?.customer?.self ?? null
  const keyId = reservation?.key?.self.id ?? null
  const metered: MeteredCall = { id: call.id, customer, keyId, model, deployment, json, startedAt }
  gateway.open(openCallOf(metered, repeat))
  const abort = new AbortController()
  const watch = new Watch(deployment, abort, gateway.isReachable)
  const departure = departureOf({ deployment, abort, isKept: repeat !== null && !asked.stream })
  const { decoded } = gateway
  const line = { deployment, abort, watch, decoded, isAsked: false }
  const settle = settleOnce({ metered, reservation, repeat, departure }, gateway)
  call.signal.addEventListener('abort', () => departure.leave(), { once: true })
  if (call.signal.aborted) departure.leave()
  gateway.inFlight.add(call.id, { abort, departure })

  let response: Response
  try {
    if (departure.hasLeft) throw call.signal.reason
    const edits = editsFor(json, { endpoint, deployment, asked, cap })
    const body = edits.size === 0 ? call.body : editBody(text, members, edits)
    const { id: callId, headers } = call
    response = await forward({ callId, endpoint, headers, body, json, now: startedAt }, line)
  } catch (error) {
    watch.stop()
    const left = line.isAsked ? LEFT_WAITING : LEFT_BEFORE
    await settle(departure.hasLeft ? left : NOTHING_CAME)
    throw error
  }
  const limits = reservation === null ? {} : rateHeaders(reservation, gateway.now())
  const { wire } = endpoint
  const answer = { call: metered, response, wire, ...line, departure, settle, limits }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  if (!isStream || wire.stream === null) return jsonAnswer(answer)
  return streamAnswer(answer, wire.stream, {
    hideUsage: endpoint.asksForUsage && !asked.usage,
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
  },
  gateway: Gateway,
): Answer['settle'] {
  const { metered, reservation, repeat, departure } = about
  let settled: Promise<Settlement> | null = null
  const settle: Answer['settle'] = async (ending, kept) => {
    const { row, tokens } = await rowOf(metered, ending, gateway).catch((error: unknown) => {
      // Our own mistake must not hold a customer's money for ever.
      logError(`call ${metered.id} could not be metered and is charged nothing`, error)
      return unmeteredRow(metered, gateway.now())
    })
    const settlement = gateway.accounts.settle(reservation, row, tokens)
    const answer = repeat === null ? null : keptAnswer(repeat, settlement, kept)
    await gateway.commit(settlement, reservation?.customer?.budget ?? null, answer)
    gateway.accounts.written(reservation)
    return settlement
  }
  const ended = () => {
    gateway.inFlight.remove(metered.id)
    gateway.idempotency.end(repeat)
    departure.settled()
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

/** The model that the call names, or else the customer's own default. Throws `invalid_request`. */
export function modelOf(json: Readonly<Record<string, unknown>>, byDefault: string | null): string {
  const model = json['model'] ?? byDefault ?? undefined
  if (typeof model === 'string' && model !== '') return model
  const got = model === undefined ? 'nothing' : JSON.stringify(model)?.slice(0, 100)
  throw new Refusal('invalid_request', `\`model\` must be the name of a model, got ${got}.`, {
    param: 'model',
  })
}

/** Whether the client wants a stream, and the usage at its end. */
type Streaming = { readonly stream: boolean; readonly usage: boolean }

function readStreaming(json: Readonly<Record<string, unknown>>): Streaming {
  const stream = json['stream'] ?? false
  if (typeof stream !== 'boolean') {
    const got = JSON.stringify(stream).slice(0, 100)
    throw new Refusal('invalid_request', `\`stream\` must be true or false, got ${got}.`, {
      param: 'stream',
    })
  }
  const options = json['stream_options'] ?? {}
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new Refusal('invalid_request', '`stream_options` must be an object.', {
      param: 'stream_options',
    })
  }
  return { stream, usage: (options as { include_usage?: unknown }).include_usage === true }
}

/** What must differ upstream: the model's name there, what is ours, a cap, a stream's usage. */
export function editsFor(
  json: Readonly<Record<string, unknown>>,
  about: {
    readonly endpoint: Endpoint
    readonly deployment: Deployment
    readonly asked: Streaming
    readonly cap: number | null
  },
): Map<string, string | null> {
  const { endpoint, deployment, asked, cap } = about
  const edits = new Map<string, string | null>()
  if (json['model'] !== deployment.upstreamModel) {
    edits.set('model', JSON.stringify(deployment.upstreamModel))
  }
  for (const name of OURS[endpoint.format]) if (name in json) edits.set(name, null)
  if (endpoint.asksForUsage && asked.stream && !asked.usage) {
    const options = json['stream_options'] as object | null | undefined
    edits.set('stream_options', JSON.stringify({ ...options, include_usage: true }))
  }
  if (cap === null) return edits
  // The client's own names for it, if it has set one.
  const given = endpoint.caps.filter((name) => typeof json[name] === 'number')
  const added = given.length > 0 ? given : [endpoint.capFor(deployment.provider)]
  for (const name of added) if (name !== null) edits.set(name, String(cap))
  for (const [name, value] of Object.entries(endpoint.fitTo(json, cap))) {
    edits.set(name, JSON.stringify(value))
  }
  return edits
}

/** What is for the gateway alone; Anthropic refuses a member that it does not know. */
const OURS = {
  openai: ['litellm_metadata'],
  anthropic: ['litellm_metadata', 'user', 'safety_identifier'],
} as const
