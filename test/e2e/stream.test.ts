import { describe, expect, test } from 'bun:test'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import type { Script } from '../support/script.ts'

const gateway = await startGateway()
const { upstream, server, stream, customer } = gateway
const withUsage = { stream_options: { include_usage: true } }
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** Ways in which real upstreams write one and the same stream. */
const manners: [string, Script][] = [
  ['plainly', {}],
  ['with CRLF', { lineEnd: '\r\n' }],
  ['with comments', { hasComments: true }],
  ['without a space after data:', { hasSpace: false }],
  ['several events at once', { writes: { events: 3 } }],
  ['all at once', { writes: 'whole' }],
  [
    'byte by byte, through every character and line',
    { text: 'Zoë 🙂 ok', deltas: 3, writes: { bytes: 1 } },
  ],
  ['in pieces of seven bytes', { text: '日本語のテキスト', writes: { bytes: 7 } }],
  ['without [DONE]', { hasDone: false }],
  ['with tool calls', { toolCalls: [{ name: 'weather', arguments: '{"city":"Zürich"}' }] }],
  ['without usage', { usage: 'absent' }],
]

describe.each(manners)('a stream that is written %s', (_, script) => {
  test('reaches a client that asked for usage byte for byte', async () => {
    upstream.next(script)
    const { bytes } = await piecesOf(await stream(withUsage))
    expect(text(bytes)).toBe(text(upstream.calls.at(-1)!.sent))
    expect(bytes.length).toBeGreaterThan(100)
  })

  test('reaches any other without the usage chunk, and otherwise byte for byte', async () => {
    upstream.next(script)
    const { bytes } = await piecesOf(await stream())
    const sent = text(upstream.calls.at(-1)!.sent)
    const hidden = sent
      .split(/(?<=\r?\n\r?\n)/)
      .filter((event) => !(event.includes('"choices":[]') && event.includes('"usage":{')))
      .join('')
    // A comment before the hidden event goes with it where the two are one event.
    expect(text(bytes)).toBe(hidden)
    expect(text(bytes)).not.toContain('"usage":{')
  })

  test('is charged as the upstream says, or else by our own count', async () => {
    const user = `writes ${_}`
    upstream.next(script)
    await piecesOf(await stream({ user }))
    const served = upstream.served.get(user)
    const { spend, held } = await customer(user)
    if (served === undefined) expect(spend).toBeGreaterThan(0)
    else {
      const { calls, ...tokens } = served
      expect(calls).toBe(1)
      expect(Math.round(spend * 1e9)).toBe(nanosOf(tokens))
    }
    expect(held).toBe(0)
  })
})

test('each piece is passed on as soon as it comes', async () => {
  const gate = new Gate()
  upstream.next({ deltas: 4, holds: [{ gate, at: { events: 3 } }] })
  const response = await stream()
  const reader = response.body!.getReader()
  let seen = ''
  // The upstream stands still after its third event: what it sent must be here all the same.
  while (!seen.includes(' word')) seen += text((await reader.read()).value!)
  expect(seen).not.toContain('[DONE]')
  gate.open()
  for (let read = await reader.read(); !read.done; read = await reader.read())
    seen += text(read.value)
  expect(seen.endsWith('data: [DONE]\n\n')).toBe(true)
})

test('whoever has read the end finds the charge on disk, even if the server dies at that moment', async () => {
  await using mortal = await startGateway()
  const { bytes } = await piecesOf(await mortal.stream({ user: 'last-byte' }))
  await mortal.server.kill()
  expect(text(bytes)).toContain('[DONE]')
  const { verify } = await import('../../src/store/verify.ts')
  const { rows, charged, faults } = await verify(mortal.server.databasePath)
  const { calls, ...tokens } = mortal.upstream.served.get('last-byte')!
  expect({ rows, charged: Number(charged), faults }).toEqual({
    rows: calls,
    charged: nanosOf(tokens),
    faults: [],
  })
})

test('a client that hangs up stops the upstream, and pays for the prompt and what it was sent', async () => {
  const gate = new Gate()
  upstream.next({ deltas: 20, holds: [{ gate, at: { events: 5 } }] })
  const controller = new AbortController()
  const response = await stream({ user: 'leaver' }, { signal: controller.signal })
  const reader = response.body!.getReader()
  await reader.read()
  await gate.reached
  controller.abort()
  await eventually(() => expect(upstream.calls.at(-1)!.hungUpAfter).not.toBeNull())
  await eventually(async () => expect((await customer('leaver')).spend).toBeGreaterThan(0))
  expect((await customer('leaver')).held).toBe(0)
})

test('an upstream that breaks off is charged for what it delivered, and the client is told', async () => {
  const gate = new Gate()
  const held = { gate, at: { events: 6 } }
  upstream.next({ deltas: 20, holds: [held], dies: { after: { events: 6 } } })
  const response = await stream({ user: 'cut-off' })
  const [here, later] = response.body!.tee()
  // Some of it has come: a death may overtake what is still on its way.
  await here.getReader().read()
  gate.open()
  const { bytes } = await piecesOf(new Response(later))
  const last = text(bytes).trim().split('\n\n').at(-1)!
  expect(JSON.parse(last.slice('data: '.length)).error).toMatchObject({
    type: 'upstream_error',
    code: '502',
  })
  expect(text(bytes)).not.toContain('[DONE]')
  expect((await customer('cut-off')).spend).toBeGreaterThan(0)
})

test('an upstream that breaks off before it has said anything is charged nothing', async () => {
  upstream.next({ dies: { after: { events: 1 } } })
  await piecesOf(await stream({ user: 'unsaid' }))
  expect(await customer('unsaid')).toMatchObject({ spend: 0, held: 0 })
})

test('an upstream that falls silent in its stream is given up after the time-out', async () => {
  await using slow = await startGateway({ params: ['timeout: 0.3'] })
  slow.upstream.next({ deltas: 9, holds: [{ gate: new Gate(), at: { events: 4 } }] })
  const { bytes } = await piecesOf(await slow.stream({ user: 'waiting' }))
  expect(text(bytes)).toContain('timeout_error')
  expect((await slow.customer('waiting')).spend).toBeGreaterThan(0)
})

test('the books balance after all of this', async () => {
  await server.stop()
  const { verify } = await import('../../src/store/verify.ts')
  expect((await verify(server.databasePath)).faults).toEqual([])
})
