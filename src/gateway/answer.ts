import { Refusal } from '../errors.ts'
import { dollarsText } from '../ledger/money.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { ChunkReader, deliveredText } from '../metering/chunks.ts'
import { usageFromOpenAI } from '../metering/usage.ts'
import type { Deployment } from './deployments.ts'
import { answerHeaders, timedOut } from './forward.ts'
import { type Ending, NOTHING_CAME } from './settle.ts'

/** An upstream's answer on its way to the client. */
type Answer = {
  readonly callId: string
  readonly response: Response
  readonly deployment: Deployment
  /** Breaks off the upstream. */
  readonly abort: AbortController
  /** Resolves when the charge is on disk. Asked twice, it answers as the first time. */
  readonly settle: (ending: Ending) => Promise<Settlement>
}

/** An answer in one piece: read whole, charged, then sent. Its bytes are the upstream's. */
export async function jsonAnswer(answer: Answer, client: AbortSignal): Promise<Response> {
  const { response, settle, deployment } = answer
  let bytes: ArrayBuffer
  let json: Record<string, unknown>
  try {
    bytes = await response.arrayBuffer()
    json = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    if (typeof json !== 'object' || json === null) throw new TypeError('not a JSON object')
  } catch (cause) {
    await settle({ ...NOTHING_CAME, outcome: client.aborted ? 'client_closed' : 'upstream_failed' })
    const message = `The upstream of \`${deployment.modelName}\` did not answer with whole JSON.`
    throw new Refusal('upstream_failed', message, { cause })
  }
  const { row } = await settle({
    outcome: 'ok',
    usage: usageFromOpenAI(json['usage']),
    delivered: () => deliveredText(json),
  })
  const cost = dollarsText(row.charge)
  return new Response(bytes, {
    status: response.status,
    headers: { ...headersOf(answer), 'x-tollgate-cost': cost, 'x-litellm-response-cost': cost },
  })
}

/**
 * A stream, passed on as it comes. What ends it for the client (`data: [DONE]`, or else the close)
 * waits until the charge is on disk.
 */
export function streamAnswer(answer: Answer, options: { readonly hideUsage: boolean }): Response {
  const { response, settle, abort, deployment } = answer
  const upstream = (response.body ?? emptyBody()).getReader()
  const reader = new ChunkReader(options)
  const ending = (outcome: Ending['outcome']): Ending => ({
    outcome,
    usage: reader.usage(),
    delivered: () => reader.delivered(),
  })
  const watch = watchIdle(deployment.timeoutMs, () => abort.abort(timedOut(deployment)))

  let clientLeft = false

  const next = async (
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<boolean> => {
    const { done, value } = await upstream.read()
    watch.seen()
    if (done) {
      const rest = reader.rest()
      await settle(ending(outcomeOf(reader)))
      if (rest.length > 0) controller.enqueue(rest)
      watch.stop()
      controller.close()
      return true
    }
    const { pass, end } = reader.read(value)
    if (pass.length > 0) controller.enqueue(pass)
    if (end === null) return pass.length > 0
    await settle(ending('ok'))
    if (end.length > 0) controller.enqueue(end)
    return true
  }

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        while (!(await next(controller)));
      } catch (error) {
        watch.stop()
        await settle(ending('interrupted'))
        if (clientLeft) return
        const reason: unknown = abort.signal.aborted ? abort.signal.reason : error
        if (!reader.hasEnded()) controller.enqueue(lastWords(reason, deployment))
        controller.close()
      }
    },
    async cancel() {
      clientLeft = true
      watch.stop()
      abort.abort(new Refusal('upstream_failed', 'The client hung up.'))
      await settle(ending('client_closed'))
    },
  })
  return new Response(body, { status: response.status, headers: headersOf(answer) })
}

/** A stream that closed in good order is whole, unless all it said was an error. */
function outcomeOf(reader: ChunkReader): Ending['outcome'] {
  if (reader.usage() !== null || reader.hasEnded() || reader.error() === null) return 'ok'
  return reader.delivered() === '' ? 'upstream_failed' : 'interrupted'
}

/** The last event of a stream that broke off, in the common error shape. */
function lastWords(error: unknown, { modelName }: Deployment): Uint8Array {
  const refusal =
    error instanceof Refusal
      ? error
      : new Refusal('upstream_failed', `The upstream of \`${modelName}\` broke off its answer.`)
  return new TextEncoder().encode(`\n\ndata: ${JSON.stringify(refusal)}\n\n`)
}

function headersOf({ callId, response, deployment }: Answer): Record<string, string> {
  return {
    ...answerHeaders(response),
    'x-tollgate-call-id': callId,
    'x-litellm-call-id': callId,
    'x-tollgate-model-id': deployment.id,
    'x-litellm-model-id': deployment.id,
  }
}

/** Calls `expired` when nothing was seen for `idleMs`; one timer, however often something is. */
function watchIdle(idleMs: number, expired: () => void) {
  let seenAt = performance.now()
  let timer = setTimeout(check, idleMs)
  function check() {
    const leftMs = seenAt + idleMs - performance.now()
    if (leftMs <= 0) expired()
    else timer = setTimeout(check, leftMs)
  }
  return {
    seen() {
      seenAt = performance.now()
    },
    stop() {
      clearTimeout(timer)
    },
  }
}

const emptyBody = () =>
  new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
