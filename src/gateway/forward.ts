import { Refusal } from '../errors.ts'
import { simulate } from '../providers/demo.ts'
import type { Deployment } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'
import type { FormBody } from './form.ts'
import { readAtMost } from './read.ts'
import { together } from './together.ts'
import { upstreamCall } from './translate.ts'
import { connectionFailed, refusalOf, type Why, whyOf } from './upstream-errors.ts'
import type { Watch } from './watch.ts'

/** What is sent upstream for a call. */
export type Ask = {
  readonly callId: string
  readonly endpoint: Endpoint
  readonly headers: Headers
  /** As it goes upstream. */
  readonly body: string | Blob | FormBody
  /** What `body` says. */
  readonly json: Readonly<Record<string, unknown>>
  readonly now: number
}

/** The upstream's end of a call. */
export type Line = {
  readonly deployment: Deployment
  /** Breaks it off; the reason is what the client is told. */
  readonly abort: AbortController
  readonly watch: Watch
  /** Undoes a compression that was not asked for. */
  readonly decoded: (response: Response) => Response
}

/** Most of an upstream's error that is looked at, bytes. */
const ERROR_BYTES_MAX = 64 * 1024

/**
 * A connection that breaks so soon, milliseconds, was most likely one kept from an earlier call
 * that the upstream had closed meanwhile: the call is then sent once more, whatever the rules say.
 */
const STALE_MS = 100

/**
 * Statuses with which an upstream says that it did nothing and may be asked again: those for which
 * the official OpenAI clients do so, without 408 and 409, which may mean that it did something.
 */
const PASSING = new Set([429, 500, 502, 503, 504, 529])

/**
 * Asks the deployment once, and once more if it met the end of an old connection. What came of it
 * is answered, whatever it is; only when the call is broken off is the signal's own reason thrown.
 */
export async function forward(ask: Ask, line: Line): Promise<Tried> {
  const { deployment, watch } = line
  if (deployment.provider === 'demo' || deployment.mockResponse !== null) {
    return { response: simulated(ask, deployment) }
  }
  const tried = await send(ask, line)
  if ('response' in tried) watch.seen()
  return tried
}

function simulated(ask: Ask, { upstreamModel: model, mockResponse: text }: Deployment): Response {
  const { callId: id, now, endpoint } = ask
  const { path } = endpoint
  // What goes upstream, like any other's: with the cap and the usage that we ask for.
  const json = typeof ask.body === 'string' ? (JSON.parse(ask.body) as Ask['json']) : ask.json
  const response = simulate({ path, json, model, text, id, now })
  if (response !== null) return response
  const message = `\`${model}\` is simulated here, and has no answer for ${path}.`
  throw new Refusal('invalid_request', message, { param: 'model' })
}

/** What came of one try. */
export type Tried = { readonly response: Response } | Failure

/** A try that nothing came of. */
export type Failure = {
  readonly refusal: Refusal
  /** Whether the upstream has surely done nothing, and may be asked again. */
  readonly mayRetry: boolean
  /** What it asks to wait, milliseconds; null: nothing that can be read. */
  readonly retryAfterMs: number | null
  /** It was not the upstream that refused, but the connection that failed. */
  readonly isBroken: boolean
  /** HTTP status of its refusal; null: it gave none. */
  readonly status: number | null
  readonly why: Why
}

/** Sends a call, and once more if it met the end of an old connection. */
async function send(ask: Ask, line: Line): Promise<Tried> {
  await together()
  const askedAt = performance.now()
  const tried = await sendOnce(ask, line)
  if ('response' in tried || !tried.isBroken) return tried
  return performance.now() - askedAt < STALE_MS ? sendOnce(ask, line) : tried
}

async function sendOnce(ask: Ask, { deployment, abort, decoded }: Line): Promise<Tried> {
  const { url, headers, body, answered } = upstreamCall(ask, deployment)
  const sent = isForm(body) ? sentForm(body, headers) : { body, headers }
  try {
    const response = decoded(
      await fetch(url, {
        method: 'POST',
        ...sent,
        redirect: 'manual',
        signal: abort.signal,
        // Bun's own, else 5 minutes without a byte (https://github.com/oven-sh/bun/pull/6217):
        // models think longer, and the deployment has a time-out of ours.
        timeout: false,
      }),
    )
    if (response.ok) return { response: answered(response) }
    const text = new TextDecoder().decode((await readAtMost(response, ERROR_BYTES_MAX)).bytes)
    const { status, headers: told } = response
    return {
      refusal: refusalOf(response, text, deployment),
      mayRetry: PASSING.has(status) && told.get('x-should-retry') !== 'false',
      retryAfterMs: retryAfterMs(told),
      isBroken: false,
      status,
      why: whyOf(text),
    }
  } catch (cause) {
    if (abort.signal.aborted) throw abort.signal.reason
    const refusal = connectionFailed(deployment, cause)
    const nothing = { retryAfterMs: null, status: null, why: 'failed' } as const
    return { refusal, mayRetry: true, isBroken: true, ...nothing }
  }
}

const isForm = (body: Ask['body']): body is FormBody =>
  typeof body === 'object' && 'contentType' in body

/** Deno does not tell the length of what it streams, and sends it in chunks. */
const sentForm = (form: FormBody, headers: Readonly<Record<string, string>>) => ({
  headers: {
    ...headers,
    'content-type': form.contentType,
    'content-length': String(form.bytes),
  },
  body: form.open(),
  duplex: 'half',
})

/** Null: the upstream asks for nothing that can be read. A date is not waited for. */
function retryAfterMs(headers: Headers): number | null {
  const seconds = Number.parseFloat(headers.get('retry-after') ?? '')
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null
}

/**
 * Headers of an upstream's answer that a client gets; others may name accounts, or be wrong here.
 */
const ANSWER_HEADERS = [
  'content-type',
  'request-id',
  'x-request-id',
  'openai-processing-ms',
  'openai-version',
]

export function answerHeaders(response: Response): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of ANSWER_HEADERS) {
    const value = response.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return headers
}
