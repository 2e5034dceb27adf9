import { describe, expect, test } from 'bun:test'
import { countInTurns, countPromptInTurns } from '../../src/gateway/counting.ts'
import { tokenizerFor } from '../../src/gateway/tokenizer.ts'
import { SLICE_CHARS_MAX } from '../../src/metering/slices.ts'
import { countText } from '../../src/metering/tokens.ts'
import { countPrompt } from '../support/counted-prompt.ts'

/** An encoder that notes how much it was given in each round of the event loop. */
function watched() {
  const rounds: number[] = [0]
  const nextRound = () => {
    rounds.push(0)
    timer = setImmediate(nextRound)
  }
  let timer = setImmediate(nextRound)
  return {
    rounds,
    encode: (text: string) => {
      rounds[rounds.length - 1]! += text.length
      return text.length
    },
    stop: () => clearImmediate(timer),
  }
}

const MEGABYTE = 1_000_000

describe('counting in turns', () => {
  test.each([
    ['prose', 'The quick brown fox jumps over the lazy dog. '],
    ['one letter', 'a'],
    ['spaces', ' '],
    ['emoji', '😀🎉'],
    ['Chinese', '中文字'],
    ['accents', '\u0301'],
    ['digits', '0123456789'],
  ])('a megabyte of %s takes no more than a slice or two of any round', async (_, piece) => {
    const { rounds, encode, stop } = watched()
    const text = piece.repeat(MEGABYTE / piece.length)
    expect(await countInTurns([text], encode)).toBe(text.length)
    stop()
    expect(Math.max(...rounds)).toBeLessThanOrEqual(2 * SLICE_CHARS_MAX)
    expect(rounds.length).toBeGreaterThan(text.length / SLICE_CHARS_MAX / 2)
  })

  test('a hundred texts at once take no more than one does', async () => {
    const { rounds, encode, stop } = watched()
    const text = 'word '.repeat(8_000)
    const tokens = await Promise.all(
      Array.from({ length: 100 }, () => countInTurns([text], encode)),
    )
    stop()
    expect(tokens).toEqual(Array.from({ length: 100 }, () => text.length))
    expect(Math.max(...rounds)).toBeLessThanOrEqual(3 * SLICE_CHARS_MAX)
  })

  test('a hundred thousand short texts are no way around it', async () => {
    const { rounds, encode, stop } = watched()
    const texts = Array.from({ length: 100_000 }, () => 'a few words')
    expect(await countInTurns(texts, encode)).toBe(1_100_000)
    stop()
    expect(Math.max(...rounds)).toBeLessThanOrEqual(2 * SLICE_CHARS_MAX)
  })

  test('comes to what counting at once comes to', async () => {
    const encode = await tokenizerFor('gpt-5')
    const text = 'What is the time, and whose is it?\n'.repeat(1_000)
    expect(await countInTurns([text, 'and more'], encode)).toBe(
      countText(text, encode) + countText('and more', encode),
    )
    const json = {
      messages: [
        { role: 'system', content: text },
        { role: 'user', name: 'bob', content: [{ type: 'text', text: 'hi' }] },
      ],
      tools: [{ type: 'function', function: { name: 'search' } }],
    }
    expect(await countPromptInTurns(json, encode)).toBe(countPrompt(json, encode))
  })
})
