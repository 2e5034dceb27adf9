import { expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { ChunkReader } from '../../src/metering/chunks.ts'
import { MESSAGES_WIRE } from '../../src/metering/messages-wire.ts'
import { toOpenAI } from '../../src/providers/anthropic/answer.ts'
import { ChunkMaker } from '../../src/providers/anthropic/stream.ts'

/** An upstream that sends whatever it likes: nothing of it may break what reads it. */

const TYPES =
  `message_start content_block_start content_block_delta content_block_stop message_delta
  message_stop ping error __proto__ constructor`.split(/\s+/)
const KINDS = `text thinking redacted_thinking tool_use text_delta thinking_delta input_json_delta
  signature_delta toString`.split(/\s+/)

const leaf = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.nat(), fc.string())
const part = fc.oneof(
  leaf,
  fc.record(
    {
      type: fc.constantFrom(...KINDS),
      text: leaf,
      thinking: leaf,
      partial_json: leaf,
      signature: leaf,
      id: leaf,
      name: leaf,
      input: leaf,
      stop_reason: leaf,
    },
    { requiredKeys: [] },
  ),
)
const usage = fc.oneof(leaf, fc.record({ input_tokens: leaf, output_tokens: leaf }))
const event = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...TYPES), leaf),
    index: fc.oneof(fc.nat({ max: 2 }), leaf),
    message: fc.oneof(leaf, fc.record({ id: leaf, model: leaf, usage })),
    content_block: part,
    delta: part,
    usage,
    error: leaf,
  },
  { requiredKeys: ['type'] },
)
/** As it comes over the wire, where a member may have any name. */
const sent = (json: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(json))

test('any events are chunks, or nothing, or an error', () => {
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const maker = new ChunkMaker(1)
      for (const each of events) {
        for (const line of maker.next(sent(each)).split('\n')) {
          if (line === '' || line === ': ping' || line === 'data: [DONE]') continue
          expect(JSON.parse(line.slice('data: '.length))).toBeObject()
        }
      }
    }),
  )
})

test('any events pass the side reader as they are, but for errors, and its count is a count', () => {
  const cleanError = () => ({ error: { message: 'clean', type: 'upstream_error' } })
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const wire = MESSAGES_WIRE.stream!
      const reader = new ChunkReader({ wire, hideUsage: false, cleanError })
      const text = events.map((each) => `event: x\ndata: ${JSON.stringify(each)}\n\n`).join('')
      const { pass, end } = reader.read(Buffer.from(text))
      const whole = Buffer.concat([pass, end ?? new Uint8Array(0)]).toString()
      if (!whole.includes('event: error')) expect(whole).toBe(text)
      for (const used of [reader.usage(), reader.input()]) {
        for (const count of Object.values(used ?? {})) expect(count).toBeGreaterThanOrEqual(0)
      }
      expect(reader.delivered()).toBeString()
      expect(Buffer.from(reader.endAtCap(reader.place(), null)).toString()).toEndWith(
        '"message_stop"}\n\n',
      )
    }),
  )
})

test('any message is a completion', () => {
  const message = fc.record({ content: fc.oneof(leaf, fc.array(part)), usage, stop_reason: leaf })
  fc.assert(
    fc.property(message, (json) => {
      const { choices } = toOpenAI(sent(json), 1)
      expect(choices).toHaveLength(1)
      expect(MESSAGES_WIRE.textOf(sent(json))).toBeString()
    }),
  )
})
