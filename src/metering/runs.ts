/**
 * A run may have this many bytes of UTF-8. An encoder first splits a text into words, into signs
 * and into spaces, and then takes time that is quadratic in the length of each: 100,000 times the
 * letter a takes 14 s, and cut at this bound a few milliseconds. Below it are all words of all
 * languages, and the phrases of those that write without spaces (170 letters of Thai or Chinese).
 */
const RUN_BYTES_MAX = 512

/** What a character may be part of: a word, a run of signs and spaces, both, neither. */
const LETTER = 1
const SIGN = 2
const MARK = LETTER | SIGN
const DIGIT = 4

/** Classes of the characters up to U+FFFF, 0 where not yet known. */
const classes = new Uint8Array(0x10000)

/**
 * A text in parts, which put together are the text: cut where a run of letters, or one of signs
 * and spaces, goes past the bound. Digits are no run, for encoders take them by three at most.
 *
 * That holds for the rules of cl100k_base and of o200k_base
 * (https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py): what they split
 * off is made of letters and marks, or of all that is neither letter nor digit, but for a sign
 * before the letters and an ending like 's after them.
 */
export function splitLongRuns(text: string): string[] {
  const parts: string[] = []
  let from = 0
  let letterBytes = 0
  let signBytes = 0
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    const isHigh = code >= 0xd800 && code < 0xdc00
    const whole = isHigh ? (text.codePointAt(at) as number) : code
    const isPair = whole > 0xffff
    const bytes = isPair ? 4 : bytesOf(code)
    const kind = isPair ? classOf(whole) : knownClassOf(code)
    letterBytes = (kind & LETTER) === 0 ? 0 : letterBytes + bytes
    signBytes = (kind & SIGN) === 0 ? 0 : signBytes + bytes
    at += isPair ? 2 : 1
    if (letterBytes < RUN_BYTES_MAX && signBytes < RUN_BYTES_MAX) continue
    parts.push(text.slice(from, at))
    from = at
    letterBytes = 0
    signBytes = 0
  }
  if (from < text.length) parts.push(from === 0 ? text : text.slice(from))
  return parts
}

const bytesOf = (code: number): number => {
  if (code < 0x80) return 1
  return code < 0x800 ? 2 : 3
}

function knownClassOf(code: number): number {
  const known = classes[code] as number
  if (known !== 0) return known
  const found = classOf(code)
  classes[code] = found
  return found
}

function classOf(codePoint: number): number {
  const character = String.fromCodePoint(codePoint)
  if (/\p{L}/u.test(character)) return LETTER
  if (/\p{M}/u.test(character)) return MARK
  return /\p{N}/u.test(character) ? DIGIT : SIGN
}
