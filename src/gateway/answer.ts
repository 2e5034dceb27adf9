import { Refusal } from '../errors.ts'
import { dollarsText } from '../ledger/money.ts'
import type { LedgerRow, Settlement } from '../ledger/settlement.ts'
import { ChunkReader, eventsOf } from '../metering/chunks.ts'
import { deliveredText } from '../metering/delivered.ts'
import { usageFromOpenAI } from '../metering/usage.ts'
import type { Deployment } from './deployments.ts'
import { answerHeaders, timedOut } from './forward.ts'
import type { Guard } from './guard.ts'
import { type Sink, untilUnread, watchWaiting } from './idle.ts'
import { type Ending, LEFT_WAITING, NOTHING_CAME } from './settle.ts'

/** An upstream's answer on its way to the client. */
type Answer = {
  readonly callId: string
  readonly response: Response
  readonly deployment: Deployment
  /** Breaks off the upstream. */
  readonly abort: AbortController
  /** Resolves when the charge is on disk. Asked twice, it answers as the first time. */
  readonly settle: (ending: Ending) => Promise<Settlement>
  /** Headers that tell the customer's limits by the minute. */
  readonly limits: Readonly<Record<string, string>>
}

/** An answer in one piece: read whole, charged, then sent. Its bytes are the upstream's. */
export async function jsonAnswer(answer: Answer, client: AbortSignal): Promise<Response> {
  const { response, settle, abort, deployment } = answer
  let bytes: ArrayBuffer
  let json: Record<string, unknown>
  const late = setTimeout(() => abort.abort(timedOut(deployment)), deployment.timeoutMs)
  try {
    bytes = await response.arrayBuffer()
    json = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    if (typeof json !== 'object' || json === null) throw new TypeError('not a JSON object')
  } catch (cause) {
    await settle(client.aborted ? LEFT_WAITING : NOTHING_CAME)
    if (abort.signal.aborted) throw abort.signal.reason
    const message = `The upstream of \`${deployment.modelName}\` did not answer with whole JSON.`
    throw new Refusal('upstream_failed', message, { cause })
  } finally {
    clearTimeout(late)
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
export function streamAnswer(answer: Answer, options: StreamOptions): Response {
  const { response, settle, abort, deployment } = answer
  const upstream = (response.body ?? emptyBody()).getReader()
  const { guard } = options
  const reader = new ChunkReader({ hideUsage: options.hideUsage, holdsParts: guard !== null })
  const ending = (outcome: Ending['outcome'], delivered = () => reader.delivered()): Ending => ({
    outcome,
    usage: reader.usage(),
    delivered,
  })
  const watch = watchWaiting(deployment.timeoutMs, () => abort.abort(timedOut(deployment)))
  let clientLeft = false
  let isCut = false

  /** Ends the stream as its provider would at its cap, before what the budget cannot pay. */
  const cutOff = async (controller: Sink, delivered: string) => {
    isCut = true
    watch.stop()
    letGo(upstream, abort, 'The answer passed what is held for it.')
    const { row } = await settle(ending('interrupted', () => delivered))
    controller.enqueue(endAtCap(reader.frame(), options.hideUsage ? null : row))
    controller.close()
  }

  const isNear = (piece: Uint8Array) => guard !== null && reader.couldPass(guard.safeBytes, piece)

  /** Passes a piece on; says whether the client now has something new, or the end. */
  const pass = async (controller: Sink, piece: Uint8Array): Promise<boolean> => {
    const watched = isNear(piece) ? { before: reader.delivered() } : null
    const { pass, end } = reader.read(piece)
    if (watched !== null && reader.usage() === null) {
      const isCovered = await guard!.covers(reader.delivered())
      if (!isCovered) {
        await cutOff(controller, watched.before)
        return true
      }
    }
    if (pass.length > 0) controller.enqueue(pass)
    if (end === null) return pass.length > 0
    await settle(ending('ok'))
    if (end.length > 0) controller.enqueue(end)
    return true
  }

  /** The same for a piece of several events, of which the first may fit and the last may not. */
  const passAll = async (controller: Sink, piece: Uint8Array): Promise<boolean> => {
    let isNew = false
    let rest = piece
    while (!isCut && isNear(rest)) {
      const [event = rest] = eventsOf(rest)
      isNew = (await pass(controller, event)) || isNew
      rest = rest.subarray(event.length)
      if (rest.length === 0) return isNew
    }
    return isCut || (await pass(controller, rest)) || isNew
  }

  const next = async (controller: Sink): Promise<boolean> => {
    watch.begin()
    const { done, value } = await upstream.read()
    watch.end()
    if (!done) return passAll(controller, value)
    const rest = reader.rest()
    await settle(ending(outcomeOf(reader)))
    if (rest.length > 0) controller.enqueue(rest)
    watch.stop()
    controller.close()
    return true
  }

  const source = {
    async pull(controller: Sink) {
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
      letGo(upstream, abort, 'The client hung up.')
      await settle(ending('client_closed'))
    },
  }
  const body = new ReadableStream<Uint8Array>(untilUnread(source, options.clientIdleMs))
  return new Response(body, { status: response.status, headers: headersOf(answer) })
}

/** Ends the call upstream. Aborted only, Deno would keep the connection of a body nobody reads. */
function letGo(upstream: ReadableStreamDefaultReader, abort: AbortController, why: string) {
  upstream.cancel().catch(() => {})
  abort.abort(new Refusal('upstream_failed', why))
}

type StreamOptions = {
  /** The client did not ask for the usage. */
  readonly hideUsage: boolean
  readonly clientIdleMs: number
  /** Null: no budget limits the answer. */
  readonly guard: Guard | null
}

/** A stream that closed in good order is whole, unless all it said was an error. */
function outcomeOf(reader: ChunkReader): Ending['outcome'] {
  if (reader.usage() !== null || reader.hasEnded() || reader.error() === null) return 'ok'
  return reader.delivered() === '' ? 'upstream_failed' : 'interrupted'
}

/** The last events of a stream that is cut off, in the form in which OpenAI ends one at its cap. */
function endAtCap(frame: Readonly<Record<string, unknown>>, counted: LedgerRow | null): Uint8Array {
  const choices = [{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }]
  const chunks: unknown[] = [{ ...frame, choices }]
  if (counted !== null) {
    const { input = 0, output = 0 } = counted.usage
    const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
    chunks.push({ ...frame, choices: [], usage })
  }
  const events = [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]']
  return new TextEncoder().encode(events.map((data) => `data: ${data}\n\n`).join(''))
}

/** The last event of a stream that broke off, in the common error shape. */
function lastWords(error: unknown, { modelName }: Deployment): Uint8Array {
  const refusal =
    error instanceof Refusal
      ? error
      : new Refusal('upstream_failed', `The upstream of \`${modelName}\` broke off its answer.`)
  return new TextEncoder().encode(`\n\ndata: ${JSON.stringify(refusal)}\n\n`)
}

function headersOf({ callId, response, deployment, limits }: Answer): Record<string, string> {
  return {
    ...answerHeaders(response),
    ...limits,
    'x-tollgate-call-id': callId,
    'x-litellm-call-id': callId,
    'x-tollgate-model-id': deployment.id,
    'x-litellm-model-id': deployment.id,
  }
}

const emptyBody = () =>
  new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
