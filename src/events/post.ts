import { parseRetryAfter } from './schedule.ts'

/** What came of one try. */
export type Answer = {
  /** Null: none came. */
  readonly status: number | null
  /** Until the answer, or until it was clear that none would come. */
  readonly ms: number
  /** Why the receiver has not taken it; null: it has. */
  readonly error: string | null
  /** How long the receiver asks us to wait, milliseconds; null: it does not say. */
  readonly retryAfterMs: number | null
}

/** Within what the specification of Standard Webhooks recommends. */
const TIMEOUT_MS = 15_000

/** `identity`: a body that is not to be read need not be unpacked, and cannot swell. */
const HEADERS = {
  'content-type': 'application/json',
  'user-agent': 'tollgate',
  'accept-encoding': 'identity',
}

/** As much of an answer's body as is read, so that its connection can serve again. */
const ANSWER_BYTES_MAX = 16_384

/** An answer with the beginning of its body, of which a receiver is asked for nothing else. */
export type ReadAnswer = Answer & {
  readonly text: string
  /** Whether a body may have been read by the receiver, although it did not say so. */
  readonly mayHaveArrived: boolean
}

type To = { readonly url: string; readonly headers: Readonly<Record<string, string>> }
type How = { readonly now: () => number; readonly timeoutMs?: number }

/**
 * POSTs a body once, and never throws. Whatever answers with 2xx has taken it. Redirects are not
 * followed: they would lead a body, and its signature, to an address that no operator wrote down.
 */
export async function post(to: To, body: string, how: How): Promise<Answer> {
  const { status, ms, error, retryAfterMs } = await postAndRead(to, body, how)
  return { status, ms, error, retryAfterMs }
}

/** The same for who wants to know what was answered. Headers may say another type than JSON. */
export async function postAndRead(
  to: To,
  body: string,
  { now, timeoutMs = TIMEOUT_MS }: How,
): Promise<ReadAnswer> {
  const startedAt = performance.now()
  const ms = () => Math.round(performance.now() - startedAt)
  try {
    const response = await fetch(to.url, {
      method: 'POST',
      headers: { ...HEADERS, ...to.headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const answer = {
      status: response.status,
      ms: ms(),
      error: response.ok ? null : refusalOf(response.status),
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), now()),
    }
    return { ...answer, text: await beginningOf(response), mayHaveArrived: true }
  } catch (error) {
    const why = reasonOf(error, timeoutMs)
    const mayHaveArrived = !NEVER_ARRIVED.test(why)
    return { status: null, ms: ms(), error: why, retryAfterMs: null, text: '', mayHaveArrived }
  }
}

function refusalOf(status: number): string {
  if (status >= 300 && status < 400) return `status ${status}; redirects are not followed`
  return `status ${status}`
}

/** The answer counts already, so that nothing in its body can be a failure. */
async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    let bytes = 0
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength
      text += decoder.decode(chunk, { stream: true })
      if (bytes > ANSWER_BYTES_MAX) break
    }
  } catch {
    // Cut off, or not over in time.
  }
  return text
}

/** Nobody was there, or the name is nobody's: as Bun and Deno say it. */
const NEVER_ARRIVED = /ConnectionRefused|ECONNREFUSED|refused|FailedToOpenSocket|ENOTFOUND|dns/i

/**
 * Why no answer came, without the address: its path is often a secret. Bun names a code, Deno has
 * a sentence with the address in its first half.
 */
function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: Error }
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  const sentence = /client error .*$/s.exec(cause?.message ?? '')?.[0]
  return `no connection: ${typeof code === 'string' ? code : (sentence ?? name)}`
}
