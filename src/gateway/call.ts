import { Refusal } from '../errors.ts'
import type { Budget } from '../ledger/budget.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { Encode } from '../metering/tokens.ts'
import type { Reservation } from './accounts.ts'
import { type Admission, admit } from './admit.ts'
import { jsonAnswer, streamAnswer } from './answer.ts'
import { editBody, membersOf, parseBody, refuseDuplicates } from './body.ts'
import type { Deployment, Deployments } from './deployments.ts'
import { forward } from './forward.ts'
import { type IdentifyRules, identify } from './identify.ts'
import { type Ending, NOTHING_CAME, rowOf } from './settle.ts'

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
  readonly tokenizerFor: (model: string) => Promise<Encode>
  /** Resolves when the charge is on disk, with its events. */
  readonly commit: (settlement: Settlement, budget: Budget | null) => Promise<void>
  readonly now: () => number
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
  const customerId = identify({ headers: call.headers, json }, gateway.identifyRules)
  const deployment = gateway.deployments.choose(modelOf(json))
  const asked = readStreaming(json)
  const reservation = admit({ customerId, deployment, now: startedAt }, gateway)

  const settle = settleOnce({ call, json, deployment, reservation, startedAt }, gateway)
  const abort = new AbortController()
  const hangUp = () => abort.abort(new Refusal('upstream_failed', 'The client hung up.'))
  call.signal.addEventListener('abort', hangUp, { once: true })

  let response: Response
  try {
    const edits = editsFor(json, { deployment, asked })
    const body = edits.size === 0 ? call.body : editBody(text, members, edits)
    const ask = {
      callId: call.id,
      path: call.path,
      headers: call.headers,
      body,
      json,
      now: startedAt,
    }
    response = await forward(ask, deployment, abort)
  } catch (error) {
    await settle(call.signal.aborted ? { ...NOTHING_CAME, outcome: 'client_closed' } : NOTHING_CAME)
    throw error
  }
  const answer = { callId: call.id, response, deployment, abort, settle }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  return isStream
    ? streamAnswer(answer, { hideUsage: !asked.usage })
    : jsonAnswer(answer, call.signal)
}

/** Settles a call the first time it is asked to; afterwards answers the same promise. */
function settleOnce(
  about: {
    readonly call: Call
    readonly json: Readonly<Record<string, unknown>>
    readonly deployment: Deployment
    readonly reservation: Reservation | null
    readonly startedAt: number
  },
  gateway: Gateway,
): (ending: Ending) => Promise<Settlement> {
  const { call, json, deployment, reservation, startedAt } = about
  const customer = reservation?.live.customer ?? null
  let settled: Promise<Settlement> | null = null
  const settle = async (ending: Ending): Promise<Settlement> => {
    const metered = {
      id: call.id,
      customer,
      model: deployment.modelName,
      deployment,
      json,
      startedAt,
    }
    const row = await rowOf(metered, ending, gateway)
    const settlement = gateway.accounts.settle(reservation, row)
    await gateway.commit(settlement, reservation?.live.budget ?? null)
    gateway.accounts.written(reservation)
    return settlement
  }
  return (ending) => (settled ??= settle(ending))
}

function modelOf(json: Readonly<Record<string, unknown>>): string {
  const model = json['model']
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

/** What must differ upstream: the model's name there, what is ours, and the usage of a stream. */
function editsFor(
  json: Readonly<Record<string, unknown>>,
  { deployment, asked }: { readonly deployment: Deployment; readonly asked: Streaming },
): Map<string, string | null> {
  const edits = new Map<string, string | null>()
  if (deployment.upstreamModel !== deployment.modelName) {
    edits.set('model', JSON.stringify(deployment.upstreamModel))
  }
  if ('litellm_metadata' in json) edits.set('litellm_metadata', null)
  if (asked.stream && !asked.usage) {
    const options = json['stream_options'] as object | null | undefined
    edits.set('stream_options', JSON.stringify({ ...options, include_usage: true }))
  }
  return edits
}
