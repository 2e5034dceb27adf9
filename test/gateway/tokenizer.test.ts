import { expect, test } from 'bun:test'
import { tokenizerFor } from '../../src/gateway/tokenizer.ts'

test('is loaded once and then kept', async () => {
  expect(tokenizerFor('gpt-4o')).toBe(tokenizerFor('claude-sonnet-4-5'))
  expect(await tokenizerFor('gpt-4')).toBe(await tokenizerFor('gpt-3.5-turbo'))
})

/** Of many tokens in the older encoding, and few in the newer. */
const HINDI = 'नमस्ते दुनिया'

// The families are OpenAI's: https://github.com/openai/tiktoken/blob/main/tiktoken/model.py
test.each([
  ['gpt-4', 'cl100k'],
  ['gpt-4-0613', 'cl100k'],
  ['gpt-4-turbo', 'cl100k'],
  ['gpt-3.5-turbo-0125', 'cl100k'],
  ['gpt-35-turbo', 'cl100k'],
  ['text-embedding-3-small', 'cl100k'],
  ['openai/gpt-4', 'cl100k'],
  ['ft:gpt-3.5-turbo:acme::1', 'cl100k'],
  ['davinci-002', 'cl100k'],
  ['gpt-4o', 'o200k'],
  ['gpt-4o-mini', 'o200k'],
  ['gpt-4.1', 'o200k'],
  ['gpt-4.5-preview', 'o200k'],
  ['gpt-5', 'o200k'],
  ['o3', 'o200k'],
  ['chatgpt-4o-latest', 'o200k'],
  ['ft:gpt-4o:acme::1', 'o200k'],
  ['claude-sonnet-4-5', 'o200k'],
  ['llama-3.3-70b-versatile', 'o200k'],
  ['', 'o200k'],
])('%p is counted with %s', async (model, encoding) => {
  const [cl100k, o200k] = await Promise.all([tokenizerFor('gpt-4'), tokenizerFor('gpt-5')])
  expect(cl100k(HINDI)).toBeGreaterThan(o200k(HINDI))
  const expected = encoding === 'cl100k' ? cl100k : o200k
  expect((await tokenizerFor(model))(HINDI)).toBe(expected(HINDI))
})

test('never fails on a text, whatever is in it', async () => {
  const encode = await tokenizerFor('gpt-4o')
  for (const text of ['', '\u0000', '\ud800', '\udfff', '\ufffd', '<|endoftext|>', '\u{10ffff}']) {
    expect(encode(text), JSON.stringify(text)).toBeGreaterThanOrEqual(Math.min(1, text.length))
  }
})
