import type { PassThrough } from '../config/config.ts'
import { Refusal } from '../errors.ts'
import { type Sink, untilUnread } from './idle.ts'

/** A request that is forwarded as it is. */
export type Passed = {
  readonly endpoint: PassThrough
  /** What follows the endpoint's path, as it came: empty, or with a slash before it. */
  readonly below: string
  /** With the `?`, or empty. */
  readonly query: string
  readonly method: string
  readonly headers: Headers
  readonly body: ReadableStream<Uint8Array> | null
  /** Aborts when the client hangs up, or its body is too large or too slow. */
  readonly signal: AbortSignal
  /** How long the client may leave the answer unread, milliseconds. */
  readonly clientIdleMs: number
  /** Called when there is no more to come of the answer. */
  readonly ended: () => void
}

/** What is told of one connection alone: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Where clients send our own keys, and what is about the way to us. */
const OURS = new Set([
  'accept-encoding',
  'api-key',
  'authorization',
  'cookie',
  'expect',
  'host',
  'x-api-key',
])

/** What a request cannot be understood without, sent along in any case. */
const OF_REQUEST = new Set([
  'accept',
  'accept-language',
  'content-encoding',
  'content-length',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'range',
])

/**
 * Forwards a request to an endpoint's target and its answer back, each as it comes; nothing of it
 * is read. Redirects are the client's to follow. Throws `invalid_request` for a path that could
 * lead out of the target, `upstream_failed` when that cannot be reached, `upstream_timed_out` when
 * it does not begin to answer, and the signal's own reason when it aborts.
 */
export async function passThrough(passed: Passed): Promise<Response> {
  const { endpoint, query, method, signal } = passed
  const url = `${endpoint.target}${requireBelow(passed.below)}${query}`
  const abort = new AbortController()
  const late = setTimeout(() => abort.abort(timedOut(endpoint)), endpoint.timeoutMs)
  const give = () => abort.abort(signal.reason)
  signal.addEventListener('abort', give, { once: true })
  if (signal.aborted) give()
  try {
    const response = await fetch(url, {
      method,
      headers: headersFor(passed),
      body: passed.body,
      redirect: 'manual',
      signal: abort.signal,
      ...STREAMED,
    })
    return answered(response, passed, abort)
  } catch (cause) {
    if (abort.signal.aborted) throw abort.signal.reason
    const message = `The target of \`${endpoint.path}\` cannot be reached.`
    throw new Refusal('upstream_failed', message, { cause })
  } finally {
    clearTimeout(late)
  }
}

/**
 * `duplex`: the body is sent while it comes. `decompress`: what is compressed although nobody asked
 * for it stays so (Bun's; Deno does that by itself). `timeout`: Bun's own is five minutes.
 */
const STREAMED = { duplex: 'half', decompress: false, timeout: false } as RequestInit

/** Percent signs may hide further ones from us that the target sees through. */
const DECODINGS_MAX = 3

/**
 * A path below the target, as it came. Throws `invalid_request` for one that a server could take
 * for a path elsewhere: with `..`, or with slashes that are encoded.
 */
function requireBelow(below: string): string {
  const segments = below.split('/').length
  let text = below
  for (let times = 0; times <= DECODINGS_MAX; times++) {
    const parts = text.split('/')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    const isOdd = parts.length !== segments || /[\\\x00-\x1f\x7f]/.test(text)
    if (isOdd || parts.some((part) => part === '.' || part === '..')) throw outside()
    const decoded = decodedOnce(text)
    if (decoded === text) return below
    text = decoded
  }
  throw outside()
}

function decodedOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw outside()
  }
}

const outside = () =>
  new Refusal(
    'invalid_request',
    'The path is not forwarded: it has `..`, an encoded slash, or a % that encodes nothing.',
  )

const timedOut = ({ path, timeoutMs }: PassThrough) =>
  new Refusal(
    'upstream_timed_out',
    `The target of \`${path}\` sent nothing for ${timeoutMs / 1_000} s.`,
  )

function headersFor({ endpoint, headers }: Passed): Record<string, string> {
  const sent: Record<string, string> = { 'accept-encoding': 'identity' }
  const ofConnection = connectionHeaders(headers)
  for (const [name, value] of headers) {
    if (HOP_BY_HOP.has(name) || OURS.has(name) || ofConnection.has(name)) continue
    if (endpoint.forwardsHeaders || OF_REQUEST.has(name)) sent[name] = value
  }
  return { ...sent, ...endpoint.headers }
}

/** Those that `connection` names are for one connection too. */
const connectionHeaders = (headers: Headers): ReadonlySet<string> =>
  new Set((headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase()))

/** The target's answer, without what is told of its connection to us. */
function answered(response: Response, passed: Passed, abort: AbortController): Response {
  const headers = new Headers(response.headers)
  for (const name of [...HOP_BY_HOP, ...connectionHeaders(response.headers)]) {
    if (name !== '') headers.delete(name)
  }
  headers.set('x-content-type-options', 'nosniff')
  const { status } = response
  if (response.body === null) {
    passed.ended()
    return new Response(null, { status, headers })
  }
  const reader = response.body.getReader()
  const source = {
    async pull(client: Sink) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        passed.ended()
        throw error
      })
      if (!done) return client.enqueue(value)
      passed.ended()
      client.close()
    },
    async cancel() {
      passed.ended()
      abort.abort(new Error('The client has left.'))
    },
  }
  const body = new ReadableStream<Uint8Array>(untilUnread(source, passed.clientIdleMs))
  return new Response(body, { status, headers })
}
