import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { verify } from '../../src/store/verify.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { type GatewayOptions, startGateway } from '../support/gateway.ts'
import { chunkOf, connectRaw, headOf } from '../support/raw-connection.ts'
import { listenRaw } from '../support/raw-http.ts'
import { type Server, startServer } from '../support/server.ts'

const CALLS = '/v1/chat/completions'
const STREAMED = JSON.stringify({ model: 'm', user: 'slow', stream: true, messages: [] })
const MB = 1_048_576
/** Far more than the buffers of three sockets take. */
const FLOOD_MB = 120

const residentMb = ({ pid }: Server) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** An upstream whose one answer is a stream of so many megabytes, and what became of it. */
async function floodOf(megabytes: number) {
  const sent = { bytes: 0, pieces: 0, isLeft: false }
  const chunk = (more: object) => `data: ${JSON.stringify({ id: 'x', ...more })}\n\n`
  const piece = Buffer.from(
    chunk({ choices: [{ index: 0, delta: { content: 'a' } }], padding: 'x'.repeat(65_000) }),
  )
  const usage = { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10 }
  const end = Buffer.from(`${chunk({ choices: [], usage })}data: [DONE]\n\n`)
  const server = await listenRaw(async (_, reply) => {
    await reply.head(200, { 'content-type': 'text/event-stream' }, null)
    for (let left = megabytes * MB; left > 0 && reply.isOpen; left -= piece.length) {
      await reply.write(piece)
      sent.bytes += piece.length
      sent.pieces++
    }
    sent.isLeft = !reply.isOpen
    await reply.write(end)
    await reply.end()
  })
  const config = `
model_list:
- model_name: m
  litellm_params: {model: openai/m, api_base: "http://127.0.0.1:${server.port}", api_key: k, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6}
`
  return { sent, config, [Symbol.asyncDispose]: () => server.close() }
}

/** A client that asks for that stream and reads nothing of it. */
async function deafClient(server: Server) {
  const client = await connectRaw(server)
  client.pause()
  await client.send(`${headOf(server, CALLS, `content-length: ${STREAMED.length}`)}${STREAMED}`)
  return client
}

/** Resolves when a number that grows has not grown for a while. */
async function standstill(read: () => number): Promise<number> {
  let last = -1
  let same = 0
  await eventually(
    () => {
      same = read() === last ? same + 1 : 0
      last = read()
      if (same < 60) throw new Error('it still grows')
    },
    { deadlineMs: 15_000 },
  )
  return last
}

