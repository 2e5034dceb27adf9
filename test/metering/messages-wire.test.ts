import { describe, expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { ChunkReader } from '../../src/metering/chunks.ts'
import { anthropicError, MESSAGES_WIRE } from '../../src/metering/messages-wire.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'
import { CACHED, HELLO, THOUGHT, TOOL } from '../support/anthropic-recorded.ts'

const cleanError = (json: object) => ({
  error: {
    message: `clean ${Object.keys(json)}`,
    type: 'upstream_error',
    param: null,
    code: '502',
  },
})

function readCut(stream: string, cuts: readonly number[]) {
  const bytes = Buffer.from(stream)
  const reader = new ChunkReader({ wire: MESSAGES_WIRE.stream!, hideUsage: false, cleanError })
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length]
  places.sort((a, b) => a - b)
  let passed = ''
  let held = ''
  for (let i = 0; i + 1 < places.length; i++) {
    const { pass, end } = reader.read(new Uint8Array(bytes.subarray(places[i], places[i + 1])))
    passed += Buffer.from(pass).toString('latin1')
    if (end !== null) held += Buffer.from(end).toString('latin1')
  }
  held += Buffer.from(reader.rest()).toString('latin1')
  const utf8 = (text: string) => Buffer.from(text, 'latin1').toString()
  return { passed: utf8(passed), whole: utf8(passed + held), reader }
}

const STREAMS = [
  ['of text', HELLO, { input: 25, output: 15 }, 'Hello!'],
  [
    'of a tool',
    TOOL,
    { input: 472, output: 89 },
    'Okay, let\'s check the weather for San Francisco, CA:get_weather{"location": "San Francisco, CA", "unit": "fahrenheit"}',
  ],
  [
    'of thoughts',
    THOUGHT,
    { input: 44, output: 190 },
    'Let me solve this step by step:\n\n1. First break down 27 * 45327 * 453 = 12,231',
  ],
  [
    'from caches',
    CACHED,
    { input: 3, cachedInput: 1800, cacheWrite: 100, cacheWriteHour: 148, output: 5 },
    'Hi.',
  ],
] as const

describe.each(STREAMS)('a recorded stream %s', (_, stream, usage, text) => {
  test('passes byte for byte, wherever it is cut, and its end waits', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), (cuts) => {
        const { passed, whole } = readCut(stream, cuts)
        expect(whole).toBe(stream)
        expect(passed).not.toContain('message_stop')
      }),
    )
  })

  test('tells its usage, its text and its end, also a byte at a time', () => {
    const cuts = Array.from({ length: Buffer.from(stream).length }, (_, i) => i)
    for (const { reader } of [readCut(stream, []), readCut(stream, cuts)]) {
      expect(reader.usage()).toEqual({ ...NO_USAGE, ...usage })
      expect(reader.delivered()).toBe(text)
      expect(reader.hasEnded()).toBe(true)
    }
  })

  test('tells what was read from its first event on', () => {
    const [first] = stream.split(/(?<=\n\n)/)
    const { reader } = readCut(first!, [])
    expect(reader.usage()).toBeNull()
    expect(reader.input()).toEqual({ ...NO_USAGE, ...usage, output: 0 })
  })
})

describe('an error in a stream', () => {
  const error = (json: string) => `event: error\ndata: ${json}\n\n`

  test.each([
    '{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}',
    '{"error":{"message":"of a proxy"}}',
    'no JSON',
  ])('%s is one of Anthropic in our words', (json) => {
    const { whole, reader } = readCut(HELLO.split('event: content_block_stop')[0] + error(json), [])
    const last = whole.trim().split('\n').slice(-2)
    expect(last[0]).toBe('event: error')
    expect(JSON.parse(last[1]!.slice('data: '.length))).toEqual({
      type: 'error',
      error: {
        message: expect.stringContaining('clean'),
        type: 'api_error',
        param: null,
        code: '502',
      },
    })
    expect(reader.usage()).toBeNull()
  })
})

describe('an answer that is cut off', () => {
  const events = HELLO.split(/(?<=\n\n)/)
  const usage = { ...NO_USAGE, input: 25, output: 1 }
  const endAfter = (count: number, stream = events) => {
    const reader = new ChunkReader({ wire: MESSAGES_WIRE.stream!, hideUsage: false, cleanError })
    for (const event of stream.slice(0, count)) reader.read(Buffer.from(event))
    const place = reader.place()
    for (const event of stream.slice(count, count + 1)) reader.read(Buffer.from(event))
    return Buffer.from(reader.endAtCap(place, usage)).toString()
  }
  const types = (text: string) => [...text.matchAll(/^event: (.*)$/gm)].map((match) => match[1])

  test('in a block ends the block, and then the message at its cap', () => {
    const text = endAfter(4)
    expect(types(text)).toEqual(['content_block_stop', 'message_delta', 'message_stop'])
    expect(text).toContain('"index":0')
    expect(text).toContain('"delta":{"stop_reason":"max_tokens","stop_sequence":null}')
    expect(text).toContain('"input_tokens":25')
    expect(text).toContain('"output_tokens":1')
  })

  test('after a block ends no block', () => {
    expect(types(endAfter(6))).toEqual(['message_delta', 'message_stop'])
  })

  test('before a block that the client has not, ends no block', () => {
    // The first event alone has been passed on; the second begins a block.
    expect(types(endAfter(1))).toEqual(['message_delta', 'message_stop'])
  })
})

test.each([
  ['auth_error', 'authentication_error'],
  ['overloaded', 'overloaded_error'],
  ['upstream_error', 'api_error'],
  ['invalid_request_error', 'invalid_request_error'],
  ['budget_exceeded', 'budget_exceeded'],
])('our %s is its %s', (ours, its) => {
  const common = { error: { message: 'm', type: ours, param: null, code: '400' } }
  expect(anthropicError(common)).toEqual({
    type: 'error',
    error: { message: 'm', type: its, param: null, code: '400' },
  })
})
