import { Refusal } from '../errors.ts'

/** Far above any request's: tools with nested schemas come to some twenty. */
const DEPTH_MAX = 128

/** Objects, arrays and keys: a thousand messages of several parts come to some ten thousand. */
const PARTS_MAX = 100_000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Where a member of the outermost object stands in a text, without the spaces around its value. */
export type Span = {
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number
}

/**
 * Throws `invalid_request` for JSON that is made to hurt. Ten megabytes of `[` keep `JSON.parse`
 * busy for a second, in which nobody else is served, and whoever walks through what comes out runs
 * out of stack; a million keys take as long. Looks at the text before it is parsed, so it may be
 * no JSON at all; if it is, the spans are those of its members, found on the same way.
 */
export function refuseMonstrous(text: string): Span[] {
  const spans: Span[] = []
  let depth = 0
  let parts = 0
  let keyStart = 0
  let keyEnd = 0
  /** The place after the colon of the member that has begun; 0: none has. */
  let colonEnd = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const from = at
      at = stringEnd(text, from) - 1
      if (depth === 1 && colonEnd === 0) {
        keyStart = from
        keyEnd = at + 1
      }
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      parts++
      if (++depth > DEPTH_MAX) throw monstrous(`is nested more than ${DEPTH_MAX} deep`)
    } else if (code === COLON) {
      parts++
      if (depth === 1) colonEnd = at + 1
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      depth--
    }
    const isEnd = depth === 0 || (depth === 1 && code === COMMA)
    if (isEnd && colonEnd !== 0) {
      const valueStart = spaceEnd(text, colonEnd)
      spans.push({ keyStart, keyEnd, valueStart, valueEnd: spaceStart(text, at) })
      colonEnd = 0
    }
    if (parts > PARTS_MAX) throw monstrous(`has more than ${PARTS_MAX} objects, arrays and keys`)
  }
  return spans
}

function spaceEnd(text: string, from: number): number {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

function spaceStart(text: string, to: number): number {
  let at = to
  while (isSpace(text.charCodeAt(at - 1))) at--
  return at
}

const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** The place after the closing quote of the string that starts at `from`. */
export function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
  return text.length
}

const monstrous = (what: string) =>
  new Refusal('invalid_request', `The body ${what}; send less of that.`)
