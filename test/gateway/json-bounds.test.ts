import { describe, expect, test } from 'bun:test'
import { parseBody, sentBody } from '../../src/gateway/body.ts'
import { refuseMonstrous } from '../../src/gateway/json-bounds.ts'

const MANY = 3_000_000

describe('JSON that is made to hurt is refused', () => {
  test.each([
    ['brackets without end', '['.repeat(MANY), 'nested more than 128 deep'],
    ['nested arrays', '['.repeat(MANY) + ']'.repeat(MANY), 'nested more than 128 deep'],
    ['nested objects', '{"a":'.repeat(MANY / 5), 'nested more than 128 deep'],
    ['nested a little too deep', '['.repeat(129) + ']'.repeat(129), 'nested more than 128 deep'],
    ['keys without end', `{${'"a":1,'.repeat(MANY / 6)}"b":1}`, 'more than 100000 objects'],
    ['empty objects', `[${'{},'.repeat(MANY / 3)}{}]`, 'more than 100000 objects'],
    ['brackets that only close', `${']'.repeat(MANY)}`, 'is not valid JSON'],
    ['a string without end', `"${'a'.repeat(MANY)}`, 'is not valid JSON'],
    ['backslashes without end', `"${'\\'.repeat(MANY)}`, 'is not valid JSON'],
    ['quotes without end', '"'.repeat(MANY), 'is not valid JSON'],
    ['half a character', '{"a": "\ud800', 'is not valid JSON'],
  ])('%s', async (_, text, why) => {
    const sent = await sentBody(new Blob([text]))
    expect(() => parseBody(sent)).toThrow(why)
  })

  test('bytes that are no UTF-8', async () => {
    const sent = await sentBody(new Blob([Uint8Array.of(0x7b, 0xff, 0x7d)]))
    expect(() => parseBody(sent)).toThrow('is not valid JSON')
  })
})

describe('what looks like it and does no harm passes', () => {
  test.each([
    ['a deep schema', `${`{"a":`.repeat(100)}1${'}'.repeat(100)}`],
    ['brackets within a string', JSON.stringify({ a: '[{'.repeat(MANY) })],
    ['quotes and backslashes within a string', JSON.stringify({ a: '\\"[{:'.repeat(1_000) })],
    ['a long list of tokens', JSON.stringify({ input: Array.from({ length: 500_000 }, () => 7) })],
    [
      'ten thousand messages',
      JSON.stringify({
        messages: Array.from({ length: 10_000 }, () => ({ role: 'user', content: 'hi' })),
      }),
    ],
  ])('%s', (_, text) => {
    expect(() => refuseMonstrous(text)).not.toThrow()
  })
})
