import { Refusal } from '../errors.ts'
import { dollarsText } from '../ledger/money.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { deliveredText, errorMessage } from '../metering/delivered.ts'
import { usageFromOpenAI } from '../metering/usage.ts'
import type { Departure } from './departure.ts'
import type { Deployment } from './deployments.ts'
import { answerHeaders } from './forward.ts'
import { keepable } from './idempotency.ts'
import { readAtMost } from './read.ts'
import { type Ending, LEFT_WAITING, type MeteredCall, NOTHING_CAME } from './settle.ts'
import { refusalInside } from './upstream-errors.ts'
import type { Watch } from './watch.ts'

/** An upstream's answer on its way to the client. */
export type Answer = {
  readonly call: MeteredCall
  readonly response: Response
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
  /** Headers that tell the customer's limits by the minute. */
  readonly limits: Readonly<Record<string, string>>
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

/** An answer in one piece: read whole, charged, then sent. Its bytes are the upstream's. */
export async function jsonAnswer(answer: Answer): Promise<Response> {
  const { response, settle, abort, watch, deployment, departure } = answer
  let bytes: ArrayBuffer
  let json: Record<string, unknown>
  try {
    watch.waits()
    const body = await readAtMost(response, ANSWER_BYTES_MAX)
    if (!body.isWhole) throw new TypeError(`longer than ${ANSWER_BYTES_MAX} bytes`)
    bytes = body.bytes
    json = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    requireAnswer(json, deployment)
  } catch (cause) {
    await settle(departure.hasLeft && abort.signal.aborted ? LEFT_WAITING : NOTHING_CAME)
    if (abort.signal.aborted) throw abort.signal.reason
    if (cause instanceof Refusal) throw cause
    const message = `The upstream of \`${deployment.modelName}\` did not answer with whole JSON.`
    throw new Refusal('upstream_failed', message, { cause })
  } finally {
    watch.stop()
  }
  const headersWith = ({ row }: Settlement) => {
    const cost = dollarsText(row.charge)
    return { ...headersOf(answer), 'x-tollgate-cost': cost, 'x-litellm-response-cost': cost }
  }
  const settlement = await settle(
    {
      outcome: departure.hasLeft ? 'client_closed' : 'ok',
      isDrained: departure.hasLeft,
      usage: usageFromOpenAI(json['usage']),
      delivered: () => deliveredText(json),
    },
    (charge) => ({ body: keepable(bytes), headers: headersWith(charge) }),
  )
  return new Response(bytes, { status: response.status, headers: headersWith(settlement) })
}

/** Throws for what is no answer although its status says so: nothing was delivered with it. */
function requireAnswer(json: unknown, deployment: Deployment) {
  if (typeof json !== 'object' || json === null) throw new TypeError('not a JSON object')
  const answer = json as Record<string, unknown>
  if (Array.isArray(answer['choices']) || usageFromOpenAI(answer['usage']) !== null) return
  if (errorMessage(answer) !== null) throw refusalInside(json, deployment)
  throw new TypeError('neither choices nor usage')
}

export function headersOf({ call, response, deployment, limits }: Answer): Record<string, string> {
  return {
    ...answerHeaders(response),
    ...limits,
    'x-tollgate-call-id': call.id,
    'x-litellm-call-id': call.id,
    'x-tollgate-model-id': deployment.id,
    'x-litellm-model-id': deployment.id,
    'x-content-type-options': 'nosniff',
  }
}
