import { afterAll, describe, expect, test } from 'bun:test'
import type { Socket } from 'bun'
import { rowsOf } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { startPassage } from '../support/target.ts'

const passage = await startPassage((at) => [
  `path: /rerank, target: "${at}/v1/rerank", headers: {Authorization: bearer co-secret}`,
  `path: /files, target: "${at}/deep/files", include_subpath: true, forward_headers: true, headers: {x-team: search}`,
  `path: /posts, target: "${at}/posts", methods: [POST]`,
  'path: /down, target: "http://127.0.0.1:1"',
  `path: /slow, target: "${at}/slow", timeout: 0.2`,
])
const { at, server, target } = passage
afterAll(() => passage[Symbol.asyncDispose]())

describe('a request', () => {
  test('goes to the target with its body and the headers of the config, without our key', async () => {
    const { status, text } = await server.ask('/rerank?top=3', {
      json: { query: 'ü' },
      headers: { 'x-custom': 'mine', cookie: 'a=b', accept: 'application/json' },
    })
    expect([status, text]).toEqual([200, 'fine'])
    const { method, path, headers, body } = target.last()
    expect([method, path]).toEqual(['POST', '/v1/rerank?top=3'])
    expect(JSON.parse(body.toString())).toEqual({ query: 'ü' })
    expect(headers.get('authorization')).toBe('bearer co-secret')
    expect(headers.get('content-type')).toBe('application/json')
    expect(headers.get('accept')).toBe('application/json')
    for (const name of ['x-custom', 'cookie', 'x-api-key']) expect(headers.has(name)).toBe(false)
    expect(headers.get('host')).toBe(new URL(at).host)
  })

  test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])('may be a %s', async (method) => {
    await server.ask('/rerank', { method })
    expect(target.last().method).toBe(method)
  })

  test('keeps its other headers where the config says so, but for keys and hops', async () => {
    await server.ask('/files', {
      headers: {
        authorization: `Bearer ${server.key}`,
        'x-api-key': 'other-key-1',
        'x-custom': 'mine',
        'x-hop': 'one',
        connection: 'x-hop',
        cookie: 'a=b',
        te: 'trailers',
        'x-team': 'theirs',
      },
    })
    const { headers } = target.last()
    expect(headers.get('x-custom')).toBe('mine')
    expect(headers.get('x-team')).toBe('search')
    for (const name of ['authorization', 'x-api-key', 'cookie', 'te', 'x-hop']) {
      expect(headers.has(name), name).toBe(false)
    }
  })

  test('below the path goes below the target, only where the config says so', async () => {
    await server.ask('/files/a%20b/c?x=%2F')
    expect(target.last().path).toBe('/deep/files/a%20b/c?x=%2F')
    await server.ask('/files/a/')
    expect(target.last().path).toBe('/deep/files/a/')
    const before = target.received.length
    expect((await server.ask('/rerank/more')).status).toBe(404)
    expect(target.received.length).toBe(before)
  })

  test('with another method than those of the config is a 405', async () => {
    expect((await server.ask('/posts', { json: {} })).status).toBe(200)
    const { status, json } = await server.ask('/posts')
    expect(status).toBe(405)
    expect(json.error.message).toContain('/posts takes POST')
  })
})

describe('both ways it is streamed', () => {
  test('an answer comes as the target sends it', async () => {
    const gate = new Gate()
    target.answer = () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(Buffer.from('first'))
            await gate.wait(new Promise(() => {}))
            controller.enqueue(Buffer.from('second'))
            controller.close()
          },
        }),
        { headers: { 'content-type': 'text/event-stream', 'x-own': 'yes' } },
      )
    const response = await server.fetch('/rerank')
    const reader = response.body!.getReader()
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('first')
    gate.open()
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('second')
    expect((await reader.read()).done).toBe(true)
    expect(response.headers.get('x-own')).toBe('yes')
    target.answer = () => new Response('fine')
  })

  test('a body goes as the client sends it', async () => {
    const came = Promise.withResolvers<void>()
    target.onPiece = () => came.resolve()
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('first'))
        await came.promise
        controller.enqueue(Buffer.from('second'))
        controller.close()
      },
    })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await server.ask('/rerank', init)).status).toBe(200)
    expect(target.last().body.toString()).toBe('firstsecond')
    target.onPiece = () => {}
  })

  test('a client that leaves is gone for the target too', async () => {
    target.answer = () =>
      new Response(new ReadableStream({ start: (c) => c.enqueue(Buffer.from('1')) }))
    const controller = new AbortController()
    const response = await server.fetch('/rerank', { signal: controller.signal })
    await response.body!.getReader().read()
    const call = target.last()
    controller.abort()
    await eventually(() => expect(call.hungUp).toBe(true))
    target.answer = () => new Response('fine')
  })
})

