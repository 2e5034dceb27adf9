import { afterAll, describe, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { type BookedRow, bookedOn } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { startGateway } from '../support/gateway.ts'
import { forCustomer, formOf, mediaModels, photo, sound } from '../support/media-calls.ts'

/** The endpoints for pictures and sound, each as its clients call it, against the double. */

type Call = {
  readonly path: string
  readonly model: string
  readonly body: (more?: object) => object | FormData
  /** Nano-dollars: of what the double reports; null: it reports nothing, ever. */
  readonly told: number | null
  /** Of what we count when it reports nothing. */
  readonly counted: number
  /** Of what a client leaves behind that never got an answer. */
  readonly left: number
  /** What makes it a stream of events; null: nothing does. */
  readonly streams: object | null
}

const PROMPT = { prompt: 'a toll gate', quality: 'low', size: '1024x1024' }
const SAID = { input: 'Hello there', voice: 'alloy', response_format: 'pcm' }

/** The arithmetic is in nano-dollars a unit; published prices are dollars for a million. */
const CALLS: readonly Call[] = [
  {
    path: '/images/generations',
    model: 'gpt-image-1',
    body: (more) => ({ model: 'gpt-image-1', ...PROMPT, ...more }),
    told: 8 * 5_000 + 2 * 10_000 + 272 * 40_000,
    counted: 3 * 5_000 + 272 * 40_000,
    left: 3 * 5_000,
    streams: { stream: true, partial_images: 2 },
  },
  {
    path: '/images/generations',
    model: 'dall-e-3',
    body: (more) => ({ model: 'dall-e-3', prompt: 'a toll gate', quality: 'hd', ...more }),
    told: 80_000_000,
    counted: 80_000_000,
    left: 0,
    streams: null,
  },
  {
    path: '/images/edits',
    model: 'gpt-image-1',
    body: (more) => formOf({ model: 'gpt-image-1', ...PROMPT, ...more }, photo()),
    told: 8 * 5_000 + 2 * 10_000 + 272 * 40_000,
    // A picture that is shown is taken for the largest.
    counted: 3 * 5_000 + 8_192 * 10_000 + 272 * 40_000,
    left: 3 * 5_000 + 8_192 * 10_000,
    streams: { stream: true, partial_images: 2 },
  },
  {
    path: '/audio/speech',
    model: 'tts-1',
    body: (more) => ({ model: 'tts-1', ...SAID, ...more }),
    told: null,
    counted: 11 * 15_000,
    left: 11 * 15_000,
    streams: null,
  },
  {
    path: '/audio/speech',
    model: 'gpt-4o-mini-tts',
    body: (more) => ({ model: 'gpt-4o-mini-tts', ...SAID, ...more }),
    // What comes as bytes tells nothing: 19,200 of PCM are 0.4 s, which are nine tokens.
    told: null,
    counted: 2 * 600 + 9 * 12_000,
    left: 2 * 600,
    streams: { stream_format: 'sse' },
  },
  {
    path: '/audio/transcriptions',
    model: 'whisper-1',
    body: (more) => formOf({ model: 'whisper-1', ...more }, sound()),
    told: 3 * 100_000,
    counted: 3 * 100_000,
    left: 3 * 100_000,
    streams: null,
  },
  {
    path: '/audio/transcriptions',
    model: 'gpt-4o-transcribe',
    body: (more) => formOf({ model: 'gpt-4o-transcribe', ...more }, sound()),
    told: 4 * 2_500 + 30 * 6_000 + 11 * 10_000,
    counted: 30 * 6_000 + 5 * 10_000,
    left: 30 * 6_000,
    streams: { stream: true },
  },
  {
    path: '/audio/translations',
    model: 'whisper-1',
    body: (more) => formOf({ model: 'whisper-1', ...more }, sound()),
    told: 3 * 100_000,
    counted: 3 * 100_000,
    left: 3 * 100_000,
    streams: null,
  },
]

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('on $on', async ({ command }) => {
  const gateway = await startGateway({ command, settings: mediaModels })
  const { upstream, server, customer } = gateway

  const rowOn = (user: string): Promise<BookedRow> =>
    eventually(() => {
      const rows = bookedOn(server.databasePath, user)
      expect(rows).toHaveLength(1)
      return rows[0]!
    })

  const budget = (user: string, dollars: number) =>
    server.ask('/customer/new', { json: { user_id: user, max_budget: dollars } })

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await gateway[Symbol.asyncDispose]()
  })

  describe.each(CALLS)(
    '$path with $model',
    ({ path, model, body, told, counted, left, streams }) => {
      const ask = (user: string, more: object = {}, at = '') =>
        server.ask(`${at}${path}`, forCustomer(user, body(more)))

      test.each(['', '/v1'])('is answered at "%s", and charged', async (at) => {
        const user = `${path} ${model} whole${at}`
        await budget(user, 1)
        const { status, text, headers } = await ask(user, {}, at)
        expect([status, text.length > 0]).toEqual([200, true])
        expect(text).toBe(new TextDecoder().decode(upstream.calls.at(-1)!.sent))
        // It is on disk when the answer is at its end.
        const [row] = bookedOn(server.databasePath, user) as [BookedRow]
        expect(row).toMatchObject({
          outcome: 'ok',
          usage_source: told === null ? 'estimated' : 'upstream',
          charge: told ?? counted,
        })
        expect(headers.get('x-tollgate-call-id')).toBe(row.id)
        expect(await customer(user)).toMatchObject({ held: 0, spend: row.charge / 1e9 })
      })

      test('without usage is counted by us', async () => {
        const user = `${path} ${model} untold`
        upstream.next({ usage: 'absent' })
        expect((await ask(user)).status).toBe(200)
        expect(await rowOn(user)).toMatchObject({ outcome: 'ok', charge: counted })
      })

      test('that the upstream refuses costs nothing', async () => {
        const user = `${path} ${model} refused`
        upstream.next({ status: 500 })
        const { status, json } = await ask(user)
        expect([status, json.error.type]).toEqual([500, 'server_error'])
        expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
      })

      test('that is answered by what is no answer is a 502, and costs nothing', async () => {
        const user = `${path} ${model} nonsense`
        upstream.next({ body: '{"hello":"there"}' })
        expect((await ask(user)).status).toBe(502)
        expect(await rowOn(user)).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
      })

      test('is refused before anything is sent when the budget cannot cover it', async () => {
        const user = `${path} ${model} poor`
        // Less than it costs, and something all the same.
        await budget(user, (Math.min(told ?? counted, counted) - 1) / 1e9)
        const before = upstream.calls.length
        const { status, json } = await ask(user)
        expect([status, json.error.type]).toEqual([429, 'budget_exceeded'])
        expect(upstream.calls.length).toBe(before)
        expect(await customer(user)).toMatchObject({ held: 0, spend: 0 })
      })

      test('of a model without a price is refused to whoever has a budget', async () => {
        const user = `${path} ${model} unpriced`
        await budget(user, 1)
        const { status, json } = await ask(user, { model: 'chisel-1' })
        expect([status, json.error.type]).toEqual([400, 'model_not_priced'])
        expect(json.error.message).toMatch(/_cost_per_(image|second|character)/)
      })

      test('of a client that hangs up while it waits is charged for what it asked with', async () => {
        const user = `${path} ${model} gone`
        const gate = new Gate()
        upstream.next({ holds: [{ gate, at: 'headers' }] })
        const controller = new AbortController()
        const init = { ...forCustomer(user, body()), signal: controller.signal }
        const asked = server.fetch(path, init)
        await gate.reached
        controller.abort()
        await asked.catch(() => {})
        expect(await rowOn(user)).toMatchObject({ outcome: 'client_closed', charge: left })
        expect((await customer(user)).held).toBe(0)
        gate.open()
      })

      if (streams === null) return

      test('streams, byte for byte, and is charged what the upstream reports', async () => {
        const user = `${path} ${model} streamed`
        const init = forCustomer(user, body(streams))
        const { bytes } = await piecesOf(await server.fetch(path, init))
        expect(bytes.equals(Buffer.from(upstream.calls.at(-1)!.sent))).toBe(true)
        const streamed = model.endsWith('tts') ? 5 * 600 + 40 * 12_000 : told
        expect(bookedOn(server.databasePath, user)).toMatchObject([
          { outcome: 'ok', usage_source: 'upstream', charge: streamed },
        ])
      })

      test('streams without usage, and is counted by us', async () => {
        const user = `${path} ${model} streamed untold`
        upstream.next({ usage: 'absent' })
        await piecesOf(await server.fetch(path, forCustomer(user, body(streams))))
        const sketches = model === 'gpt-image-1' ? 2 * 100 * 40_000 : 0
        expect(await rowOn(user)).toMatchObject({
          outcome: 'ok',
          usage_source: 'estimated',
          charge: counted + sketches,
        })
      })

      test('that dies in its stream is charged for what came, and says so last', async () => {
        const user = `${path} ${model} broken`
        const gate = new Gate()
        const at = { events: 2 }
        upstream.next({ holds: [{ gate, at }], dies: { after: at } })
        const response = await server.fetch(path, forCustomer(user, body(streams)))
        const [first, rest] = response.body!.tee()
        // Some of it has come: a death may overtake what is still on its way.
        await first.getReader().read()
        gate.open()
        const text = await new Response(rest).text()
        expect(text.trim().split('\n').at(-1)).toContain('broke off')
        const row = await rowOn(user)
        expect(row).toMatchObject({ outcome: 'interrupted', usage_source: 'estimated' })
        expect(row.charge).toBeGreaterThan(left)
        expect(row.charge).toBeLessThan(Math.max(counted, told ?? 0))
      })

      test('whose client hangs up in the stream is charged for what it was sent', async () => {
        const user = `${path} ${model} left`
        const gate = new Gate()
        upstream.next({ holds: [{ gate, at: { events: 2 } }] })
        const controller = new AbortController()
        const init = { ...forCustomer(user, body(streams)), signal: controller.signal }
        const response = await server.fetch(path, init)
        await response.body!.getReader().read()
        await gate.reached
        controller.abort()
        const row = await rowOn(user)
        expect(row).toMatchObject({ outcome: 'client_closed', usage_source: 'estimated' })
        expect(row.charge).toBeGreaterThanOrEqual(left)
        expect(row.charge).toBeLessThan(Math.max(counted, told ?? 0))
        gate.open()
      })
    },
  )
})
