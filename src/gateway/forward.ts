import { Refusal } from '../errors.ts'
import { simulate } from '../providers/demo.ts'
import type { Deployment } from './deployments.ts'
import { ENDPOINTS, type Endpoint } from './endpoint.ts'
import { readAtMost } from './read.ts'
import { upstreamCall } from './translate.ts'
import { connectionFailed, refusalOf } from './upstream-errors.ts'
import type { Watch } from './watch.ts'

/** What is sent upstream for a call. */
export type Ask = {
  readonly callId: string
  readonly endpoint: Endpoint
  readonly headers: Headers
  /** As it goes upstream. */
  readonly body: string | Uint8Array<ArrayBuffer>
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
  /** Whether the upstream has the call, and has not said that it did nothing. */
  isAsked: boolean
}

/** Most of an upstream's error that is looked at, bytes. */
const ERROR_BYTES_MAX = 64 * 1024

/** A wait that an upstream asks for is waited for if it is no longer than this, milliseconds. */
const RETRY_AFTER_MS_MAX = 5_000

/**
 * A connection that breaks so soon, milliseconds, was most likely one kept from an earlier call
 * that the upstream had closed meanwhile: the call is then sent once more, whatever the rules say.
 */
const STALE_MS = 100

const BACKOFF_MS = 250
const BACKOFF_MS_MAX = 4_000

/**
 * Statuses with which an upstream says that it did nothing and may be asked again: those for which
 * the official OpenAI clients do so, without 408 and 409, which may mean that it did something.
 */
const PASSING = new Set([429, 500, 502, 503, 504, 529])

/**
 * Asks the deployment, and answers its successful response; asks again, as often as its rules say,
 * when it could not be reached or said that it did nothing. Throws `upstream_failed` or
 * `upstream_timed_out` when it cannot be reached, refuses, or sends no first byte in time; the
 * signal's own reason when it aborts. A time-out is never asked again: the first call may go on.
 */
export async function forward(ask: Ask, line: Line): Promise<Response> {
  const { deployment, abort, watch } = line
  line.isAsked = true
  if (deployment.provider === 'demo' || deployment.mockResponse !== null) {
    return simulated(ask, deployment)
  }
  for (let retries = 0; ; retries++) {
    const tried = await send(ask, line)
    if ('response' in tried) {
      watch.seen()
      return tried.response
    }
    line.isAsked = false
    const pauseMs = retries < deployment.rules.retriesMax ? pauseBefore(tried, retries) : null
    if (pauseMs === null) throw tried.refusal
    await pause(pauseMs, abort.signal)
    watch.askedAgain()
    line.isAsked = true
  }
}

function simulated(ask: Ask, { upstreamModel: model, mockResponse: text }: Deployment): Response {
  if (ask.endpoint !== ENDPOINTS.CHAT) {
    const message = `\`${model}\` is simulated here, and answers /chat/completions alone.`
    throw new Refusal('invalid_request', message, { param: 'model' })
  }
  const { callId: id, now } = ask
  // What goes upstream, like any other's: with the cap and the usage that we ask for.
  const json = typeof ask.body === 'string' ? (JSON.parse(ask.body) as Ask['json']) : ask.json
  return simulate({ json, model, text, id, now })
}

/** What came of one try. */
type Tried =
  | { readonly response: Response }
  | {
      readonly refusal: Refusal
      readonly mayRetry: boolean
      readonly retryAfterMs: number | null
      /** It was not the upstream that refused, but the connection that failed. */
      readonly isBroken: boolean
    }

/** Sends a call, and once more if it met the end of an old connection. */
async function send(ask: Ask, line: Line): Promise<Tried> {
  const askedAt = performance.now()
  const tried = await sendOnce(ask, line)
  if ('response' in tried || !tried.isBroken) return tried
  return performance.now() - askedAt < STALE_MS ? sendOnce(ask, line) : tried
}

async function sendOnce(ask: Ask, { deployment, abort, decoded }: Line): Promise<Tried> {
  const { url, headers, body, answered } = upstreamCall(ask, deployment)
  try {
    const response = decoded(
      await fetch(url, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: abort.signal,
        // Bun's own, else 5 minutes without a byte (https://github.com/oven-sh/bun/pull/6217):
        // models think longer, and the deployment has a time-out of ours.
        timeout: false,
      }),
    )
    if (response.ok) return { response: answered(response) }
    const text = new TextDecoder().decode((await readAtMost(response, ERROR_BYTES_MAX)).bytes)
    return {
      refusal: refusalOf(response, text, deployment),
      mayRetry: PASSING.has(response.status) && response.headers.get('x-should-retry') !== 'false',
      retryAfterMs: retryAfterMs(response.headers),
      isBroken: false,
    }
  } catch (cause) {
    if (abort.signal.aborted) throw abort.signal.reason
    const refusal = connectionFailed(deployment, cause)
    return { refusal, mayRetry: true, retryAfterMs: null, isBroken: true }
  }
}

/** Null: the upstream asks for nothing that can be read. A date is not waited for. */
function retryAfterMs(headers: Headers): number | null {
  const seconds = Number.parseFloat(headers.get('retry-after') ?? '')
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null
}

/** Null: not again. Otherwise what the upstream asks for, or a growing time with half of chance. */
function pauseBefore(tried: Exclude<Tried, { response: Response }>, retries: number) {
  if (!tried.mayRetry) return null
  if (tried.retryAfterMs !== null) {
    return tried.retryAfterMs <= RETRY_AFTER_MS_MAX ? tried.retryAfterMs : null
  }
  const most = Math.min(BACKOFF_MS * 2 ** retries, BACKOFF_MS_MAX)
  return most * (1 - Math.random() / 2)
}

/** Rejects with the signal's reason when it aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const broken = () => {
    clearTimeout(timer)
    reject(signal.reason)
  }
  signal.addEventListener('abort', broken, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', broken))
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
