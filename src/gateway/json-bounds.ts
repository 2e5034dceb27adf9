import { Refusal } from '../errors.ts'

/** Far above any request's: tools with nested schemas come to some twenty. */
const DEPTH_MAX = 128

/** Objects, arrays and keys: a thousand messages of several parts come to some ten thousand. */
const PARTS_MAX = 100_000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Throws `invalid_request` for JSON that is made to hurt. Ten megabytes of `[` keep `JSON.parse`
 * busy for a second, in which nobody else is served, and whoever walks through what comes out runs
 * out of stack; a million keys take as long. Looks at the text before it is parsed, so it may be
 * no JSON at all.
 */
export function refuseMonstrous(text: string) {
  let depth = 0
  let parts = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at) - 1
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      parts++
      if (++depth > DEPTH_MAX) throw monstrous(`is nested more than ${DEPTH_MAX} deep`)
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      depth--
    } else if (code === COLON) {
      parts++
    }
    if (parts > PARTS_MAX) throw monstrous(`has more than ${PARTS_MAX} objects, arrays and keys`)
  }
}

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
