import { Refusal } from '../errors.ts'
import { simulate } from '../providers/demo.ts'
import { openaiRequest } from '../providers/openai.ts'
import type { Deployment } from './deployments.ts'

/** What is sent upstream for a call. */
export type Ask = {
  readonly callId: string
  /** Below the base URL: `/chat/completions`. */
  readonly path: string
  readonly headers: Headers
  /** As it goes upstream. */
  readonly body: string | Uint8Array<ArrayBuffer>
  /** What `body` says. */
  readonly json: Readonly<Record<string, unknown>>
  readonly now: number
}

/** Most of an upstream's error that is looked at, bytes. */
const ERROR_CHARS_MAX = 4_000

/**
 * Asks the deployment, and answers its successful response. Throws `upstream_failed` or
 * `upstream_timed_out` when it cannot be reached, refuses, or sends no first byte in time; the
 * signal's own reason when it aborts.
 */
export async function forward(
  ask: Ask,
  deployment: Deployment,
  abort: AbortController,
): Promise<Response> {
  if (deployment.provider === 'demo' || deployment.mockResponse !== null) {
    const { callId: id, now } = ask
    // What goes upstream, like any other's: with the cap and the usage that we ask for.
    const json = typeof ask.body === 'string' ? (JSON.parse(ask.body) as Ask['json']) : ask.json
    return simulate({
      json,
      model: deployment.upstreamModel,
      text: deployment.mockResponse,
      id,
      now,
    })
  }
  const { url, headers } = openaiRequest(deployment, ask.path, ask.headers)
  const timer = setTimeout(() => abort.abort(timedOut(deployment)), deployment.timeoutMs)
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers,
      body: ask.body,
      redirect: 'manual',
      signal: abort.signal,
      // Bun's own, else 5 minutes without a byte (https://github.com/oven-sh/bun/pull/6217): models
      // think longer, and the deployment has a time-out of ours.
      timeout: false,
    })
    if (!response.ok) throw await refusalOf(response, deployment)
  } catch (error) {
    if (abort.signal.aborted) throw abort.signal.reason
    if (error instanceof Refusal) throw error
    throw new Refusal(
      'upstream_failed',
      `The upstream of \`${deployment.modelName}\` cannot be reached.`,
      {
        cause: error,
      },
    )
  } finally {
    clearTimeout(timer)
  }
  return response
}

export const timedOut = ({ modelName, timeoutMs }: Deployment): Refusal =>
  new Refusal(
    'upstream_timed_out',
    `The upstream of \`${modelName}\` sent nothing for ${timeoutMs / 1000} s.`,
  )

/**
 * Headers of an upstream's answer that a client gets; others may name accounts, or be wrong here.
 */
const ANSWER_HEADERS = ['content-type', 'x-request-id', 'openai-processing-ms', 'openai-version']

export function answerHeaders(response: Response): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of ANSWER_HEADERS) {
    const value = response.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return headers
}

/**
 * An upstream's refusal as ours: its status, its type, its sentence without what names accounts.
 */
async function refusalOf(response: Response, deployment: Deployment): Promise<Refusal> {
  const text = (await response.text()).slice(0, ERROR_CHARS_MAX)
  const { message, type, param } = errorOf(text)
  const about = `The upstream of \`${deployment.modelName}\` answered ${response.status}`
  const isRedirect = response.status < 400
  const retryAfter = response.headers.get('retry-after')
  return new Refusal('upstream_failed', `${about}${message === null ? '.' : `: ${message}`}`, {
    status: isRedirect ? 502 : response.status,
    ...(type === null ? {} : { type }),
    ...(param === null ? {} : { param }),
    headers: retryAfter === null ? {} : { 'retry-after': retryAfter },
    cause: text,
  })
}

type UpstreamError = {
  readonly message: string | null
  readonly type: string | null
  readonly param: string | null
}

/** OpenAI's error object, or those of the compatible ones that put it elsewhere. */
function errorOf(text: string): UpstreamError {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { message: null, type: null, param: null }
  }
  const first = Array.isArray(json) ? json[0] : json
  const error = first?.error ?? first
  if (typeof error === 'string') return { message: cleaned(error), type: null, param: null }
  const { message, type, param } = (error ?? {}) as Record<string, unknown>
  return {
    message: typeof message === 'string' ? cleaned(message) : null,
    type: typeof type === 'string' ? type : null,
    param: typeof param === 'string' ? param : null,
  }
}

/** Without keys, organisations and projects: they are the operator's, not the customer's. */
const cleaned = (message: string): string =>
  message.replace(/\b(?:org|proj|sk|gsk|xai|AIza)[-_*][\w*-]+/g, '…').slice(0, 1_000)
