import type { OpenCall } from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import { RESPONSES_WIRE } from '../metering/responses-wire.ts'
import { inputTokens, NO_USAGE, outputTokens } from '../metering/usage.ts'
import { type Json, modelOf, serviceOf } from '../metering/wire.ts'
import type { Answer } from './answer.ts'
import type { Departure } from './departure.ts'
import type { Deployment } from './deployments.ts'
import type { Line } from './forward.ts'
import { type Ending, LEFT_WAITING, type MeteredCall } from './settle.ts'
import { askStored } from './stored.ts'

/** How often a response in the making is asked for, milliseconds: ever less often. */
const ASK_MS = 250
const ASK_MS_MAX = 10_000

/** How long the upstream may take to call one off. */
const CANCEL_MS = 10_000

const NO_HEADERS = new Headers()

type Made = { readonly deployment: Deployment; readonly id: string }

/** What is remembered of an answer that its upstream keeps; null: it keeps none. */
export function storedAnswer(
  { endpoint, json }: MeteredCall,
  { answerId = null }: Ending,
  { row }: Settlement,
): StoredResponse | null {
  if (!endpoint.keepsAnswers || answerId === null || json['store'] === false) return null
  const usage = { ...NO_USAGE, ...row.usage }
  return storedAs(row, answerId, inputTokens(usage) + outputTokens(usage))
}

const storedAs = (
  call: Pick<OpenCall, 'id' | 'deployment' | 'tab' | 'keyId' | 'startedAt'>,
  id: string,
  context: number | null,
): StoredResponse => ({
  id,
  callId: call.id,
  deployment: call.deployment,
  tab: call.tab,
  keyId: call.keyId,
  context,
  createdAt: call.startedAt,
})

/**
 * Follows an answer that its upstream goes on making when the client has been told so: until it is
 * done, and charged. It is on disk before the client knows of it.
 */
export async function goOn(
  id: string,
  about: {
    /** The call as it is written down. */
    readonly open: () => OpenCall
    readonly line: Line
    readonly departure: Departure
    readonly settle: Answer['settle']
  },
  gateway: {
    readonly begin: (call: OpenCall, stored: StoredResponse) => Promise<void>
  },
) {
  const { open, line, departure, settle } = about
  const { deployment, abort } = line
  departure.detach()
  const call = open()
  await gateway.begin(call, storedAs(call, id, null))
  const late = AbortSignal.timeout(deployment.rules.totalTimeoutMs)
  const made = untilDone({ deployment, id }, AbortSignal.any([abort.signal, late]))
  void made.then((json) => settle(endingOf(json, id)))
}

/** Of an answer that was made in the background; null: the upstream no longer has it. */
function endingOf(json: Json | null, answerId: string): Ending {
  if (json === null) return LEFT_WAITING
  return {
    outcome: json['status'] === 'failed' ? 'upstream_failed' : 'ok',
    usage: RESPONSES_WIRE.usageOf(json),
    service: serviceOf(json),
    model: modelOf(json),
    answerId,
    delivered: () => RESPONSES_WIRE.textOf(json),
  }
}

/**
 * Asks for a response that is made in the background until it is done, and answers it. When the
 * signal aborts it is called off, and what the upstream says of it then is answered; null: it says
 * nothing, or no longer has it.
 */
export async function untilDone(made: Made, signal: AbortSignal): Promise<Json | null> {
  for (let ms = ASK_MS; !signal.aborted; ms = Math.min(ms * 1.5, ASK_MS_MAX)) {
    await pauseUnless(signal, ms)
    if (signal.aborted) break
    const { status, json } = await ask(made, { method: 'GET', below: '', signal })
    if (status === 404) return null
    if (json !== null && isDone(json)) return json
  }
  return callOff(made)
}

/** Stops a response in the making, and answers what it has come to; null: that is not to be had. */
export async function callOff(made: Made): Promise<Json | null> {
  const signal = AbortSignal.timeout(CANCEL_MS)
  const cancelled = await ask(made, { method: 'POST', below: '/cancel', signal })
  if (cancelled.json !== null && isDone(cancelled.json)) return cancelled.json
  // It may have been done a moment before.
  const { json } = await ask(made, { method: 'GET', below: '', signal })
  return json !== null && isDone(json) ? json : null
}

/** Whether an answer of `/responses` is one that will change no more. */
const isDone = (json: Json): boolean =>
  RESPONSES_WIRE.isAnswer(json) && !RESPONSES_WIRE.isUnfinished!(json)

async function ask(
  { deployment, id }: Made,
  about: {
    readonly method: 'GET' | 'POST'
    readonly below: string
    readonly signal: AbortSignal
  },
): Promise<{ readonly status: number; readonly json: Json | null }> {
  try {
    const response = await askStored(deployment, { ...about, id, query: '', headers: NO_HEADERS })
    if (!response.ok) return { status: response.status, json: null }
    return { status: response.status, json: (await response.json()) as Json }
  } catch {
    // It is asked again, as long as the call may take.
    return { status: 0, json: null }
  }
}

/** Resolves early when the signal aborts. */
function pauseUnless(signal: AbortSignal, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const wake = () => resolve()
  signal.addEventListener('abort', wake, { once: true })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', wake)
  })
}
