import type { Json } from '../../metering/wire.ts'
import { toOpenAI } from './answer.ts'
import { ChunkMaker } from './stream.ts'

/** More than any answer or event has, bytes: what a broken upstream sends is given up. */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024
const EVENT_CHARS_MAX = 2 * 1024 * 1024

/**
 * Anthropic's good answer as OpenAI's, streamed or not; `created` is in seconds. Nothing of it is
 * read before somebody asks, and who cancels it cancels Anthropic's.
 */
export function translated(response: Response, created: number): Response {
  const { status, headers, body } = response
  const type = headers.get('content-type') ?? 'application/json'
  const requestId = headers.get('request-id')
  const own = { 'content-type': type, ...(requestId === null ? {} : { 'x-request-id': requestId }) }
  if (body === null) return new Response(null, { status, headers: own })
  const isStream = type.startsWith('text/event-stream')
  const translation = isStream ? chunksFrom(new ChunkMaker(created)) : wholeFrom(created)
  return new Response(piecewise(body, translation), { status, headers: own })
}

/** What comes of the pieces of a body; null: it has ended. Empty: nothing yet. */
type Translate = (piece: Uint8Array | null) => Uint8Array

/** A body made of another, piece by piece as it is asked for. */
function piecewise(body: ReadableStream<Uint8Array>, translate: Translate) {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read()
          const made = translate(done ? null : value)
          if (made.length > 0) controller.enqueue(made)
          if (done) controller.close()
          if (done || made.length > 0) return
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read ahead: a client that does not read must stop the upstream.
    { highWaterMark: 0 },
  )
}

const NOTHING = new Uint8Array(0)
const encoder = new TextEncoder()

function chunksFrom(maker: ChunkMaker): Translate {
  const decoder = new TextDecoder()
  let unread = ''
  return (piece) => {
    unread += piece === null ? `${decoder.decode()}\n\n` : decoder.decode(piece, { stream: true })
    // The last may be a part of one.
    const events = unread.split(/\r?\n\r?\n/)
    unread = events.pop() ?? ''
    if (unread.length > EVENT_CHARS_MAX) throw new TypeError('an event without an end')
    return encoder.encode(events.map((event) => chunkOf(event, maker)).join(''))
  }
}

function chunkOf(event: string, maker: ChunkMaker): string {
  const lines = event.split(/\r?\n/)
  const data = lines
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim())
    .join('\n')
  if (data === '') return ''
  const json = parse(data)
  // What is no JSON is for whoever reads the chunks to judge.
  return json === null ? `${event}\n\n` : maker.next(json)
}

/** JSON that is no message of Anthropic's is passed on, for whoever reads it to judge. */
function wholeFrom(created: number): Translate {
  const pieces: Uint8Array[] = []
  let bytes = 0
  return (piece) => {
    if (piece !== null) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > ANSWER_BYTES_MAX) throw new TypeError(`longer than ${ANSWER_BYTES_MAX} bytes`)
      return NOTHING
    }
    const text = new TextDecoder().decode(joined(pieces, bytes))
    const json = parse(text)
    const isMessage = json?.['type'] === 'message'
    return encoder.encode(isMessage ? JSON.stringify(toOpenAI(json, created)) : text)
  }
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function parse(text: string): Json | null {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? (json as Json) : null
  } catch {
    return null
  }
}
