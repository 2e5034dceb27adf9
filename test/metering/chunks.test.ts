import { describe, expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { CHAT_WIRE } from '../../src/metering/chat-wire.ts'
import { ChunkReader } from '../../src/metering/chunks.ts'

const chunk = (fields: object) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', ...fields })}\n\n`
const delta = (content: string) =>
  chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }], usage: null })
const role = chunk({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] })
const finish = chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
const counts = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }
const usage = chunk({ choices: [], usage: counts })
const done = 'data: [DONE]\n\n'

const plain = role + delta('Hel') + delta('lo 🙂') + finish
const quoting = delta('{"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n')

/** Streams as providers send them, and what a client may see when it did not ask for the usage. */
const streams: [name: string, stream: string, hidden: string][] = [
  ['with usage and end', plain + usage + done, plain + done],
  ['without usage', plain + done, plain + done],
  ['without an end', plain + usage, plain],
  [
    'with CRLF',
    (plain + usage + done).replaceAll('\n', '\r\n'),
    (plain + done).replaceAll('\n', '\r\n'),
  ],
  [
    'with comments',
    `: ping\n\n${plain}: ping\n\n${usage}${done}`,
    `: ping\n\n${plain}: ping\n\n${done}`,
  ],
  ['whose text quotes a usage and an end', quoting + usage + done, quoting + done],
  ['whose last event has no blank line', `${plain}${usage}data: [DONE]`, `${plain}data: [DONE]`],
  ['that breaks off in an event', plain + usage.slice(0, 40), plain + usage.slice(0, 40)],
  ['whose usage is broken off by the close', plain + usage.trimEnd(), plain],
  ['with bytes after the end', `${plain}${done}: bye\n\n`, `${plain}${done}: bye\n\n`],
  [
    'with usage on a chunk with text',
    `${plain}${chunk({ choices: [{ delta: { content: '!' } }], usage: counts })}${done}`,
    `${plain}${chunk({ choices: [{ delta: { content: '!' } }], usage: counts })}${done}`,
  ],
]

const cleanError = (json: object) => ({ ours: Object.keys(json) })
const wire = CHAT_WIRE.stream!

/** Reads a stream cut at the given places; what passed before the end, and what came after. */
function readCut(stream: string, cuts: readonly number[], hideUsage: boolean) {
  const bytes = Buffer.from(stream)
  const reader = new ChunkReader({ wire, hideUsage, cleanError })
  const places = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]
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

describe.each(streams)('a stream %s', (_, stream, hidden) => {
  test('passes byte for byte, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), (cuts) => {
        expect(readCut(stream, cuts, false).whole).toBe(stream)
      }),
    )
  })

  test('passes without the usage chunk alone when the client did not ask for it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), (cuts) => {
        expect(readCut(stream, cuts, true).whole).toBe(hidden)
      }),
    )
  })

  test('one byte at a time says the same as at once', () => {
    const cuts = Array.from({ length: Buffer.from(stream).length }, (_, i) => i)
    for (const hideUsage of [false, true]) {
      const slow = readCut(stream, cuts, hideUsage)
      const fast = readCut(stream, [], hideUsage)
      expect(slow.whole).toBe(fast.whole)
      expect(slow.reader.usage()).toEqual(fast.reader.usage())
      expect(slow.reader.delivered()).toBe(fast.reader.delivered())
    }
  })

  test('lets nothing of its end pass before it is asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (cuts, hideUsage) => {
        const { passed } = readCut(stream, cuts, hideUsage)
        expect(passed.replaceAll(quoting, '')).not.toContain('[DONE]')
      }),
    )
  })
})

test('usage is read by kind', () => {
  const { reader } = readCut(plain + usage + done, [], true)
  expect(reader.usage()).toMatchObject({ input: 9, output: 4 })
  expect(reader.hasEnded()).toBe(true)
})

test('what was delivered is the text of content, reasoning, refusals and tool calls', () => {
  const call = (fields: object) =>
    chunk({ choices: [{ delta: { tool_calls: [{ index: 0, function: fields }] } }] })
  const stream =
    delta('a🙂') +
    chunk({ choices: [{ delta: { reasoning_content: 'b' } }, { delta: { refusal: 'c' } }] }) +
    call({ name: 'd', arguments: '' }) +
    call({ arguments: '{"e":1}' })
  expect(readCut(stream, [], true).reader.delivered()).toBe('a🙂bcd{"e":1}')
})

