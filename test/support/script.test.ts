import { describe, expect, test } from 'bun:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import OpenAI from 'openai'
import { ASK, dataOf, piecesOf, post, STREAM } from './client.ts'
import { eventually } from './eventually.ts'
import { Gate } from './gate.ts'
import { cutText, type Place, type Script, writesOf } from './script.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** The double misbehaves as told, and not otherwise. */

const clientOf = (upstream: Upstream) =>
  new OpenAI({ baseURL: upstream.url, apiKey: 'sk-upstream', maxRetries: 0 })

async function upstreamThat(script: Script) {
  const upstream = await startUpstream()
  upstream.always(script)
  return upstream
}

describe('how a stream is written', () => {
  test.each<[string, Script, RegExp]>([
    [
      'comments, and CRLF',
      { hasComments: true, lineEnd: '\r\n' },
      /^(: keep-alive\r\n\r\ndata: .+\r\n\r\n)+$/,
    ],
    ['no space after the colon', { hasSpace: false }, /^(data:[{[].+\n\n)+$/],
    ['all in one write', { writes: 'whole' }, /^(data: .+\n\n)+$/],
    ['three events a write', { writes: { events: 3 } }, /^(data: .+\n\n)+$/],
    ['cut inside `data:` and inside a character', { writes: { at: [3, 611] } }, /data: \[DONE\]/],
    [
      'the usage in the finish chunk',
      { usagePlace: 'finish chunk' },
      /"finish_reason":"stop"\}\],"usage":\{[^\n]+\n\ndata: \[DONE\]\n\n$/,
    ],
  ])('the official client reads it: %s', async (_, style, looks) => {
    await using upstream = await upstreamThat({ text: 'Grüße an 😀 und 🎉', ...style })
    const runner = clientOf(upstream).chat.completions.stream({
      ...ASK,
      stream_options: { include_usage: true },
    })
    const { choices, usage } = await runner.finalChatCompletion()
    expect(choices[0]!.message.content).toBe('Grüße an 😀 und 🎉')
    expect(usage!.completion_tokens).toBe(5)
    expect(Buffer.from(upstream.calls[0]!.sent).toString()).toMatch(looks)
  })

  test('byte by byte, each byte alone reaches the client', async () => {
    await using upstream = await upstreamThat({ text: '😀', writes: { bytes: 1 } })
    const { pieces, bytes } = await piecesOf(await post(upstream, STREAM))
    expect(bytes.equals(upstream.calls[0]!.sent)).toBe(true)
    // A loaded machine may join a few; most of them must be single, or the split tests nothing.
    expect(pieces.filter((piece) => piece.length === 1).length).toBeGreaterThan(bytes.length / 2)
  })

  test('usage is a chunk only when it was asked for, absent or absurd when told', async () => {
    await using upstream = await startUpstream()
    upstream.next({ usage: 'absent' }, { usage: null }, { usage: { prompt_tokens: -1e99 } }, {})
    const chunks = async (more: object) =>
      dataOf(await (await post(upstream, more)).text())
        .filter((data) => data !== '[DONE]')
        .map((data) => JSON.parse(data))

    expect((await chunks(STREAM)).some((chunk) => 'usage' in chunk)).toBe(false)
    expect((await chunks(STREAM)).at(-1)).toMatchObject({ choices: [], usage: null })
    expect((await chunks(STREAM)).at(-1)).toMatchObject({ usage: { prompt_tokens: -1e99 } })
    expect((await chunks({ stream: true })).some((chunk) => 'usage' in chunk)).toBe(false)
    expect(upstream.served.size).toBe(0)
  })

  test('a stream may close without [DONE]', async () => {
    await using upstream = await upstreamThat({ hasDone: false })
    const { bytes, isBroken } = await piecesOf(await post(upstream, STREAM))
    expect(isBroken).toBe(false)
    expect(dataOf(bytes.toString()).at(-1)).toContain('"usage":{')
    expect(upstream.served.get('')!.calls).toBe(1)
  })
})

describe('other ways to go wrong', () => {
  test('a cut-off stream is an error, after what had come', async () => {
    await using upstream = await upstreamThat({ deltas: 9, dies: { after: { events: 3 } } })
    const response = await post(upstream, STREAM)
    const { bytes, isBroken } = await piecesOf(response)
    expect(isBroken).toBe(true)
    expect(dataOf(bytes.toString())).toHaveLength(3)
    expect(bytes.equals(upstream.calls[0]!.sent)).toBe(true)
    expect(upstream.served.size).toBe(0)
  })

  test('raw bytes, HTML, an empty body, and a redirect are sent as given', async () => {
    await using upstream = await startUpstream()
    const html = { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad</h1>' }
    const raw = Uint8Array.of(0xff, 0x00, 0x64)
    upstream.next(html, { status: 500, body: '' }, { body: raw })
    upstream.next({ status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '' })

    const bad = await post(upstream)
    expect([bad.status, bad.headers.get('content-type')]).toEqual([502, 'text/html'])
    expect(await bad.text()).toBe('<h1>Bad</h1>')
    expect(await (await post(upstream)).text()).toBe('')
    const bytes = new Uint8Array(await (await post(upstream)).arrayBuffer())
    expect(bytes).toEqual(raw)
    const redirect = await post(upstream, {}, { redirect: 'manual' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([
      307,
      'http://127.0.0.1:1/',
    ])
  })

  test('a compressed answer is compressed although nobody asked for it', async () => {
    await using upstream = await upstreamThat({ isGzip: true })
    const response = await post(upstream)
    expect(await response.json()).toMatchObject({ object: 'chat.completion' })
    expect(gunzipSync(upstream.calls[0]!.sent).toString()).toContain('chat.completion')
  })

  test('a gate holds the headers, then the third event; the client has what came before', async () => {
    const [first, second] = [new Gate(), new Gate()]
    await using upstream = await upstreamThat({
      deltas: 4,
      holds: [
        { gate: first, at: 'headers' },
        { gate: second, at: { events: 2 } },
      ],
    })
    let hasAnswered = false
    const answering = post(upstream, STREAM).then((response) => {
      hasAnswered = true
      return response
    })
    await first.reached
    expect(hasAnswered).toBe(false)
    expect(first.waiting).toBe(1)
    first.open()
    const reader = (await answering).body!.getReader()
    await second.reached
    let text = ''
    while (dataOf(text).length < 2) text += Buffer.from((await reader.read()).value!).toString()
    expect(upstream.calls[0]!.sentBytes).toBe(Buffer.byteLength(text))
    second.open()
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += Buffer.from(read.value).toString()
    }
    expect(dataOf(text)).toHaveLength(8)
  })

  test('it knows when the client hung up, and after how many bytes', async () => {
    const gate = new Gate()
    await using upstream = await upstreamThat({ holds: [{ gate, at: { events: 2 } }] })
    const abort = new AbortController()
    const response = await post(upstream, STREAM, { signal: abort.signal })
    await gate.reached
    await response.body!.getReader().read()
    abort.abort()
    const call = upstream.calls[0]!
    await call.finished
    expect(call.hungUpAfter).toBe(call.sentBytes)
    expect(call.hungUpAfter).toBeGreaterThan(0)
    expect(upstream.served.size).toBe(0)
  })

  test('a silent upstream takes the call and answers nothing, until the client gives up', async () => {
    await using upstream = await upstreamThat({ isSilent: true })
    const abort = new AbortController()
    const asked = post(upstream, {}, { signal: abort.signal }).catch((error: Error) => error.name)
    await eventually(() => expect(upstream.calls).toHaveLength(1))
    abort.abort()
    expect(await asked).toBe('AbortError')
    await upstream.calls[0]!.finished
    expect(upstream.calls[0]!.hungUpAfter).toBe(0)
  })

  test('an answer in one piece can be broken off too, in order or by a reset', async () => {
    await using upstream = await startUpstream()
    upstream.next(
      { dies: { after: { bytes: 20 } } },
      { dies: { after: { bytes: 0 }, how: 'reset' } },
    )
    expect((await piecesOf(await post(upstream))).isBroken).toBe(true)
    const reset = await post(upstream).then(piecesOf, () => ({ isBroken: true }))
    expect(reset.isBroken).toBe(true)
  })
})

test.each<[string, number, string[], string]>([
  ['abcdef', 3, ['ab', 'cd', 'ef'], 'even'],
  ['abcde', 2, ['ab', 'cde'], 'uneven'],
  ['😀ü', 2, ['😀', 'ü'], 'a character is not split'],
])('%p in %p pieces: %p (%s)', (text, pieces, expected) => {
  expect(cutText(text, pieces)).toEqual(expected)
})

const EVENTS = ['abc', 'de', 'fghi'].map((text) => Buffer.from(text))
const gate = new Gate()
const held = (at: Place): Script => ({ holds: [{ gate, at }] })

// A row is a script for three events, and the writes that it makes; `|` is where the gate holds.
test.each<[string, Script, string[]]>([
  ['each event alone', {}, ['abc', 'de', 'fghi']],
  ['at one go', { writes: 'whole' }, ['abcdefghi']],
  ['two events a write', { writes: { events: 2 } }, ['abcde', 'fghi']],
  ['four bytes a write', { writes: { bytes: 4 } }, ['abcd', 'efgh', 'i']],
  ['exactly there', { writes: { at: [7, 1] } }, ['a', 'bcdefg', 'hi']],
  ['broken off after two events', { dies: { after: { events: 2 } } }, ['abc', 'de']],
  ['broken off inside an event', { dies: { after: { bytes: 4 } } }, ['abc', 'd']],
  ['broken off before the first byte', { dies: { after: { events: 0 } } }, []],
  ['broken off before the end', { dies: { after: { events: 9 } } }, ['abc', 'de', 'fghi']],
  ['held before the first byte', held({ bytes: 0 }), ['|abc', 'de', 'fghi']],
  ['held inside a write', { ...held({ events: 1 }), writes: 'whole' }, ['abc', '|defghi']],
  ['held before the end', held({ events: 3 }), ['abc', 'de', 'fghi', '|']],
])('an answer is written as told: %s', (_, script, expected) => {
  const writes = writesOf(EVENTS, script)
  const texts = writes.map(({ bytes, gates }) => '|'.repeat(gates.length) + Buffer.from(bytes))
  expect(texts).toEqual(expected)
})

test('however it is cut and held, the bytes are those of the events, up to where it breaks', () => {
  const place = fc.oneof(fc.record({ events: fc.nat(9) }), fc.record({ bytes: fc.nat(60) }))
  const writes = fc.oneof(
    fc.constant('whole' as const),
    fc.record({ events: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ bytes: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ at: fc.array(fc.nat(60)) }),
  )
  const holds = fc.array(fc.record({ at: place, gate: fc.constant(gate) }))
  const events = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 9 })
  fc.assert(
    fc.property(events, writes, holds, fc.option(fc.nat(60)), (events, writes, holds, death) => {
      const dies = death === null ? {} : { dies: { after: { bytes: death } } }
      const written = writesOf(events, { writes, holds, ...dies }).map(({ bytes }) => bytes)
      const whole = Buffer.concat(events)
      expect(Buffer.concat(written)).toEqual(whole.subarray(0, death ?? whole.length))
    }),
  )
})