test('an answer counts as a call in flight to its end, and is broken where the target breaks off', async () => {
  const sockets: Socket[] = []
  const breaking = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        sockets.push(socket)
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n')
      },
    },
  })
  await using narrow = await startPassage(
    (at) => [
      `path: /breaks, target: "http://127.0.0.1:${breaking.port}"`,
      `path: /fine, target: "${at}"`,
    ],
    ['max_calls_in_flight: 1'],
  )
  const reader = (await narrow.server.fetch('/breaks')).body!.getReader()
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('some')
  expect((await narrow.server.ask('/fine')).status).toBe(503)
  sockets[0]!.terminate()
  await expect(reader.read()).rejects.toThrow()
  await eventually(async () => expect((await narrow.server.ask('/fine')).status).toBe(200))
  breaking.stop(true)
})

describe('an answer', () => {
  test('is passed on with its status, its redirects not followed', async () => {
    const before = target.received.length
    target.answer = () => new Response(null, { status: 302, headers: { location: '/elsewhere' } })
    const { status, headers } = await server.ask('/rerank', { redirect: 'manual' })
    expect([status, headers.get('location'), target.received.length]).toEqual([
      302,
      '/elsewhere',
      before + 1,
    ])
    target.answer = () => new Response('no such thing', { status: 418 })
    expect(await server.ask('/rerank')).toMatchObject({ status: 418, text: 'no such thing' })
    target.answer = () => new Response(null, { status: 204 })
    expect((await server.ask('/rerank', { method: 'DELETE' })).status).toBe(204)
    target.answer = () => new Response('fine')
  })

  test('is asked for uncompressed, and readable if it is compressed all the same', async () => {
    const packed = Bun.gzipSync(Buffer.from('packed'))
    target.answer = () => new Response(packed, { headers: { 'content-encoding': 'gzip' } })
    const gzip = { headers: { 'accept-encoding': 'gzip' } }
    expect((await server.ask('/files', gzip)).text).toBe('packed')
    expect(target.last().headers.get('accept-encoding')).toBe('identity')
    target.answer = () => new Response('fine')
  })

  test('that does not come is a 502, or a 504 after the time of the config', async () => {
    const down = await server.ask('/down')
    expect(down.status).toBe(502)
    expect(down.json.error.message).toBe('The target of `/down` cannot be reached.')
    const never = new Gate()
    target.answer = async () => {
      await never.wait(new Promise(() => {}))
      return new Response('late')
    }
    const slow = await server.ask('/slow')
    expect(slow.status).toBe(504)
    expect(slow.json.error.message).toBe('The target of `/slow` sent nothing for 0.2 s.')
    never.open()
    target.answer = () => new Response('fine')
  })
})

test('a body that is too large is a 413, declared or not', async () => {
  const large = Buffer.alloc(1_000_001 * 1.1)
  expect((await server.ask('/rerank', { method: 'POST', body: large })).status).toBe(413)
  const body = new Blob([large]).stream()
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit
  const status = await server.ask('/rerank', init).then(({ status }) => status)
  expect(status).toBe(413)
})

test('nothing of it is in the books, and the start says so', async () => {
  expect(rowsOf(server.databasePath, 'SELECT * FROM ledger')).toEqual([])
  expect(server.output()).toContain('what is sent to /rerank goes to')
  expect(server.output()).not.toContain('co-secret')
})
