import { describe, expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { splitLongRuns } from '../../src/metering/runs.ts'

/** What an encoder takes at once: the rules of o200k_base and cl100k_base, taken together. */
const RUN = /[\p{L}\p{M}]+|[^\p{L}\p{N}]+/gu
const longestRun = (text: string) =>
  Math.max(0, ...[...text.matchAll(RUN)].map(([run]) => Buffer.byteLength(run)))

const hostile: [string, string][] = [
  ['one letter', 'a'],
  ['capitals', 'A'],
  ['spaces', ' '],
  ['newlines', '\n'],
  ['line ends of Windows', '\r\n'],
  ['signs', '!?'],
  ['signs and newlines', '!\n/'],
  ['accents alone', '\u0301'],
  ['letters with accents', 'e\u0301'],
  ['Chinese', '中文字'],
  ['Thai', 'ภาษาไทย'],
  ['emoji', '😀🎉'],
  ['letters beyond U+FFFF', '𐐀𝒜'],
  ['halves of characters', '\ud800'],
  ['other halves', '\udc00'],
  ['control characters', '\u0000\u0007'],
]

describe.each(hostile)('%s, repeated', (_, piece) => {
  const text = piece.repeat(Math.ceil(20_000 / piece.length))

  test('come out in parts that an encoder can bear', () => {
    const parts = splitLongRuns(text)
    expect(parts.join('')).toBe(text)
    for (const part of parts) expect(longestRun(part)).toBeLessThanOrEqual(515)
    expect(parts.length).toBeLessThanOrEqual(Math.ceil(Buffer.byteLength(text) / 512))
  })

  test('are left whole when they are no longer than words and phrases are', () => {
    const short = piece.repeat(Math.floor(500 / Buffer.byteLength(piece)))
    expect(splitLongRuns(short)).toEqual([short])
    expect(splitLongRuns(`${short}12${short}`)).toHaveLength(1)
  })
})

test.each([
  ['prose', 'The quick brown fox jumps over the lazy dog, and then sleeps.\n\n'],
  ['code', 'if (a[i] !== null) {\n        return f(a, i + 1)\n}\n'],
  ['a table', '| --- | :---: | ---: |\n|  1  |   2   |  3.5 |\n'],
  ['Chinese with its own punctuation', '我们的产品，价格是一百元。谢谢！'],
  ['digits', '0123456789'],
  ['base64', 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ'],
])('%s is never cut, however long', (_, line) => {
  const text = line.repeat(2_000)
  expect(splitLongRuns(text)).toEqual([text])
})

test('of nothing there are no parts', () => {
  expect(splitLongRuns('')).toEqual([])
})

test('the parts are the text, no run in them is long, and no character is cut in two', () => {
  const piece = fc.tuple(
    fc.oneof(
      fc.constantFrom(...hostile.map(([, text]) => text)),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    fc.nat({ max: 600 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.map(([text, times]) => text.repeat(times)).join('')
      const parts = splitLongRuns(text)
      expect(parts.join('')).toBe(text)
      for (const part of parts) {
        expect(part).not.toBe('')
        // A run may begin where the one before it ends with accents, which are of both.
        expect(longestRun(part)).toBeLessThanOrEqual(515 * 2)
      }
      if (text.isWellFormed()) expect(parts.every((part) => part.isWellFormed())).toBe(true)
    }),
  )
})
