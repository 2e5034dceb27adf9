import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { tokenizerFor } from '../../src/gateway/tokenizer.ts'
import { SLICE_CHARS_MAX, slicesOf } from '../../src/metering/slices.ts'
import { countText } from '../../src/metering/tokens.ts'

const texts: [string, string][] = [
  ['prose', "The quick brown fox doesn’t jump over the lazy dog, and it isn't asleep.\n\n"],
  ['code', 'if (a[i] !== null) {\n        return f(a, i + 1)\n}\n'],
  ['a table', '| --- | :---: | ---: |\n|  1  |   2   |  3.5 | eins |\n'],
  ['JSON', '{"name": "search", "arguments": {"query": "what time is it", "limit": 10}}\n'],
  ['Chinese with its own punctuation', '我们的产品，价格是一百元。谢谢！'],
  ['Russian', 'Съешь же ещё этих мягких французских булок, да выпей чаю. '],
  ['Hindi', 'नमस्ते दुनिया, आप कैसे हैं? '],
]

describe.each(['gpt-4', 'gpt-5'])('with the tokenizer of %s', (model) => {
  test.each(texts)('%s has the tokens of its slices', async (_, line) => {
    const encode = await tokenizerFor(model)
    const text = line.repeat(Math.ceil(30_000 / line.length))
    const slices = [...slicesOf(text)]
    expect(slices.length).toBeGreaterThan(6)
    const tokens = slices.reduce((sum, slice) => sum + countText(slice, encode), 0)
    expect(tokens).toBe(countText(text, encode))
  })

  test('a text without a word’s end is off by a token a cut at most', async () => {
    const encode = await tokenizerFor(model)
    const text = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ'.repeat(800)
    const slices = [...slicesOf(text)]
    const tokens = slices.reduce((sum, slice) => sum + countText(slice, encode), 0)
    expect(Math.abs(tokens - countText(text, encode))).toBeLessThanOrEqual(slices.length - 1)
  })
})

test('slices are the text, none is long, and no character is cut in two', () => {
  const piece = fc.tuple(
    fc.oneof(
      fc.constantFrom('a', ' ', 'word ', '中', '😀', '\ud83d', '1', "it's ", 'e\u0301'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    fc.nat({ max: 6_000 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const text = pieces.map(([text, times]) => text.repeat(times)).join('')
      const slices = [...slicesOf(text)]
      expect(slices.join('')).toBe(text)
      for (const slice of slices) expect(slice.length).toBeWithin(1, SLICE_CHARS_MAX + 1)
      if (text.isWellFormed()) expect(slices.every((slice) => slice.isWellFormed())).toBe(true)
    }),
  )
})

test('of nothing there are no slices, and what is short is one', () => {
  expect([...slicesOf('')]).toEqual([])
  expect([...slicesOf('short')]).toEqual(['short'])
})
