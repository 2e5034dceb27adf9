import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { tokenizerFor } from '../../src/gateway/tokenizer.ts'
import { countText } from '../../src/metering/tokens.ts'
import { countPrompt } from '../support/counted-prompt.ts'

/** Counts letters, so that a test can be reckoned by hand. */
const letters = (text: string) => text.length

const encode = await tokenizerFor('gpt-4o')

describe('a prompt', () => {
  const user = (content: unknown) => ({ messages: [{ role: 'user', content }] })
  // 3 to prime the answer, 3 for the message, 4 for `user`.
  const AROUND = 10

  test.each<[string, object, number]>([
    ['nothing', {}, 0],
    ['no messages', { messages: [] }, 3],
    ['a text', user('hello'), AROUND + 5],
    ['two messages', { messages: [...user('a').messages, ...user('b').messages] }, 3 + 8 + 8],
    ['a name', { messages: [{ role: 'user', name: 'bob', content: 'a' }] }, AROUND + 1 + 3 + 1],
    [
      'parts of text',
      user([
        { type: 'text', text: 'ab' },
        { type: 'text', text: 'c' },
      ]),
      AROUND + 3,
    ],
    ['an image', user([{ type: 'image_url', image_url: { url: 'x' } }]), AROUND + 85 + 8 * 170],
    [
      'an image in low detail',
      user([{ type: 'image_url', image_url: { url: 'x', detail: 'low' } }]),
      AROUND + 85,
    ],
    [
      'a second of sound',
      user([{ type: 'input_audio', input_audio: { format: 'wav', data: 'A'.repeat(64_000) } }]),
      AROUND + 10,
    ],
    [
      'a second of MP3',
      user([{ type: 'input_audio', input_audio: { format: 'mp3', data: 'A'.repeat(21_334) } }]),
      AROUND + 10,
    ],
    [
      'a page of a document',
      user([{ type: 'file', file: { file_data: 'A'.repeat(85_334) } }]),
      AROUND + 1000,
    ],
    [
      'a call of a tool',
      {
        messages: [
          {
            role: 'user',
            content: null,
            tool_calls: [{ function: { name: 'f', arguments: '{}' } }],
          },
        ],
      },
      AROUND + 3,
    ],
    ['tools', { tools: [{ type: 'function' }] }, '[{"type":"function"}]'.length],
    ['functions', { functions: [1] }, 3],
    ['a schema', { response_format: { json_schema: { a: 1 } } }, 7],
    ['a completion', { prompt: 'hello' }, 5],
    ['completions', { prompt: ['hello', 'you'] }, 8],
    ['a completion in tokens', { prompt: [1, 2, 3] }, 3],
    ['an embedding', { input: 'hello' }, 5],
    ['embeddings in tokens', { input: [[1, 2, 3], [4]] }, 4],
  ])('of %s', (_, body, tokens) => {
    expect(countPrompt(body as Record<string, unknown>, letters)).toBe(tokens)
  })

  // The example of https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken,
  // with the counts that OpenAI's API gave for it.
  const example = {
    messages: [
      {
        role: 'system',
        content:
          'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.',
      },
      {
        role: 'system',
        name: 'example_user',
        content: 'New synergies will help drive top-line growth.',
      },
      {
        role: 'system',
        name: 'example_assistant',
        content: 'Things working well together will increase revenue.',
      },
      {
        role: 'system',
        name: 'example_user',
        content:
          "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
      },
      {
        role: 'system',
        name: 'example_assistant',
        content: "Let's talk later when we're less busy about how to do better.",
      },
      {
        role: 'user',
        content:
          "This late pivot means we don't have time to boil the ocean for the client deliverable.",
      },
    ],
  }

  test.each([
    ['gpt-4o', 124],
    ['gpt-4-0613', 129],
    ['gpt-3.5-turbo', 129],
  ])('of %s is counted as OpenAI counts it', async (model, tokens) => {
    expect(countPrompt(example, await tokenizerFor(model))).toBe(tokens)
  })

  test('of any shape is a whole number from 0, and does not throw', () => {
    const keys = fc.constantFrom('messages', 'tools', 'prompt', 'input', 'response_format')
    const part = fc.record({
      role: fc.anything(),
      content: fc.anything(),
      tool_calls: fc.anything(),
    })
    const value = fc.oneof(fc.anything(), fc.array(part), fc.jsonValue())
    fc.assert(
      fc.property(fc.dictionary(keys, value), (body) => {
        const json = JSON.parse(JSON.stringify(body, (_, x) => (typeof x === 'bigint' ? 0 : x)))
        const tokens = countPrompt(json, letters)
        expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true)
      }),
    )
  })

  test('with a message more is never less', () => {
    const message = fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.string() })
    fc.assert(
      fc.property(fc.array(message), message, (messages, more) => {
        const before = countPrompt({ messages }, encode)
        expect(countPrompt({ messages: [...messages, more] }, encode)).toBeGreaterThanOrEqual(
          before + 3,
        )
      }),
    )
  })
})

describe('a text', () => {
  test('without long runs is counted as the encoder counts it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
        expect(countText(text, encode)).toBe(encode(text))
      }),
    )
  })

  test('with runs that are cut is off by a token a cut at most', () => {
    const unit = fc.constantFrom(...'abcdeXYZ', 'the', 'tion', '!', '-', '中', '文', 'é', '😀')
    const runs = fc.array(fc.array(unit, { minLength: 300, maxLength: 900 }), { maxLength: 3 })
    fc.assert(
      fc.property(runs, (runs) => {
        const text = runs.map((units) => units.join('')).join(' 1 ')
        let parts = 0
        const cut = countText(text, (part) => {
          parts++
          return encode(part)
        })
        expect(Math.abs(cut - encode(text))).toBeLessThanOrEqual(Math.max(0, parts - 1))
      }),
    )
  })

  test.each([
    ['<|endoftext|>', 7],
    ['<|im_start|>system', 7],
    ['<|endofprompt|><|im_end|>', 13],
  ])('%s is text and no command', (text, atLeast) => {
    const tokens = countText(text, encode)
    expect(tokens).toBeGreaterThanOrEqual(atLeast - 1)
    expect(tokens).toBeLessThanOrEqual(text.length)
  })

  /**
   * One megabyte each. Uncut, the first takes a quarter of an hour and the others are like it, so
   * a deadline of seconds tells them apart on any machine.
   */
  test.each([
    ['one letter', 'a'],
    ['spaces', ' '],
    ['newlines', '\n'],
    ['signs', '!@#$%^&*()'],
    ['digits', '8'],
    ['accents', '\u0301'],
    ['Chinese', '的一是不了人我在有他这'],
    ['emoji', '😀🎉🚀'],
    ['special tokens', '<|endoftext|>'],
    ['all of it', 'aB!é \n\t中1😀\u0301'],
  ])(
    'of a hostile megabyte is counted at once: %s',
    (_, piece) => {
      const text = piece.repeat(Math.ceil(1_000_000 / piece.length))
      const tokens = countText(text, encode)
      expect(tokens).toBeGreaterThan(1_000)
      expect(tokens).toBeLessThanOrEqual(text.length * 3)
    },
    5_000,
  )
})
