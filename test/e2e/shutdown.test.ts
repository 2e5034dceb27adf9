import { describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { verify } from '../../src/store/verify.ts'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type GatewayOptions, startGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** A gateway with a stream under way, of which the client has the beginning. */
async function gatewayInStream(options: GatewayOptions = {}) {
  const gateway = await startGateway(options)
  const gate = new Gate()
  gateway.upstream.next({ deltas: 9, holds: [{ gate, at: { events: 4 } }] })
  const answer = piecesOf(await gateway.stream({ user: 'in flight' }))
  await gate.reached
  const isStopping = () => eventually(() => expect(gateway.server.output()).toContain('stopping'))
  return { gateway, gate, answer, isStopping }
}

describe('being told to stop', () => {
  test('no new call is taken, on a new connection or an old one, and the stream is finished', async () => {
    const { gateway, gate, answer, isStopping } = await gatewayInStream()
    await using _ = gateway
    await gateway.chat({ user: 'before' })
    const { server, upstream } = gateway
    const before = upstream.calls.length
    const stopped = server.stop()
    await isStopping()
    for (let i = 0; i < 3; i++) {
      const late = await gateway.chat({ user: 'late' }).then(
        ({ status }) => status,
        () => 'refused',
      )
      expect(late).not.toBe(200)
    }
    expect(upstream.calls.length).toBe(before)
    gate.open()
    const { bytes, isBroken } = await answer
    expect([text(bytes).endsWith('data: [DONE]\n\n'), isBroken]).toEqual([true, false])
    expect(await stopped).toBe(0)
  })

  test('a second time, a second later, cuts off what is in flight', async () => {
    const { gateway, answer, isStopping } = await gatewayInStream()
    await using _ = gateway
    const stopped = gateway.server.stop()
    await isStopping()
    await eventually(
      () => {
        process.kill(gateway.server.pid, 'SIGINT')
        expect(gateway.server.output()).toContain('cut off')
      },
      { deadlineMs: 10_000 },
    )
    expect(await stopped).toBe(0)
    expect(text((await answer).bytes)).toContain('overloaded')
  })

  test('twice at once changes nothing: the stream is still finished', async () => {
    const { gateway, gate, answer, isStopping } = await gatewayInStream()
    await using _ = gateway
    const first = gateway.server.stop()
    await isStopping()
    const second = gateway.server.stop()
    process.kill(gateway.server.pid, 'SIGINT')
    gate.open()
    expect(text((await answer).bytes)).toEndWith('data: [DONE]\n\n')
    expect(await Promise.all([first, second])).toEqual([0, 0])
    expect(gateway.server.output().match(/stopping/g)).toHaveLength(1)
  })

  test('SIGINT is as good as SIGTERM', async () => {
    await using server = await startServer()
    process.kill(server.pid, 'SIGINT')
    await eventually(() => expect(server.output()).toContain('stopping'))
    expect(await server.stop()).toBe(0)
  })

  test('a stream that never ends is cut off after shutdown_timeout, and charged', async () => {
    const { gateway, answer } = await gatewayInStream({
      settings: 'tollgate_settings: {shutdown_timeout: 0.3}\n',
    })
    await using _ = gateway
    const { server } = gateway
    const startedAt = performance.now()
    expect(await server.stop()).toBe(0)
    expect(performance.now() - startedAt).toBeWithin(250, 5_000)
    const { bytes } = await answer
    const last = text(bytes).trim().split('\n\n').at(-1)!
    expect(JSON.parse(last.slice('data: '.length)).error).toMatchObject({
      type: 'overloaded',
      code: '503',
    })
    await expectOneCharge(server.databasePath)
  })

  test('a call that the upstream never answers is cut off too, and costs nothing', async () => {
    await using gateway = await startGateway({
      settings: 'tollgate_settings: {shutdown_timeout: 0}\n',
    })
    const { server, upstream } = gateway
    upstream.next({ isSilent: true })
    const answer = gateway.chat({ user: 'waiting' })
    await eventually(() => expect(upstream.calls).toHaveLength(1))
    expect(await server.stop()).toBe(0)
    const { status, json } = await answer
    expect([status, json.error.type]).toEqual([503, 'overloaded'])
    const { charged, faults } = await verify(server.databasePath)
    expect({ charged: Number(charged), faults }).toEqual({ charged: 0, faults: [] })
  })

  test('a client that does not read does not keep the server from stopping, and is charged', async () => {
    await using gateway = await startGateway({
      settings: 'tollgate_settings: {shutdown_timeout: 0.2}\n',
    })
    const { server, upstream } = gateway
    // More than the buffers on the way can take.
    upstream.next({ deltas: 100_000 })
    await using _client = await deafClient(server.url)
    expect(await server.stop()).toBe(0)
    await expectOneCharge(server.databasePath)
  })

  test('a client that hung up just before is charged all the same', async () => {
    await using gateway = await startGateway()
    const { server, upstream } = gateway
    const gate = new Gate()
    upstream.next({ deltas: 20, holds: [{ gate, at: { events: 5 } }] })
    const controller = new AbortController()
    const response = await gateway.stream({ user: 'leaver' }, { signal: controller.signal })
    await response.body!.getReader().read()
    await gate.reached
    controller.abort()
    expect(await server.stop()).toBe(0)
    await expectOneCharge(server.databasePath)
  })
})

async function expectOneCharge(databasePath: string) {
  const { rows, charged, faults } = await verify(databasePath)
  expect({ rows, faults }).toEqual({ rows: 1, faults: [] })
  expect(charged).toBeGreaterThan(0)
}

/** Asks for a stream, and stops reading at its first piece. Not `fetch`, which reads on by itself. */
async function deafClient(url: string): Promise<AsyncDisposable> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    user: 'deaf',
    stream: true,
    messages: [{ role: 'user', content: 'Say much' }],
  })
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer sk-test\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const begun = Promise.withResolvers<void>()
  socket.once('error', begun.reject)
  socket.once('data', () => {
    socket.pause()
    begun.resolve()
  })
  await begun.promise
  return {
    async [Symbol.asyncDispose]() {
      socket.destroy()
    },
  }
}
