import { Refusal } from '../errors.ts'
import type { Budget } from '../ledger/budget.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { logError } from '../log.ts'
import type { Reservation } from './accounts.ts'
import { type Admission, admit } from './admit.ts'
import { jsonAnswer, streamAnswer } from './answer.ts'
import { editBody, membersOf, parseBody, refuseDuplicates } from './body.ts'
import { CAPS } from './demand.ts'
import type { Deployment, Deployments } from './deployments.ts'
import { forward } from './forward.ts'
import { Guard } from './guard.ts'
import { type IdentifyRules, identify } from './identify.ts'
import type { InFlight } from './in-flight.ts'
import { rateHeaders } from './live-account.ts'
import {
  type Ending,
  LEFT_BEFORE,
  LEFT_WAITING,
  NOTHING_CAME,
  rowOf,
  unmeteredRow,
} from './settle.ts'

/** One metered request, as it came. */
export type Call = {
  /** ULID. */
  readonly id: string
  /** Below the base URL: `/chat/completions`. */
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer>
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
}

/** What the gateway needs of everybody else; `app.ts` joins it. */
export type Gateway = Admission & {
  readonly identifyRules: IdentifyRules
  readonly deployments: Deployments
  readonly inFlight: InFlight
  /** How long a client may leave a stream unread. */
  readonly clientIdleMs: number
  /** Resolves when the charge is on disk, with its events. */
  readonly commit: (settlement: Settlement, budget: Budget | null) => Promise<void>
}

/**
 * One call, from the first byte in to the last byte out. Read this first; each step is a file.
 *
 * Two promises are kept from here: every reservation is settled exactly once, whichever way the
 * call ends; and the byte that ends an answer leaves after its charge is on disk.
 */
export async function handleCall(call: Call, gateway: Gateway): Promise<Response> {
  const startedAt = gateway.now()
  const { text, json } = parseBody(call.body)
  const members = membersOf(text)
  refuseDuplicates(members)
  const asked = readStreaming(json)
  const customerId = identify({ headers: call.headers, json }, gateway.identifyRules)
  const known = customerId === null ? null : gateway.accounts.find(customerId, startedAt)
  const { allowedModelRegion = null, defaultModel = null } = known?.customer ?? {}
  const deployment = gateway.deployments.choose(modelOf(json, defaultModel), allowedModelRegion)
  const applicant = { customerId, deployment, json, bodyBytes: call.body.length }
  const { reservation, cap } = await admit(applicant, gateway)

  const abort = new AbortController()
  const settle = settleOnce({ call, json, deployment, reservation, startedAt, abort }, gateway)
  const hangUp = () => abort.abort(new Refusal('upstream_failed', 'The client hung up.'))
  call.signal.addEventListener('abort', hangUp, { once: true })
  gateway.inFlight.add(call.id, abort)

  let isSent = false
  let response: Response
  try {
    if (call.signal.aborted) throw call.signal.reason
    const edits = editsFor(json, { deployment, asked, cap })
    const body = edits.size === 0 ? call.body : editBody(text, members, edits)
    const { id: callId, path, headers } = call
    isSent = true
    response = await forward(
      { callId, path, headers, body, json, now: startedAt },
      deployment,
      abort,
    )
  } catch (error) {
    const left = isSent ? LEFT_WAITING : LEFT_BEFORE
    await settle(call.signal.aborted ? left : NOTHING_CAME)
    throw error
  }
  const limits = reservation === null ? {} : rateHeaders(reservation, gateway.now())
  const answer = { callId: call.id, response, deployment, abort, settle, limits }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  if (!isStream) return jsonAnswer(answer, call.signal)
  return streamAnswer(answer, {
    hideUsage: !asked.usage,
    clientIdleMs: gateway.clientIdleMs,
    guard: guardOf(reservation, deployment, gateway),
  })
}

/** Settles a call the first time it is asked to; afterwards answers the same promise. */
function settleOnce(
  about: {
    readonly call: Call
    readonly json: Readonly<Record<string, unknown>>
    readonly deployment: Deployment
    readonly reservation: Reservation | null
    readonly startedAt: number
    readonly abort: AbortController
  },
  gateway: Gateway,
): (ending: Ending) => Promise<Settlement> {
  const { call, json, deployment, reservation, startedAt } = about
  const customer = reservation?.live.customer ?? null
  const model = deployment.modelName
  let settled: Promise<Settlement> | null = null
  const settle = async (ending: Ending): Promise<Settlement> => {
    const metered = { id: call.id, customer, model, deployment, json, startedAt }
    const { row, tokens } = await rowOf(metered, ending, gateway).catch((error: unknown) => {
      // Our own mistake must not hold a customer's money for ever.
      logError(`call ${call.id} could not be metered and is charged nothing`, error)
      return unmeteredRow(metered, gateway.now())
    })
    const settlement = gateway.accounts.settle(reservation, row, tokens)
    await gateway.commit(settlement, reservation?.live.budget ?? null)
    gateway.accounts.written(reservation)
    return settlement
  }
  const ended = () => gateway.inFlight.remove(call.id)
  return (ending) => (settled ??= settle(ending).finally(ended))
}

/** What watches a stream where a budget must not be passed; null where none can be. */
function guardOf(
  reservation: Reservation | null,
  deployment: Deployment,
  { accounts, rules, tokenizerFor }: Gateway,
): Guard | null {
  if (reservation === null) return null
  const isLimited = reservation.holds.some(({ on }) => on.account.limit !== null)
  const mode = reservation.live.budget?.mode ?? rules.mode
  if (!isLimited || mode !== 'strict') return null
  const encode = () => tokenizerFor(deployment.upstreamModel)
  return new Guard({ reservation, accounts, encode })
}

/** The model that the call names, or else the customer's own default. */
function modelOf(json: Readonly<Record<string, unknown>>, byDefault: string | null): string {
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
function editsFor(
  json: Readonly<Record<string, unknown>>,
  about: {
    readonly deployment: Deployment
    readonly asked: Streaming
    readonly cap: number | null
  },
): Map<string, string | null> {
  const { deployment, asked, cap } = about
  const edits = new Map<string, string | null>()
  if (json['model'] !== deployment.upstreamModel) {
    edits.set('model', JSON.stringify(deployment.upstreamModel))
  }
  if ('litellm_metadata' in json) edits.set('litellm_metadata', null)
  if (asked.stream && !asked.usage) {
    const options = json['stream_options'] as object | null | undefined
    edits.set('stream_options', JSON.stringify({ ...options, include_usage: true }))
  }
  if (cap !== null) for (const name of capNames(json, deployment)) edits.set(name, String(cap))
  return edits
}

/** The client's own name for the cap; else OpenAI's for OpenAI, and the one that all know. */
function capNames(json: Readonly<Record<string, unknown>>, { provider }: Deployment): string[] {
  const given = CAPS.filter((name) => typeof json[name] === 'number')
  if (given.length > 0) return given
  return [provider === 'openai' ? 'max_completion_tokens' : 'max_tokens']
}
