import { afterAll, describe, expect, test } from 'bun:test'
import { constants, copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { piecesOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, run, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { statusFrom } from '../support/from-address.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, nanosOf, startGateway } from '../support/gateway.ts'
import { newFolder } from '../support/store.ts'

/**
 * The main job, the same for each way to run Tollgate: what works from the source must work from
 * the bundle, on the other runtime, and as one file that has nothing beside it.
 */
const ways: [name: string, command: () => string[]][] = [
  ['the source on Bun', () => SOURCE],
  ['the bundle on Bun', () => [process.execPath, built('tollgate.js')]],
  ['the bundle on Deno', () => [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')]],
  ['the executable, alone in a folder', () => [executableAlone()]],
]

const ALONE = newFolder()
afterAll(() => rmSync(ALONE, { recursive: true, force: true }))

function executableAlone(): string {
  const path = join(ALONE, 'tollgate')
  if (readdirSync(ALONE).length === 0) {
    copyFileSync(built('tollgate'), path, constants.COPYFILE_FICLONE)
  }
  return path
}

/** The gateway of the tests of one way: started by the first that needs it. */
function shared(command: () => string[]): () => Promise<Gateway> {
  let gateway: Promise<Gateway> | null = null
  return () => (gateway ??= startGateway({ command: command() }))
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe.each(ways)('%s', (_, command) => {
  const started = shared(command)
  const tollgate = async (...args: string[]) =>
    run([...command(), ...args], { folder: newFolder() })

  test('answers a call, and puts it on the tab', async () => {
    const { chat, customer } = await started()
    const { status, json, headers } = await chat()
    expect(status).toBe(200)
    expect(json.choices[0].message.content).toBe('Hello! How can I help you today?')
    const cost = nanosOf({ input: 6, output: 7 }) / 1e9
    expect(Number(headers.get('x-tollgate-cost'))).toBe(cost)
    expect(await customer('alice')).toMatchObject({ spend: cost, held: 0, blocked: false })
  })

  test('has the console in it, with all that its page names', async () => {
    const { server } = await started()
    const page = await (await fetch(`${server.url}/ui/customers/alice`)).text()
    const named = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((found) => found[1]!)
    expect(named).toHaveLength(2)
    for (const path of named) {
      const asset = await (await fetch(`${server.url}${path}`)).text()
      expect(asset.length, path).toBeGreaterThan(5_000)
    }
  })

  test('passes a stream on byte for byte, an emoji cut in the middle too', async () => {
    const { stream, customer, upstream } = await started()
    upstream.next({ text: 'Grüezi 👩‍🚀 ok', deltas: 4, writes: { bytes: 5 } })
    const asked = { user: 'streamer', stream_options: { include_usage: true } }
    const response = await stream(asked)
    expect(response.headers.get('content-type')).toStartWith('text/event-stream')
    const { bytes, isBroken } = await piecesOf(response)
    expect(isBroken).toBe(false)
    expect(text(bytes)).toBe(text(upstream.calls.at(-1)!.sent))
    const { calls: _, ...tokens } = upstream.served.get('streamer')!
    expect(Math.round((await customer('streamer')).spend * 1e9)).toBe(nanosOf(tokens))
  })

  test('passes each piece on as it comes, and the end only when it is there', async () => {
    const { stream, upstream } = await started()
    const gate = new Gate()
    upstream.next({ deltas: 4, holds: [{ gate, at: { events: 3 } }] })
    const reader = (await stream()).body!.getReader()
    let seen = ''
    while (!seen.includes(' word')) seen += text((await reader.read()).value!)
    expect(seen).not.toContain('[DONE]')
    gate.open()
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      seen += text(read.value)
    }
    expect(seen).toEndWith('data: [DONE]\n\n')
  })

  test('counts by itself what an upstream does not report', async () => {
    const { chat, customer, upstream } = await started()
    upstream.next({ usage: 'absent' })
    expect((await chat({ user: 'counted' })).status).toBe(200)
    expect((await customer('counted')).spend).toBeGreaterThan(0)
  })

  test('refuses a call that the budget does not cover, and sends nothing upstream', async () => {
    const { server, chat, upstream } = await started()
    await server.ask('/customer/new', { json: { user_id: 'broke', max_budget: '0' } })
    const before = upstream.calls.length
    const { status, json, headers } = await chat({ user: 'broke' })
    expect([status, json.error.type, json.error.code]).toEqual([429, 'budget_exceeded', '429'])
    expect(headers.get('x-should-retry')).toBe('false')
    expect(upstream.calls.length).toBe(before)
  })

  test('refuses a wrong key, a bad body and an unknown path in the common shape', async () => {
    const { server, chat } = await started()
    const wrongKey = await chat({}, { headers: { authorization: 'Bearer sk-wrong' } })
    const bad = await server.ask('/v1/chat/completions', { method: 'POST', body: '{"model"' })
    const nowhere = await server.ask('/v1/nowhere')
    const told = [wrongKey, bad, nowhere].map(({ status, json }) => [status, json.error.code])
    expect(told).toEqual([
      [401, '401'],
      [400, '400'],
      [404, '404'],
    ])
  })

  test('takes a call with a virtual key, and counts wrong keys by the address they come from', async () => {
    const { server, chat, customer } = await started()
    const { json } = await server.ask('/key/generate', { json: { customer_id: 'keyed' } })
    const headers = { authorization: `Bearer ${json.key}` }
    expect((await chat({ user: 'not-this-one' }, { headers })).status).toBe(200)
    expect((await customer('keyed')).spend).toBeGreaterThan(0)

    const from = (address: string, key: string) => statusFrom(address, `${server.url}/models`, key)
    const statuses: number[] = []
    for (let n = 0; n < 21; n++) statuses.push(await from('127.0.0.2', 'sk-wrong'))
    expect(statuses).toEqual([...Array(20).fill(401), 429])
    expect(await from('127.0.0.3', 'sk-wrong')).toBe(401)
    expect(await from('127.0.0.2', json.key)).toBe(200)
  })

  test('settles the call of a client that hangs up', async () => {
    const { stream, customer, upstream } = await started()
    const gate = new Gate()
    upstream.next({ deltas: 20, holds: [{ gate, at: { events: 5 } }] })
    const controller = new AbortController()
    const response = await stream({ user: 'leaver' }, { signal: controller.signal })
    await response.body!.getReader().read()
    await gate.reached
    controller.abort()
    await eventually(() => expect(upstream.calls.at(-1)!.hungUpAfter).not.toBeNull())
    await eventually(async () => {
      const { spend, held } = await customer('leaver')
      expect(spend).toBeGreaterThan(0)
      expect(held).toBe(0)
    })
  })

  test('has its documentation, with the script that the page needs', async () => {
    const { server } = await started()
    const page = await fetch(`${server.url}/docs`)
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ])
    const html = await page.text()
    const sources = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, source]) => source!)
    expect(sources.length).toBeGreaterThanOrEqual(3)
    for (const source of sources) {
      const asset = await fetch(`${server.url}${source}`)
      expect([source, asset.status]).toEqual([source, 200])
      expect((await asset.text()).length).toBeGreaterThan(50)
    }
    const { status, json } = await server.ask('/docs/json')
    expect(status).toBe(200)
    expect(Object.keys(json.paths)).toContain('/v1/chat/completions')
  })

  test('finishes the call in flight when it is told to stop, and exits with 0', async () => {
    const { server, stream, upstream } = await started()
    const gate = new Gate()
    upstream.next({ deltas: 9, holds: [{ gate, at: { events: 4 } }] })
    const answer = piecesOf(await stream({ user: 'last' }))
    await gate.reached
    const stopped = server.stop()
    await eventually(() => expect(server.output()).toContain('stopping'))
    gate.open()
    const { bytes, isBroken } = await answer
    expect([text(bytes).endsWith('data: [DONE]\n\n'), isBroken]).toEqual([true, false])
    expect(await stopped).toBe(0)
  })

  test('wrote nothing that was not its own, and its books balance', async () => {
    const { server, upstream } = await started()
    const { code, out } = await tollgate('verify', '--db', server.databasePath)
    expect(out).toMatch(
      /^The books balance: 7 customers, \d+ ledger rows, [\d.]+ dollars charged\.\n$/,
    )
    expect(code).toBe(0)
    expect(server.output()).toMatch(/^Tollgate \S+ is listening on http:\/\/127\.0\.0\.1:\d+\n/m)
    expect(server.output()).not.toContain('"level":"error"')
    await upstream.stop()
  })

  test('check prints what a config would serve; with a mistake, where it is, and exits with 1', async () => {
    const { server } = await started()
    const good = await tollgate('check', '--config', join(server.folder, 'config.yaml'))
    expect(good.out).toContain('gpt-4o-mini -> openai/gpt-4o-mini at 127.0.0.1')
    expect(good.out).toContain('input $3')
    expect(good.code).toBe(0)
    const bad = await tollgate('check', '--config', join(server.folder, 'none.yaml'))
    expect([bad.code, bad.out]).toEqual([1, ''])
    expect(bad.errors).toContain('none.yaml')
  })

  test('--version and --help say what they should', async () => {
    const { out: version, code } = await tollgate('--version')
    expect(version).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(code).toBe(0)
    const { out: help } = await tollgate('--help')
    for (const word of ['serve', 'check', 'verify', '--config FILE', '--port', 'WEBHOOK_URL']) {
      expect(help).toContain(word)
    }
  })

  test('with nothing at all it serves the demo model', async () => {
    const { startServer } = await import('../support/server.ts')
    await using demo = await startServer({ command: command() })
    const messages = [{ role: 'user', content: 'what time is it' }]
    const { status, json } = await demo.ask('/chat/completions', {
      json: { model: 'demo', user: 'ishaan3', messages },
    })
    expect([status, json.model]).toEqual([200, 'demo'])
    expect(await demo.stop()).toBe(0)
  })
})
