import { describe, expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { toOpenAI } from '../../src/providers/anthropic/answer.ts'
import { translated } from '../../src/providers/anthropic/response.ts'
import { CACHED, HELLO, THOUGHT, TOOL } from '../support/anthropic-recorded.ts'

const CREATED = 1_764_000_000

/** https://docs.claude.com/en/api/messages */
const MESSAGE = {
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5-20250929',
  content: [{ type: 'text', text: 'Hi! My name is Claude.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 2095, output_tokens: 503 },
}

const choiceOf = (more: object) =>
  (toOpenAI({ ...MESSAGE, ...more }, CREATED)['choices'] as Record<string, unknown>[])[0]!

describe('an answer', () => {
  test('of text is a completion of chat', () => {
    expect(toOpenAI(MESSAGE, CREATED)).toEqual({
      id: MESSAGE.id,
      object: 'chat.completion',
      created: CREATED,
      model: MESSAGE.model,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hi! My name is Claude.', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 2095,
        completion_tokens: 503,
        total_tokens: 2598,
        prompt_tokens_details: {
          cached_tokens: 0,
          cache_creation_tokens: 0,
          cache_creation_token_details: {
            ephemeral_5m_input_tokens: 0,
            ephemeral_1h_input_tokens: 0,
          },
        },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
    })
  })

  test('of tools has their calls, and no text is null', () => {
    const content = [
      { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } },
      { type: 'tool_use', id: 'toolu_2', name: 'get_time', input: {} },
    ]
    expect(choiceOf({ content, stop_reason: 'tool_use' })).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [
          {
            id: 'toolu_1',
            type: 'function',
            function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
          },
          { id: 'toolu_2', type: 'function', function: { name: 'get_time', arguments: '{}' } },
        ],
      },
    })
  })

  test('of thoughts has them as text, and with their signatures', () => {
    const thoughts = [
      { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
      { type: 'redacted_thinking', data: 'xyz' },
    ]
    expect(choiceOf({ content: [...thoughts, ...MESSAGE.content] })['message']).toMatchObject({
      content: 'Hi! My name is Claude.',
      reasoning_content: 'Hm.',
      thinking_blocks: thoughts,
    })
  })

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['tool_use', 'tool_calls'],
    ['pause_turn', 'stop'],
    ['refusal', 'content_filter'],
    ['model_context_window_exceeded', 'length'],
    ['something_new', 'stop'],
  ])('that ends by %s finishes by %s', (stop_reason, finish_reason) => {
    expect(choiceOf({ stop_reason })['finish_reason']).toBe(finish_reason)
  })

  test('that is a refusal says why', () => {
    const stop_details = { type: 'refusal', category: 'cyber', explanation: 'No exploits.' }
    const choice = choiceOf({ content: [], stop_reason: 'refusal', stop_details })
    expect(choice['message']).toMatchObject({ content: '', refusal: 'No exploits.' })
  })

  test('without usage has none', () => {
    expect(toOpenAI({ ...MESSAGE, usage: undefined }, CREATED)['usage']).toBeUndefined()
  })
})

/** What comes of a body in these pieces. */
async function translate(pieces: readonly Uint8Array[], type: string): Promise<string> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  const response = new Response(body, { headers: { 'content-type': type, 'request-id': 'req_1' } })
  const made = translated(response, CREATED)
  expect(made.headers.get('content-type')).toBe(type)
  expect(made.headers.get('x-request-id')).toBe('req_1')
  return made.text()
}

const SSE = 'text/event-stream; charset=utf-8'
const streamed = (text: string) => translate([Buffer.from(text)], SSE)

type Chunk = {
  readonly id: string
  readonly choices: readonly { delta: Record<string, unknown>; finish_reason: string | null }[]
  readonly usage?: Record<string, unknown>
}

const chunksOf = (text: string): Chunk[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)))

const deltasOf = (chunks: readonly Chunk[]) =>
  chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))

