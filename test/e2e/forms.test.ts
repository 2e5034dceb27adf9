import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bookedOn } from '../support/books.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { forCustomer, formOf, mediaModels, sound } from '../support/media-calls.ts'
import { wav } from '../support/media-faces.ts'
import { spooledBy } from '../support/spooled.ts'

/** Forms with files: read to disk, sent on from there, and then gone, whatever they hold. */

const PATH = '/v1/audio/transcriptions'
const MB = 1024 * 1024

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('on $on', ({ command }) => {
  /** Where the server has its temporary files. */
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-forms-'))
  let gateway: Gateway

  beforeAll(async () => {
    const env = { TMPDIR: folder }
    const limit = 'tollgate_settings: {max_upload_mb: 1}\n'
    gateway = await startGateway({
      command,
      env,
      settings: (upstream) =>
        `${mediaModels(upstream)}  - {model_name: patient, litellm_params: {num_retries: 1, ` +
        `model: openai/whisper-1, api_base: "${upstream.url}", api_key: k}}\n${limit}`,
    })
  })

  afterAll(async () => {
    expect(await gateway.server.stop()).toBe(0)
    expect(readdirSync(folder)).toEqual([])
    await gateway[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  const send = (body: string | Uint8Array<ArrayBuffer> | FormData, type?: string) =>
    gateway.server.ask(PATH, {
      method: 'POST',
      body,
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
    })

  test('may name their customer and model after the file', async () => {
    const form = formOf({ model: 'whisper-1', user: 'in the form', language: 'de' }, sound())
    expect((await send(form)).status).toBe(200)
    expect(bookedOn(gateway.server.databasePath, 'in the form')).toMatchObject([
      { charge: 300_000, model: 'whisper-1' },
    ])
  })

  test.each([
    ['litellm_metadata', '{"user":"$"}'],
    ['litellm_metadata[user]', '$'],
    ['metadata[user_id]', '$'],
    ['metadata', '{"user_id":"$"}'],
    ['safety_identifier', '$'],
  ])('may name their customer in %s, which its upstream does not see', async (field, value) => {
    const user = `by ${field}`
    const form = formOf({ model: 'whisper-1', [field]: value.replace('$', user) }, sound())
    expect((await send(form)).status).toBe(200)
    expect(bookedOn(gateway.server.databasePath, user)).toHaveLength(1)
    expect(Object.keys(gateway.upstream.calls.at(-1)!.fields!).sort()).toEqual(['file', 'model'])
  })

  test('go on with their files byte for byte, and all fields but what must differ', async () => {
    const file = sound()
    const form = formOf({ model: 'renamed', language: 'de' }, file)
    form.append('timestamp_granularities[]', 'word')
    form.append('timestamp_granularities[]', 'segment')
    form.append('prompt', 'Zöllner, 😀\r\n--x\r\n')
    expect((await send(form)).status).toBe(200)
    const { body, headers } = gateway.upstream.calls.at(-1)!
    const sent = await new Response(Buffer.from(body), {
      headers: { 'content-type': headers.get('content-type')! },
    }).formData()
    expect(sent.get('model')).toBe('gpt-4o')
    expect(sent.get('language')).toBe('de')
    expect(sent.getAll('timestamp_granularities[]')).toEqual(['word', 'segment'])
    expect(sent.get('prompt')).toBe('Zöllner, 😀\r\n--x\r\n')
    const got = sent.get('file') as unknown as File
    expect(Buffer.from(await got.arrayBuffer()).equals(Buffer.from(wav(3)))).toBe(true)
    expect(got.type).toBe('audio/x-wav')
    expect(got.name.replaceAll('%22', '"')).toBe(file.name)
  })

  test('have a file with no name while the call is under way, and none after it', async () => {
    const gate = new Gate()
    gateway.upstream.next({ holds: [{ gate, at: 'headers' }] })
    const asked = send(formOf({ model: 'whisper-1' }, sound()))
    await gate.reached
    expect(readdirSync(folder)).toEqual([])
    gate.open()
    expect((await asked).status).toBe(200)
    await eventually(() => expect(spooledBy(gateway.server.pid)).toEqual([]))
  })

  const part = (disposition: string, text: string) =>
    `--b\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`
  const file = part('name="file"; filename="a.wav"', 'RIFF')
  const model = part('name="model"', 'whisper-1')
  const many = (count: number, disposition: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => part(disposition(at), 'x')).join('')

  test.each<[string, string, string, number]>([
    ['JSON', '{"model":"whisper-1"}', 'application/json', 400],
    ['a form without a boundary', `${file}--b--\r\n`, 'multipart/form-data', 400],
    ['a boundary that never comes', 'hello', 'multipart/form-data; boundary=b', 400],
    ['an end that never comes', `${model}${file}`, 'multipart/form-data; boundary=b', 400],
    ['nothing', '', 'multipart/form-data; boundary=b', 400],
    ['no file', `${model}--b--\r\n`, 'multipart/form-data; boundary=b', 400],
    ['no model', `${file}--b--\r\n`, 'multipart/form-data; boundary=b', 400],
    ['a model twice', `${model}${model}${file}--b--\r\n`, 'multipart/form-data; boundary=b', 400],
    ['a file twice', `${model}${file}${file}--b--\r\n`, 'multipart/form-data; boundary=b', 400],
    [
      'thousands of fields',
      `${model}${file}${many(3_000, (at) => `name="f${at}"`)}--b--\r\n`,
      'multipart/form-data; boundary=b',
      400,
    ],
    [
      'thousands of files',
      `${model}${many(3_000, (at) => `name="f${at}"; filename="${at}"`)}--b--\r\n`,
      'multipart/form-data; boundary=b',
      400,
    ],
    [
      'a name as long as a book',
      `${model}${file}${part(`name="${'n'.repeat(5_000)}"`, 'x')}--b--\r\n`,
      'multipart/form-data; boundary=b',
      400,
    ],
    [
      'headers without an end',
      `${model}--b\r\ncontent-disposition: form-data; name="x"; ${'y'.repeat(100_000)}`,
      'multipart/form-data; boundary=b',
      400,
    ],
    [
      'a name that is everybody’s ancestor',
      `${part('name="__proto__"', '{"model":"whisper-1"}')}${file}--b--\r\n`,
      'multipart/form-data; boundary=b',
      400,
    ],
    [
      'a stream that is neither yes nor no',
      `${model}${file}${part('name="stream"', 'maybe')}--b--\r\n`,
      'multipart/form-data; boundary=b',
      400,
    ],
    [
      'more than is taken',
      `${model}${part('name="file"; filename="a"', 'x'.repeat(1.5 * MB))}--b--\r\n`,
      'multipart/form-data; boundary=b',
      413,
    ],
    [
      'far more than is taken',
      `${model}${part('name="file"; filename="a"', 'x'.repeat(3 * MB))}--b--\r\n`,
      'multipart/form-data; boundary=b',
      413,
    ],
  ])('with %s are refused in words', async (_, body, type, status) => {
    const before = gateway.upstream.calls.length
    const { json, ...told } = await send(body, type)
    expect([told.status, json.error.type]).toEqual([status, 'invalid_request_error'])
    expect(json.error.message.length).toBeGreaterThan(15)
    expect(gateway.upstream.calls.length).toBe(before)
    await eventually(() => expect(spooledBy(gateway.server.pid)).toEqual([]))
  })

  test('whose client leaves in the midst of them leave nothing', async () => {
    const controller = new AbortController()
    const body = new ReadableStream<Uint8Array>({
      start: (sink) => sink.enqueue(new TextEncoder().encode(`${model}${file.slice(0, -2)}`)),
    })
    const asked = gateway.server.fetch(PATH, {
      method: 'POST',
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      signal: controller.signal,
    })
    await eventually(() => expect(spooledBy(gateway.server.pid)).toHaveLength(1))
    controller.abort()
    await asked.catch(() => {})
    await eventually(() => expect(spooledBy(gateway.server.pid)).toEqual([]))
  })

  test('are answered once for an `Idempotency-Key`, and not for another file', async () => {
    const { server, upstream } = gateway
    const keyed = (file: File) => {
      const { body } = forCustomer('', formOf({ model: 'whisper-1', user: 'repeats' }, file))
      const headers = { 'idempotency-key': 'one' }
      return server.ask(PATH, { method: 'POST', body: body as FormData, headers })
    }
    const first = await keyed(sound())
    const before = upstream.calls.length
    const again = await keyed(sound())
    expect([again.status, again.text]).toEqual([200, first.text])
    expect(again.headers.get('x-tollgate-replayed')).toBe('true')
    const other = await keyed(new File([wav(2)], sound().name, { type: 'audio/wav' }))
    expect([other.status, other.json.error.type]).toEqual([422, 'idempotency_error'])
    expect(upstream.calls.length).toBe(before)
    expect(bookedOn(server.databasePath, 'repeats')).toHaveLength(1)
  })

  test('are sent again from disk when the upstream says that it did nothing', async () => {
    gateway.upstream.next({ status: 503 })
    const before = gateway.upstream.calls.length
    expect((await send(formOf({ model: 'patient', user: 'twice' }, sound()))).status).toBe(200)
    const [first, second] = gateway.upstream.calls.slice(before)
    expect(first!.body.length).toBe(second!.body.length)
    expect(second!.fields).toMatchObject({ model: 'whisper-1', file: expect.any(File) })
    expect(bookedOn(gateway.server.databasePath, 'twice')).toHaveLength(1)
  })
})
