import { Refusal } from '../errors.ts'
import { setAlarm, takeBack } from '../gateway/alarm.ts'
import { NO_BODY, type SentBody, sentBody } from '../gateway/body.ts'

/** What a request's body may be. */
export type BodyLimits = {
  /** Bytes. */
  readonly bytesMax: number
  /** From its headers to its last byte, milliseconds. */
  readonly timeoutMs: number
}

/**
 * A body that is too large is read on, and thrown away, up to so many times the limit: a client
 * hears nothing before it has sent all, and one that is cut off then sees a broken connection in
 * place of the reason.
 */
const LENIENCE = 4

/**
 * All of a request's body; of one that is too large, never more than the limit is in memory. The
 * time is for the whole of it, since a client that sends a byte a second is never idle.
 *
 * Throws `body_too_large` or `body_too_slow`; the connection is then of no more use.
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<SentBody> {
  const length = request.headers.get('content-length')
  if (Number(length ?? 0) > limits.bytesMax * LENIENCE) throw tooLarge(limits)
  const { promise, resolve, reject } = Promise.withResolvers<Blob>()
  const alarm = setAlarm(limits.timeoutMs, () => reject(tooSlow(limits)))
  try {
    // A server reads no more than the length that was declared, so what is within needs no watch.
    const isDeclared = length !== null && !request.headers.has('transfer-encoding')
    const isWithin = isDeclared && Number(length) <= limits.bytesMax
    if (!isWithin) return await readWithin(request, limits, promise)
    // Bun makes a stream of a body whose stream somebody looks at, and reads it the slower for it.
    request.blob().then(resolve, reject)
    return await sentBody(await promise)
  } finally {
    takeBack(alarm)
  }
}

/** No more than these will be kept of a request's body. */
export function bytesAtMost(
  { headers }: Request,
  { bytesMax }: Pick<BodyLimits, 'bytesMax'>,
): number {
  const length = headers.get('content-length')
  return length === null ? bytesMax : Math.min(Number(length), bytesMax)
}

async function readWithin(
  { body }: Request,
  limits: BodyLimits,
  late: Promise<unknown>,
): Promise<SentBody> {
  if (body === null) return NO_BODY
  const reader = body.getReader()
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late as Promise<never>])
      bytes += value?.length ?? 0
      const isTooLarge = bytes > limits.bytesMax
      if (isTooLarge && (done || bytes > limits.bytesMax * LENIENCE)) throw tooLarge(limits)
      if (done) return await sentBody(new Blob(pieces))
      if (isTooLarge) pieces.length = 0
      else pieces.push(value)
    }
  } catch (error) {
    // Not waited for: Deno reads what is left of the body first, however long that takes.
    reader.cancel().catch(() => {})
    throw error
  }
}

/** What is left of the body is not waited for. */
const headers = { connection: 'close' }

/** `what` is the body as its sender thinks of it. */
export const tooLarge = ({ bytesMax }: BodyLimits, what: 'body' | 'form' = 'body') =>
  new Refusal('body_too_large', `The ${what} has more than the ${bytesMax} bytes that are taken.`, {
    headers,
  })

export const tooSlow = ({ timeoutMs }: BodyLimits, what: 'body' | 'form' = 'body') =>
  new Refusal('body_too_slow', `The ${what} was not all here after ${timeoutMs / 1000} s.`, {
    headers,
  })

/**
 * A request's body as it comes, for who passes it on. `broken` aborts with `body_too_large` or
 * `body_too_slow`, and the stream with it. Throws `body_too_large` when the body says so itself.
 */
export function streamBody(
  { body, headers }: Request,
  limits: BodyLimits,
): { readonly body: ReadableStream<Uint8Array> | null; readonly broken: AbortSignal } {
  const broken = new AbortController()
  if (body === null) return { body, broken: broken.signal }
  if (Number(headers.get('content-length') ?? 0) > limits.bytesMax) throw tooLarge(limits)
  const timer = setTimeout(() => broken.abort(tooSlow(limits)), limits.timeoutMs)
  let bytes = 0
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      bytes += piece.length
      if (bytes <= limits.bytesMax) return controller.enqueue(piece)
      clearTimeout(timer)
      broken.abort(tooLarge(limits))
      controller.error(broken.signal.reason)
    },
    flush: () => clearTimeout(timer),
  })
  broken.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  return { body: body.pipeThrough(meter), broken: broken.signal }
}
