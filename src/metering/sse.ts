import { Buffer } from 'node:buffer'

/**
 * Event streams as text (https://html.spec.whatwg.org/multipage/server-sent-events.html): where one
 * event ends, and what its data is. Looked at as Latin-1: one character a byte, so that a place in
 * the text is a place in the bytes.
 */

const NEWLINE = 0x0a

/** Whether a part of a piece is the end of an event, and not only its beginning. */
export const endsEvent = (event: Uint8Array): boolean => event.at(-1) === NEWLINE

/** The events of a piece, each by itself; the last may be a part of one. */
export function eventsOf(piece: Uint8Array): Uint8Array[] {
  const text = latin1(piece)
  const events: Uint8Array[] = []
  let from = 0
  for (let to = eventEnd(text, from); to !== -1; to = eventEnd(text, from)) {
    events.push(piece.subarray(from, to))
    from = to
  }
  return from === piece.length ? events : [...events, piece.subarray(from)]
}

/** Node's own, which takes any bytes: to make a `Buffer` of them first would double its cost. */
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, from: number, to: number): string
}

export const latin1 = (bytes: Uint8Array): string => latin1Slice.call(bytes, 0, bytes.length)

/** The place after the blank line that ends the event which starts at `from`, or -1. */
export function eventEnd(text: string, from: number): number {
  for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', at + 1)) {
    if (text[at + 1] === '\n') return at + 2
    if (text[at + 1] === '\r' && text[at + 2] === '\n') return at + 3
  }
  return -1
}

/** The `data` of an event, its lines joined; empty for a comment. */
export function dataOf(event: string): string {
  let data = ''
  let from = 0
  while (from < event.length) {
    const newline = event.indexOf('\n', from)
    const to = newline === -1 ? event.length : newline
    if (event.startsWith('data:', from)) {
      const line = event.slice(event[from + 5] === ' ' ? from + 6 : from + 5, to).trim()
      data = data === '' ? line : `${data}\n${line}`
    }
    from = to + 1
  }
  return data
}
