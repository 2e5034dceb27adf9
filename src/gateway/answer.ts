import { Refusal } from '../errors.ts'
import { dollarsText } from '../ledger/money.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { errorMessage } from '../metering/delivered.ts'
import { type Json, modelOf, serviceOf, type Wire } from '../metering/wire.ts'
import type { Departure } from './departure.ts'
import type { Deployment } from './deployments.ts'
import { answerHeaders } from './forward.ts'
import { keepable } from './idempotency.ts'
import type { Observation } from './observation.ts'
import { readAtMost } from './read.ts'
import { type Ending, LEFT_WAITING, type MeteredCall, NOTHING_CAME } from './settle.ts'
import { refusalInside } from './upstream-errors.ts'
import type { Watch } from './watch.ts'

/** An upstream's answer on its way to the client. */
export type Answer = {
  readonly call: MeteredCall
  readonly response: Response
  /** How it is read. */
  readonly wire: Wire
  readonly deployment: Deployment
  /** Breaks off the upstream. */
  readonly abort: AbortController
  readonly watch: Watch
  readonly departure: Departure
  /**
   * Resolves when the charge is on disk, with `kept` for repeats of the call. Asked twice, it
   * answers as the first time.
   */
  readonly settle: (ending: Ending, kept?: (charge: Settlement) => Kept) => Promise<Settlement>
  /** Goes on with an answer that its upstream is still making, when that is on disk. */
  readonly goOn: (answerId: string) => Promise<void>
  /** Further headers: the customer's limits by the minute, and how often it was tried. */
  readonly headers: Readonly<Record<string, string>>
  readonly seen: Observation
}

/** What a repeat of a call with an `Idempotency-Key` is to be answered. */
export type Kept = {
  readonly body: string | null
  readonly headers: Readonly<Record<string, string>>
}

/**
 * An answer in one piece has to be in memory whole before it is charged, so one longer than this is
 * given up, bytes. A batch of 2,048 embeddings, the longest there is, has about 100 MB.
 */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024

const UTF8 = new TextDecoder()

/** An answer in one piece: read whole, charged, then sent. Its bytes are the upstream's. */
export async function jsonAnswer(answer: Answer): Promise<Response> {
  const { response, wire, settle, abort, watch, deployment, departure } = answer
  let bytes: ArrayBuffer
  let json: Json
  answer.seen.firstByte()
  try {
    watch.waits()
    const body = await readAtMost(response, ANSWER_BYTES_MAX)
    if (!body.isWhole) throw new TypeError(`longer than ${ANSWER_BYTES_MAX} bytes`)
    bytes = body.bytes
    json = readAnswer(bytes, answer)
  } catch (cause) {
    await settle(departure.hasLeft && abort.signal.aborted ? LEFT_WAITING : NOTHING_CAME)
    if (abort.signal.aborted) throw abort.signal.reason
    if (cause instanceof Refusal) throw cause
    const message = `The upstream of \`${deployment.modelName}\` did not answer with whole JSON.`
    throw new Refusal('upstream_failed', message, { cause })
  } finally {
    watch.stop()
  }
  const answerId = typeof json['id'] === 'string' ? json['id'] : null
  if (answerId !== null && wire.isUnfinished?.(json) === true) {
    await answer.goOn(answerId)
    return new Response(bytes, { status: response.status, headers: headersOf(answer) })
  }
  const headersWith = ({ row }: Settlement) => {
    const cost = dollarsText(row.charge)
    const headers = headersOf(answer)
    headers['x-tollgate-cost'] = cost
    headers['x-litellm-response-cost'] = cost
    return headers
  }
  const settlement = await settle(
    {
      outcome: departure.hasLeft ? 'client_closed' : 'ok',
      isDrained: departure.hasLeft,
      usage: wire.usageOf(json),
      service: serviceOf(json),
      model: modelOf(json),
      answerId,
      delivered: () => wire.textOf(json),
    },
    (charge) => ({ body: keepable(bytes), headers: headersWith(charge) }),
  )
  return new Response(bytes, { status: response.status, headers: headersWith(settlement) })
}

/** Throws for what is no answer although its status says so: nothing was delivered with it. */
function readAnswer(bytes: ArrayBuffer, { wire, deployment, response }: Answer): Json {
  const text = UTF8.decode(bytes)
  const isJson = response.headers.get('content-type')?.includes('json') ?? true
  if (wire.fromText !== undefined && !isJson) return wire.fromText(text)
  const json: unknown = JSON.parse(text)
  if (typeof json !== 'object' || json === null) throw new TypeError('not a JSON object')
  if (wire.isAnswer(json as Json)) return json as Json
  if (errorMessage(json as Json) !== null) throw refusalInside(json, deployment)
  throw new TypeError('not an answer of this endpoint')
}

export function headersOf({ call, response, deployment, headers }: Answer): Record<string, string> {
  const all = Object.assign(answerHeaders(response), headers)
  all['x-tollgate-call-id'] = call.id
  all['x-litellm-call-id'] = call.id
  all['x-tollgate-model-id'] = deployment.id
  all['x-litellm-model-id'] = deployment.id
  all['x-content-type-options'] = 'nosniff'
  return all
}