describe('a stream', () => {
  test('of text is one of chunks', async () => {
    const text = await streamed(HELLO)
    const chunks = chunksOf(text)
    expect(deltasOf(chunks)).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { content: 'Hello' },
      { content: '!' },
      {},
    ])
    expect(new Set(chunks.map(({ id }) => id))).toEqual(
      new Set(['msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY']),
    )
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 25, completion_tokens: 15, total_tokens: 40 },
    })
    expect(text).toContain(': ping\n\n')
    expect(text).toEndWith('data: [DONE]\n\n')
  })

  test('of a tool has its call in pieces', async () => {
    const chunks = chunksOf(await streamed(TOOL))
    const calls = deltasOf(chunks).flatMap((delta) => (delta['tool_calls'] as object[]) ?? [])
    expect(calls[0]).toEqual({
      index: 0,
      id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6',
      type: 'function',
      function: { name: 'get_weather', arguments: '' },
    })
    const pieces = calls.map((call) => (call as { function: { arguments: string } }).function)
    expect(pieces.map((piece) => piece.arguments).join('')).toBe(
      '{"location": "San Francisco, CA", "unit": "fahrenheit"}',
    )
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('tool_calls')
  })

  test('of thoughts has them as they come, and whole with their signature', async () => {
    const deltas = deltasOf(chunksOf(await streamed(THOUGHT)))
    const thinking = 'Let me solve this step by step:\n\n1. First break down 27 * 453'
    expect(deltas.map((delta) => delta['reasoning_content'] ?? '').join('')).toBe(thinking)
    const whole = deltas.find((delta) => delta['thinking_blocks'] !== undefined)
    expect(whole).toEqual({
      thinking_blocks: [
        {
          type: 'thinking',
          thinking,
          signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds...',
        },
      ],
    })
    expect(deltas.map((delta) => delta['content'] ?? '').join('')).toBe('27 * 453 = 12,231')
  })

  test('from caches tells how much, by how long they last', async () => {
    expect(chunksOf(await streamed(CACHED)).at(-1)!.usage).toMatchObject({
      prompt_tokens: 2_051,
      completion_tokens: 5,
      prompt_tokens_details: {
        cached_tokens: 1_800,
        cache_creation_token_details: {
          ephemeral_5m_input_tokens: 100,
          ephemeral_1h_input_tokens: 148,
        },
      },
    })
  })

  test.each([HELLO, TOOL, THOUGHT, CACHED, HELLO.replaceAll('\n', '\r\n')])(
    'is the same wherever it is cut (%#)',
    async (stream) => {
      const whole = await streamed(stream)
      const bytes = Buffer.from(stream)
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(), { maxLength: 8 }), async (cuts) => {
          const places = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length]
          places.sort((a, b) => a - b)
          const pieces = places.map((place, at) => bytes.subarray(place, places[at + 1]))
          expect(await translate(pieces, SSE)).toBe(whole)
        }),
        { numRuns: 30 },
      )
    },
  )

  test('with an error in it has one of OpenAI', async () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' }
    const event = `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`
    expect(await streamed(event)).toBe(`data: ${JSON.stringify({ error })}\n\n`)
  })

  test('in a language that is new passes over what it does not know', async () => {
    const event = 'event: hologram\ndata: {"type":"hologram","index":0}\n\n'
    expect(await streamed(event + HELLO)).toBe(await streamed(HELLO))
  })

  test('is read no further than somebody asks', async () => {
    let pulls = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulls++
          controller.enqueue(Buffer.from(HELLO))
        },
      },
      { highWaterMark: 0 },
    )
    const response = new Response(body, { headers: { 'content-type': SSE } })
    const reader = translated(response, CREATED).body!.getReader()
    expect(pulls).toBe(0)
    await reader.read()
    expect(pulls).toBe(1)
  })

  test('that is cancelled cancels that of Anthropic', async () => {
    let reason: unknown = null
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.from(HELLO)),
      cancel(why) {
        reason = why
      },
    })
    const response = new Response(body, { headers: { 'content-type': SSE } })
    const reader = translated(response, CREATED).body!.getReader()
    await reader.read()
    await reader.cancel('enough')
    expect(reason).toBe('enough')
  })
})

test('an answer in one piece is whole, whatever pieces it came in', async () => {
  const bytes = Buffer.from(JSON.stringify({ ...MESSAGE, content: [{ type: 'text', text: '🙂' }] }))
  const text = await translate(
    Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)),
    'application/json',
  )
  expect(JSON.parse(text).choices[0].message.content).toBe('🙂')
})

test.each(['{"hello":"there"}', '<html>', ''])(
  '%p is no message, and stays as it is',
  async (text) => {
    expect(await translate([Buffer.from(text)], 'application/json')).toBe(text)
  },
)