test('a stream of many chunks without usage is digested as it grows', () => {
  const stream = delta('0123456789').repeat(5_000) + done
  expect(readCut(stream, [70_000, 300_000], true).reader.delivered()).toBe(
    '0123456789'.repeat(5_000),
  )
})

describe('an error inside the stream', () => {
  const of = (json: string) => `event: error\ndata: ${json}\n\n`

  test.each<[string, string, string[]]>([
    ['an object', '{"error":{"message":"for org-1"}}', ['error']],
    ['text', '{"error":"for org-1"}', ['error']],
    ['a type of its own', '{"type":"error","error":{"message":"for org-1"}}', ['type', 'error']],
    [
      'beside a choice',
      '{"id":"a","choices":[],"error":{"code":"for org-1"}}',
      ['id', 'choices', 'error'],
    ],
    ['no whole JSON', '{"error":{"message":"for org-1}', []],
    ['what has no error in it', '{"detail":"for org-1"}', ['detail']],
    ['plain text', 'for org-1', []],
  ])('given as %s is worded by us, wherever it is cut', (_, json, keys) => {
    // What is a chunk besides is still one.
    const chunk = keys.includes('choices') ? { id: 'a', choices: [] } : {}
    const ours = `data: ${JSON.stringify({ ...chunk, ours: keys })}\n\n`
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (cuts, hideUsage) => {
        const { whole } = readCut(plain + of(json) + done, cuts, hideUsage)
        expect(whole).toBe(plain + ours + done)
      }),
    )
  })

  test.each(['{"error":{"message":"for org-1"}}', '{"error":"for org-1"}', '[{"error":{}}]'])(
    'is known without its name: %s',
    (json) => {
      const { whole } = readCut(`${plain}data: ${json}\n\n`, [], false)
      expect(whole.slice(plain.length)).toStartWith('data: {"ours":')
    },
  )

  test('is worded by us also when the stream breaks off in it', () => {
    const { whole } = readCut(plain + of('{"error":{"message":"for org-1'), [], false)
    expect(whole).toBe(`${plain}data: {"ours":[]}\n\n`)
  })

  test('is none where a chunk has an error of null, or its text quotes one', () => {
    const stream =
      chunk({ error: null, choices: [] }) +
      delta('\nevent: error\n') +
      delta('{"error":{"message":"x"}}') +
      done
    expect(readCut(stream, [30, 60], false).whole).toBe(stream)
  })

  test('is known', () => {
    const { reader } = readCut('data: {"error":{"message":"too hot"}}\n\n', [], true)
    expect(reader.error()).toBe('too hot')
  })
})

test('an event passes when it is whole, so that what it says is known before', () => {
  const reader = new ChunkReader({ wire, hideUsage: false, cleanError })
  const bytes = new Uint8Array(Buffer.from(delta('a')))
  expect(reader.read(bytes.subarray(0, 20)).pass.length).toBe(0)
  expect(reader.read(bytes.subarray(20)).pass).toEqual(bytes)
})

test('an event that never ends is passed on and forgotten', () => {
  const reader = new ChunkReader({ wire, hideUsage: true, cleanError })
  const piece = new Uint8Array(5 * 1024 * 1024).fill(97)
  expect(reader.read(piece).pass.length).toBe(0)
  expect(reader.read(piece).pass.length).toBe(2 * piece.length)
})

describe('an answer that may become too long', () => {
  test('never does so with a piece that could not pass the bound, however it is cut', () => {
    const other = fc.constantFrom(': ping\n\n', finish, done)
    const events = fc.array(fc.oneof({ weight: 5, arbitrary: fc.string().map(delta) }, other))
    fc.assert(
      fc.property(events, fc.array(fc.nat()), fc.nat({ max: 300 }), (sent, cuts, bytesMax) => {
        const bytes = Buffer.from(role + delta('Hello') + sent.join(''))
        const reader = new ChunkReader({ wire, hideUsage: false, learnsFrame: true, cleanError })
        const places = [...cuts.map((cut) => cut % bytes.length), 0, bytes.length]
        places.sort((a, b) => a - b)
        for (const [index, from] of places.entries()) {
          const piece = bytes.subarray(from, places[index + 1])
          const couldPass = reader.couldPass(bytesMax, piece)
          reader.read(piece)
          const delivered = Buffer.byteLength(reader.delivered())
          if (!couldPass) expect(delivered).toBeLessThanOrEqual(bytesMax)
        }
      }),
    )
  })
})
