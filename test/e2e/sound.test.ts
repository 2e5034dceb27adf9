import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI, { toFile } from 'openai'
import { verify } from '../../src/store/verify.ts'
import { type BookedRow, bookedOn } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { startGateway } from '../support/gateway.ts'
import { forCustomer, formOf, mediaModels, sound } from '../support/media-calls.ts'
import { TRANSCRIPT, wav } from '../support/media-faces.ts'

/** Sound and pictures in the official client's hands, and speech that does not come to its end. */

const SAID = { input: 'Hello there', voice: 'alloy', response_format: 'pcm' } as const

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('on $on', async ({ command }) => {
  const gateway = await startGateway({ command, settings: mediaModels })
  const { upstream, server } = gateway
  const client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1`, maxRetries: 0 })
  const as = (user: string) => ({ headers: { 'x-litellm-customer-id': user } })

  const rowOn = (user: string): Promise<BookedRow> =>
    eventually(() => {
      const rows = bookedOn(server.databasePath, user)
      expect(rows).toHaveLength(1)
      return rows[0]!
    })

  afterAll(async () => {
    await server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
    await gateway[Symbol.asyncDispose]()
  })

  test('the official client gets pictures, whole and streamed, and edits of them', async () => {
    const ask = { model: 'gpt-image-1', prompt: 'a toll gate', user: 'painter' }
    const { data, usage } = await client.images.generate({ ...ask, n: 2 })
    expect([data?.length, usage?.output_tokens]).toEqual([2, 272])
    const types: string[] = []
    const stream = await client.images.generate({ ...ask, stream: true, partial_images: 1 })
    for await (const event of stream) types.push(event.type)
    expect(types).toEqual(['image_generation.partial_image', 'image_generation.completed'])
    const image = [
      await toFile(new Uint8Array(10), 'a.png'),
      await toFile(new Uint8Array(10), 'b.png'),
    ]
    expect((await client.images.edit({ ...ask, image })).data).toHaveLength(1)
    expect(upstream.calls.at(-1)!.fields).toMatchObject({ prompt: 'a toll gate', user: 'painter' })
    expect(bookedOn(server.databasePath, 'painter')).toHaveLength(3)
  })

  test('the official client gets speech, as bytes and in events', async () => {
    const ask = { model: 'gpt-4o-mini-tts', ...SAID }
    const speech = await client.audio.speech.create(ask, as('speaker'))
    expect((await speech.arrayBuffer()).byteLength).toBe(19_200)
    const events = await client.audio.speech.create({ ...ask, stream_format: 'sse' }, as('speaker'))
    expect(await events.text()).toContain('speech.audio.done')
    expect(bookedOn(server.databasePath, 'speaker')).toHaveLength(2)
  })

  test('the official client gets transcriptions and translations of a file', async () => {
    const file = await toFile(wav(3), 'a.wav')
    const model = 'gpt-4o-transcribe'
    const { text } = await client.audio.transcriptions.create(
      { file, model, timestamp_granularities: ['word'], include: ['logprobs'] },
      as('listener'),
    )
    expect(text).toBe(TRANSCRIPT)
    let streamed = ''
    const asked = { file, model, stream: true } as const
    for await (const event of await client.audio.transcriptions.create(asked, as('listener'))) {
      if (event.type === 'transcript.text.delta') streamed += event.delta
    }
    expect(streamed).toBe(TRANSCRIPT)
    const whisper = { file, model: 'whisper-1', response_format: 'srt' } as const
    expect(await client.audio.transcriptions.create(whisper, as('listener'))).toContain('00:00:03')
    const english = await client.audio.translations.create(
      { file, model: 'whisper-1' },
      as('listener'),
    )
    expect(english.text).toBe(TRANSCRIPT)
    expect(bookedOn(server.databasePath, 'listener')).toHaveLength(4)
  })

  test.each(['tts-1', 'dall-e-3', 'whisper-1'])(
    'a model that only has a price for something else, here %s, is not free to chat with',
    async (model) => {
      const user = `chats with ${model}`
      await server.ask('/customer/new', { json: { user_id: user, max_budget: 1 } })
      const before = upstream.calls.length
      const messages = [{ role: 'user', content: 'Hello' }]
      const { status, json } = await server.ask('/chat/completions', {
        json: { model, user, messages },
      })
      expect([status, json.error.type]).toEqual([400, 'model_not_priced'])
      expect(upstream.calls.length).toBe(before)
    },
  )

  test('a picture that another model makes a drawing of is refused to whoever has a budget', async () => {
    await server.ask('/customer/new', { json: { user_id: 'draws', max_budget: 1 } })
    const json = { model: 'gpt-image-1', prompt: 'a gate', user: 'draws', svg: { model: 'gpt-5' } }
    const refused = await server.ask('/v1/images/generations', { json })
    expect([refused.status, refused.json.error.param]).toEqual([400, 'svg'])
    const unbound = await server.ask('/v1/images/generations', { json: { ...json, user: 'rich' } })
    expect(unbound.status).toBe(200)
  })

  test('speech that breaks off breaks off for its client, who is charged for what came', async () => {
    const gate = new Gate()
    upstream.next({
      deltas: 20,
      holds: [{ gate, at: { events: 10 } }],
      dies: { after: { events: 10 } },
    })
    const json = { model: 'gpt-4o-mini-tts', ...SAID }
    const response = await server.fetch('/audio/speech', forCustomer('cut off', json))
    expect(response.headers.get('content-type')).toBe('audio/mpeg')
    const pieces = piecesOf(response)
    await gate.reached
    gate.open()
    expect((await pieces).isBroken).toBe(true)
    const row = await rowOn('cut off')
    expect(row.outcome).toBe('interrupted')
    // Ten pieces are 48,000 bytes: one second.
    expect(row.charge).toBe(2 * 600 + 21 * 12_000)
  })

  test('speech that its client does not read is not asked for', async () => {
    // 96 MB, far more than the sockets on the way hold.
    upstream.next({ deltas: 20_000 })
    const controller = new AbortController()
    const json = { model: 'tts-1', ...SAID }
    const init = { ...forCustomer('dreams', json), signal: controller.signal }
    const response = await server.fetch('/audio/speech', init)
    await response.body!.getReader().read()
    const call = upstream.calls.at(-1)!
    let sent = -1
    let looks = 0
    await eventually(() => {
      looks = call.sentBytes === sent ? looks + 1 : 0
      sent = call.sentBytes
      // For a fifth of a second: without a bound, all of it would be through by then.
      expect(looks).toBeGreaterThan(40)
    })
    expect(sent).toBeLessThan(48_000_000)
    controller.abort()
    expect(await rowOn('dreams')).toMatchObject({ outcome: 'client_closed', charge: 11 * 15_000 })
  })

  test('speech whose client leaves is charged for the sound that came', async () => {
    const gate = new Gate()
    upstream.next({ deltas: 20, holds: [{ gate, at: { events: 10 } }] })
    const controller = new AbortController()
    const json = { model: 'gpt-4o-mini-tts', ...SAID }
    const init = { ...forCustomer('walks away', json), signal: controller.signal }
    const response = await server.fetch('/audio/speech', init)
    await response.body!.getReader().read()
    await gate.reached
    controller.abort()
    const row = await rowOn('walks away')
    expect(row).toMatchObject({ outcome: 'client_closed', usage_source: 'estimated' })
    expect(row.charge).toBeGreaterThan(2 * 600)
    expect(row.charge).toBeLessThanOrEqual(2 * 600 + 21 * 12_000)
    gate.open()
  })

  test('subtitles and plain text pass as they are, charged by the length of the sound', async () => {
    for (const response_format of ['text', 'srt', 'vtt', 'verbose_json']) {
      const user = `as ${response_format}`
      const form = formOf({ model: 'whisper-1', response_format }, sound())
      upstream.next({ usage: 'absent' })
      const { status, text, headers } = await server.ask(
        '/v1/audio/transcriptions',
        forCustomer(user, form),
      )
      expect([status, text]).toEqual([200, new TextDecoder().decode(upstream.calls.at(-1)!.sent)])
      const isJson = response_format === 'verbose_json'
      expect(headers.get('content-type')).toContain(isJson ? 'application/json' : 'text/plain')
      // A verbose answer has the length, 3.2 s here.
      expect(await rowOn(user)).toMatchObject({
        usage_source: isJson ? 'upstream' : 'estimated',
        charge: isJson ? 320_000 : 300_000,
      })
    }
  })
})
