import { describe, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { openBlackHole } from '../support/black-hole.ts'
import { bookedOn } from '../support/books.ts'
import { dataOf, piecesOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { counted, FAULTS, isNothing } from '../support/faults.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, nanosOf, startGateway } from '../support/gateway.ts'
import { startReceiver } from '../support/receiver.ts'

/** Usage that cannot be true, and is then counted by ourselves. */
const WRONG_USAGE: readonly [string, unknown][] = [
  ['missing', 'absent'],
  ['null', null],
  ['negative', { prompt_tokens: -6, completion_tokens: 8, total_tokens: 2 }],
  ['absurd', { prompt_tokens: 6, completion_tokens: 1e15, total_tokens: 1e15 }],
  ['broken', { prompt_tokens: 6.5, completion_tokens: 8 }],
  ['text', { prompt_tokens: '6', completion_tokens: 'eight' }],
  ['half there', { prompt_tokens: 6 }],
]

const TIMES = [
  'timeout: 0.4',
  'idle_timeout: 0.3',
  'total_timeout: 1.5',
  'connect_timeout: 0.2',
] as const

const bookedOnce = (gateway: Gateway, user: string) => {
  const rows = bookedOn(gateway.server.databasePath, user)
  expect(rows).toHaveLength(1)
  return rows[0]!
}

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('on $on, an upstream that', async ({ command }) => {
  const gateway = await startGateway({ command, params: TIMES })
  const { upstream, chat, stream, customer } = gateway

  for (const { what, script, plain } of FAULTS) {
    if (plain === null) continue
    const { status, type, says, usage = isNothing } = plain
    test(`${what}: the client is told ${status}`, async () => {
      const user = `plain ${what}`
      upstream.always(script)
      const told = await chat({ user })
      expect(told.status).toBe(status)
      expect(told.json.error).toMatchObject({ message: expect.stringMatching(says) })
      expect(told.json.error).toMatchObject({ code: String(status), ...(type ? { type } : {}) })
      expect(told.text).not.toContain('sk-upstream')
      expect(bookedOnce(gateway, user)).toMatchObject({ outcome: 'upstream_failed', ...usage })
      expect((await customer(user)).held).toBe(0)
    })
  }

  for (const { what, script, stream: streamed } of FAULTS) {
    if (streamed === null) continue
    const { status, says, usage } = streamed
    test(`${what}, when a stream was asked for: ${status === 200 ? 'its last event says so' : status}`, async () => {
      const user = `stream ${what}`
      upstream.always(script)
      const response = await stream({ user })
      const { bytes } = await piecesOf(response)
      const text = new TextDecoder().decode(bytes)
      expect(response.status).toBe(status)
      if (status !== 200) {
        expect(JSON.parse(text).error).toMatchObject({ message: expect.stringMatching(says) })
      } else {
        const last = dataOf(text).at(-1)!
        const error = last.startsWith('{') ? JSON.parse(last).error : null
        expect(error === null ? last : error.message).toMatch(says)
      }
      const row = bookedOnce(gateway, user)
      expect(row).toMatchObject(usage ?? {})
      const delivered = text.match(/"content":"[^"]/g)?.length ?? 0
      if (usage === undefined && delivered === 0) expect(row).toMatchObject(isNothing)
      if (delivered > 0) expect(row).toMatchObject(counted(delivered))
      expect((await customer(user)).held).toBe(0)
    })
  }

  test.each(WRONG_USAGE)('tells usage that is %s: it is counted', async (_, usage) => {
    const user = `usage ${_}`
    upstream.next({ deltas: 8, usage }, { deltas: 8, usage })
    const { status } = await chat({ user })
    const plain = bookedOnce(gateway, user)
    await piecesOf(await stream({ user: `${user} stream` }))
    expect(status).toBe(200)
    expect(plain).toMatchObject({ outcome: 'ok', ...counted(8) })
    expect(bookedOnce(gateway, `${user} stream`)).toMatchObject({ outcome: 'ok', ...counted(8) })
  })

  test.each([{ isStream: false }, { isStream: true }])(
    'compresses what it was asked not to (%p): the client gets it as it was',
    async ({ isStream }) => {
      const user = `compressed ${isStream}`
      upstream.always({ deltas: 8, isGzip: true })
      const { bytes } = await piecesOf(await stream({ user, stream: isStream }))
      expect(new TextDecoder().decode(bytes)).toContain(isStream ? '[DONE]' : 'Word word')
      const usage = { input: 6, output: 8 }
      expect(bookedOnce(gateway, user)).toMatchObject({ ...usage, charge: nanosOf(usage) })
    },
  )

  test.each(
    [301, 302, 307, 308].flatMap((status) => [
      [status, false],
      [status, true],
    ]) as [number, boolean][],
  )('redirects with %d (streamed: %p): nobody is followed', async (status, isStream) => {
    await using elsewhere = await startReceiver()
    const user = `redirects ${status} ${isStream}`
    upstream.always({ status, body: '', headers: { location: elsewhere.url } })
    const told = await chat({ user, stream: isStream })
    expect(told.json.error.message).toContain(`answered ${status}`)
    expect([told.status, elsewhere.requests.length]).toEqual([502, 0])
    expect(bookedOnce(gateway, user)).toMatchObject(isNothing)
  })

  test.each([
    ['sends more than anybody could want', false],
    ['sends a bomb: little that unpacks to very much', true],
  ])('%s: it is given up, and nothing is charged', async (what, isGzip) => {
    await using patient = await startGateway({ command })
    patient.upstream.next({ body: new Uint8Array(130 * 1024 * 1024).fill(0x20), isGzip })
    const told = await patient.chat({ user: what })
    expect([told.status, told.json.error.type]).toEqual([502, 'upstream_error'])
    expect(bookedOnce(patient, what)).toMatchObject(isNothing)
  })

  test('asks to wait: that is passed on', async () => {
    upstream.always({ status: 429, headers: { 'retry-after': '7' } })
    expect((await chat()).headers.get('retry-after')).toBe('7')
  })

  test('refuses connections: 502, and nothing is charged', async () => {
    const port = new URL(upstream.url).port
    await upstream.stop()
    for (const isStream of [false, true]) {
      const user = `refused ${isStream}`
      const told = await chat({ user, stream: isStream })
      expect(told.status).toBe(502)
      expect(told.json.error).toMatchObject({ type: 'upstream_error', code: '502' })
      expect(told.json.error.message).toContain('cannot be reached')
      expect(told.json.error.message).not.toContain(port)
      expect(bookedOnce(gateway, user)).toMatchObject(isNothing)
    }
  })

  test('the books balance after all of that', async () => {
    await gateway.server.stop()
    expect((await verify(gateway.server.databasePath)).faults).toEqual([])
    await gateway[Symbol.asyncDispose]()
  })

  test('takes no connection: told after connect_timeout, not after timeout', async () => {
    using hole = await openBlackHole()
    const params = [`api_base: ${hole.url}`, 'model: openai/gpt-4o', 'timeout: 60', TIMES[3]]
    await using behind = await startGateway({
      command,
      params: [TIMES[3]],
      settings: `\n  - {model_name: nowhere, litellm_params: {${params.join(', ')}, api_key: k}}\n`,
    })
    for (const isStream of [false, true]) {
      const user = `lost ${isStream}`
      const told = await behind.chat({ user, model: 'nowhere', stream: isStream })
      expect([told.status, told.json.error.type]).toEqual([504, 'timeout_error'])
      expect(told.json.error.message).toContain('could not be connected to within 0.2 s')
      expect(bookedOnce(behind, user)).toMatchObject(isNothing)
    }
    // One that only thinks for longer than that is left to think.
    const gate = new Gate()
    behind.upstream.next({ holds: [{ gate, at: 'headers' }] })
    const slow = behind.chat({ user: 'slow' })
    await gate.reached
    await behind.chat({ user: 'lost', model: 'nowhere' })
    gate.open()
    expect((await slow).status).toBe(200)
  })
})
