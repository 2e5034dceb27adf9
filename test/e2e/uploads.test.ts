import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verify } from '../../src/store/verify.ts'
import { bookedOn } from '../support/books.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/server.ts'
import { spooledBy } from '../support/spooled.ts'

/** Files that are too large for memory. */

const MB = 1024 * 1024
const HEAD = new TextEncoder().encode(
  '--b\r\ncontent-disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n',
)
const TAIL = new TextEncoder().encode(
  '\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n' +
    '--b\r\ncontent-disposition: form-data; name="user"\r\n\r\nlarge\r\n--b--\r\n',
)

/** A third of the file, and more than the garbage that waits to be collected. */
const GROWTH_MB_MAX = 60

/** A second of MP3 at 128 kbit/s and 44.1 kHz, about: 38 frames of silence. */
const SECOND = Buffer.concat(
  Array.from({ length: 38 }, () =>
    Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0]), Buffer.alloc(413)]),
  ),
)

/**
 * A form whose file is so large. Whole, with its length: Bun's own streams crawl when their reader
 * takes its time, so that the test would measure those.
 */
const formOf = (megabytes: number): Blob => {
  const seconds = Math.ceil((megabytes * MB) / SECOND.length)
  return new Blob([HEAD, ...Array.from({ length: seconds }, () => SECOND), TAIL])
}

/** An upstream that keeps nothing of what it is sent but its length and its digest. */
function startSink() {
  const got: { bytes: number; type: string }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    maxRequestBodySize: 1024 * MB,
    async fetch(request) {
      let bytes = 0
      const hash = createHash('sha256')
      for await (const piece of request.body ?? []) {
        bytes += piece.length
        hash.update(piece)
      }
      got.push({ bytes, type: request.headers.get('content-type') ?? '' })
      return Response.json({ text: 'long', usage: { type: 'duration', seconds: 3_900 } })
    },
  })
  return { got, url: `http://127.0.0.1:${server.port}/v1`, stop: () => server.stop(true) }
}

const configOf = (url: string) => `
model_list:
  - model_name: whisper-1
    litellm_params: {model: openai/whisper-1, api_base: "${url}", api_key: k}
tollgate_settings: {max_upload_mb: 200}
`

/** The most that a process had in memory, megabytes. */
const memoryMaxOf = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024
}

const upload = (body: Blob | ReadableStream): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'multipart/form-data; boundary=b' },
})

const PATH = '/v1/audio/transcriptions'

test.each([
  ['Bun', SOURCE],
  ['Deno', [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')]],
])(
  'on %s a file passes through flat memory, however large, and cost their length',
  async (_, command) => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-uploads-'))
    const sink = startSink()
    const env = { TMPDIR: folder }
    await using server = await startServer({ config: configOf(sink.url), command, env })
    await server.ask('/customer/new', { json: { user_id: 'large', max_budget: 10 } })
    expect((await server.ask(PATH, upload(formOf(60)))).status).toBe(200)
    const most = memoryMaxOf(server.pid)
    expect((await server.ask(PATH, upload(formOf(180)))).status).toBe(200)
    expect(memoryMaxOf(server.pid) - most).toBeLessThan(GROWTH_MB_MAX)
    expect(sink.got[1]!.bytes).toBeGreaterThan(180 * MB)
    expect(bookedOn(server.databasePath, 'large')).toMatchObject([
      { charge: 390_000_000 },
      { charge: 390_000_000 },
    ])
    expect(readdirSync(folder)).toEqual([])
    sink.stop()
    rmSync(folder, { recursive: true })
  },
)

test('a form that takes too long to arrive is a 408, and leaves nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-uploads-'))
  const limits = 'tollgate_settings: {body_timeout: 0.1, max_upload_mb: 1}\n'
  const config = `${configOf('http://127.0.0.1:9/v1').replace(/tollgate_settings.*\n/, '')}${limits}`
  const env = { TMPDIR: folder }
  await using server = await startServer({ config, command: SOURCE, env })
  const endless = new ReadableStream({ start: (controller) => controller.enqueue(HEAD) })
  const { status, json } = await server.ask(PATH, upload(endless))
  expect([status, json.error.type]).toEqual([408, 'timeout_error'])
  await eventually(() => expect(spooledBy(server.pid)).toEqual([]))
  expect(readdirSync(folder)).toEqual([])
  rmSync(folder, { recursive: true })
})

test('a server that is killed in the midst of an upload charges nothing, and the next removes what is left', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-uploads-'))
  const sink = startSink()
  const env = { TMPDIR: folder }
  writeFileSync(join(folder, 'tollgate-upload-left-by-an-earlier-one'), 'x')
  await using server = await startServer({ config: configOf(sink.url), command: SOURCE, env })
  expect(readdirSync(folder)).toEqual([])
  const endless = new ReadableStream({ start: (controller) => controller.enqueue(HEAD) })
  const asked = server.fetch(PATH, upload(endless)).catch(() => null)
  await eventually(() => expect(spooledBy(server.pid)[0]).toEndWith('(deleted)'))
  await server.kill()
  await asked
  expect(readdirSync(folder)).toEqual([])
  const { faults } = await verify(server.databasePath)
  expect(faults).toEqual([])
  expect(sink.got).toEqual([])
  sink.stop()
  rmSync(folder, { recursive: true })
})
