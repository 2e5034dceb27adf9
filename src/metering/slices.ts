/**
 * An encoder takes about a microsecond for a byte of a text that is made to be slow (random words
 * or signs), so this much of any text keeps others waiting for some ten milliseconds.
 */
export const SLICE_CHARS_MAX = 4_096

/** How far back from there a good place for a cut is looked for; words are shorter. */
const TAIL_CHARS = 256

/**
 * Where the encoders cl100k_base and o200k_base split a text whatever stands around: a letter, and
 * a sign or space behind it that does not begin an ending like 's.
 */
const BOUNDARY = /\p{L}(?=[^\p{L}\p{M}\p{N}'’])/gu

/**
 * A text in slices to be counted one by one, which put together are the text. Their tokens are
 * those of the whole; but for a text without any word's end in its last hundreds of letters, of
 * which each cut may be off by one.
 */
export function* slicesOf(text: string): Generator<string> {
  let from = 0
  while (text.length - from > SLICE_CHARS_MAX) {
    const to = cutWithin(text, from)
    yield text.slice(from, to)
    from = to
  }
  if (from < text.length) yield from === 0 ? text : text.slice(from)
}

function cutWithin(text: string, from: number): number {
  const end = from + SLICE_CHARS_MAX
  const tailFrom = end - TAIL_CHARS
  let cut = -1
  for (const match of text.slice(tailFrom, end + 1).matchAll(BOUNDARY)) {
    cut = tailFrom + match.index + match[0].length
  }
  if (cut !== -1) return cut
  const isPair = isHighSurrogate(text.charCodeAt(end - 1))
  return isPair ? end - 1 : end
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xdc00