const RUNTIMES: [string, () => string[]][] = [
  ['Bun', () => SOURCE],
  ['Deno', () => [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')]],
]

describe.each(RUNTIMES)('on %s', (_, commandOf) => {
  const start = (options: GatewayOptions = {}) => startGateway({ command: commandOf(), ...options })

  test('a client that reads nothing stops the upstream, not fills the server, and then gets all', async () => {
    await using flood = await floodOf(FLOOD_MB)
    await using server = await startServer({ command: commandOf(), config: flood.config })
    const before = residentMb(server)
    using client = await deafClient(server)
    const stoppedAt = await standstill(() => flood.sent.bytes)
    expect(stoppedAt).toBeWithin(1, 40 * MB)
    expect(residentMb(server) - before).toBeLessThan(80)
    client.resume()
    await eventually(() => expect(client.received()).toBeGreaterThan(FLOOD_MB * MB), {
      deadlineMs: 20_000,
    })
    await eventually(() => expect(client.tail()).toContain('data: [DONE]'))
    expect(client.text().match(/"content":"a"/g)).toHaveLength(flood.sent.pieces)
  })

  test('a client that never reads is given up: the upstream is let go, the call is charged', async () => {
    await using flood = await floodOf(FLOOD_MB)
    await using server = await startServer({
      command: commandOf(),
      config: `${flood.config}tollgate_settings: {client_idle_timeout: 0.5}\n`,
    })
    using client = await deafClient(server)
    await eventually(() => expect(flood.sent.isLeft).toBe(true), { deadlineMs: 10_000 })
    await eventually(async () => {
      const { json } = await server.ask('/customer/info?end_user_id=slow')
      expect(json.spend).toBeGreaterThan(0)
    })
    client.resume()
    await client.closed
    expect(client.text()).not.toContain('[DONE]')
    expect(await server.stop()).toBe(0)
    const { rows, faults } = await verify(server.databasePath)
    expect([rows, faults]).toEqual([1, []])
  })

  test('a body that is too large is a 413, whatever it says of its length', async () => {
    await using gateway = await start({ settings: 'tollgate_settings: {max_body_mb: 1}\n' })
    const { server } = gateway
    for (const path of [CALLS, '/customer/new']) {
      for (const framing of [`content-length: ${2 * MB}`, 'transfer-encoding: chunked']) {
        using client = await connectRaw(server)
        await client.send(headOf(server, path, framing))
        const body = 'a'.repeat(2 * MB)
        await client.send(framing.startsWith('content') ? body : `${chunkOf(body)}0\r\n\r\n`)
        await eventually(() => expect(client.text()).toContain('"code":"413"}}'))
        expect(client.text()).toStartWith('HTTP/1.1 413')
      }
    }
    expect((await gateway.chat()).status).toBe(200)
  })

  test('a body without end is not kept, and does not come to an end for it', async () => {
    await using gateway = await start({ settings: 'tollgate_settings: {max_body_mb: 1}\n' })
    const { server } = gateway
    const before = residentMb(server)
    const piece = chunkOf('a'.repeat(MB))
    for (const path of [CALLS, '/customer/new']) {
      using client = await connectRaw(server)
      await client.send(headOf(server, path, 'transfer-encoding: chunked'))
      let isClosed = false
      void client.closed.then(() => {
        isClosed = true
      })
      for (let sent = 0; sent < 200 && !isClosed; sent++) {
        await Promise.race([client.send(piece), client.closed])
      }
    }
    expect(residentMb(server) - before).toBeLessThan(60)
    expect((await gateway.chat()).status).toBe(200)
  })

  test('a body that does not come is a 408 after its time, at a byte a second as well', async () => {
    await using gateway = await start({ settings: 'tollgate_settings: {body_timeout: 0.3}\n' })
    const { server } = gateway
    for (const framing of ['content-length: 900', 'transfer-encoding: chunked']) {
      using client = await connectRaw(server)
      await client.send(`${headOf(server, CALLS, framing)}${chunkOf('{')}`)
      await eventually(() => expect(client.text()).toContain('"timeout_error"'))
      expect(client.text()).toStartWith('HTTP/1.1 408')
    }
    expect((await gateway.chat()).status).toBe(200)
  })

  test('headers and addresses without end are refused, and nothing else is hurt', async () => {
    await using gateway = await start()
    const { server } = gateway
    const long = 'a'.repeat(2 * MB)
    const many = Array.from({ length: 5_000 }, (_, n) => `x-${n}: y`)
    for (const head of [
      headOf(server, CALLS, `x-long: ${long}`),
      headOf(server, CALLS, ...many),
      headOf(server, `/${long}`),
      `GET / HTTP/1.1\r\nx-endless: ${long}`,
      '\u0016\u0003\u0001 not HTTP at all\r\n\r\n',
    ]) {
      using client = await connectRaw(server)
      await Promise.race([client.send(head), client.closed])
      await client.closed
      expect(client.text()).toMatch(/^(HTTP\/1\.1 (400|431) |$)/)
    }
    expect((await gateway.chat()).status).toBe(200)
  })

  test('JSON that is made to hurt is a 400 in the common shape, on every route', async () => {
    await using gateway = await start()
    const { server } = gateway
    const nested = `{"a":`.repeat(150_000)
    const deep = `{"user_id":"deep","metadata":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`
    const keys = `{${'"k":1,'.repeat(150_000)}"k":1}`
    for (const path of [CALLS, '/customer/new', '/budget/new']) {
      for (const body of [
        nested,
        deep,
        keys,
        '['.repeat(900_000),
        '"'.repeat(900_000),
        '{"a":\u0000}',
      ]) {
        const { status, json } = await server.ask(path, { method: 'POST', body })
        expect([path, status, json?.error.code]).toEqual([path, 400, '400'])
      }
    }
    expect((await gateway.chat()).status).toBe(200)
  })
})
