import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { exchange } from '../support/raw-client.ts'
import { type Server, startServer } from '../support/server.ts'

/**
 * What is no HTTP never reaches Tollgate: Bun answers it with a status alone, or hangs up. These
 * tables say which, so that a later Bun that lets more through does not go unnoticed.
 */
let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const KEY = 'authorization: Bearer sk-test'
const HOST = 'host: localhost'

async function send(lines: readonly string[], body = '') {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1')
  const { answers, end } = await exchange(Number(new URL(server.url).port), bytes)
  expect(end).toBe('closed')
  return answers.map(({ status, body, headers }) => ({
    status,
    headers,
    text: new TextDecoder().decode(body),
  }))
}

const get = (path: string, ...headers: string[]) => [
  `GET ${path} HTTP/1.1`,
  HOST,
  KEY,
  'connection: close',
  ...headers,
]

/** A row is a request that Bun refuses by itself, and with what; null: it hangs up. */
test.each<[string, number | null, string[]]>([
  ['a request line that is none', 400, ['FOO']],
  ['a path without a slash', 400, ['GET models HTTP/1.1', HOST, KEY]],
  ['the asterisk form', 400, ['OPTIONS * HTTP/1.1', HOST, KEY]],
  ['no version', 505, ['GET /models', HOST, KEY]],
  ['a version to come', 505, ['GET /models HTTP/3.0', HOST, KEY]],
  ['a space in the path', 505, ['GET /mod els HTTP/1.1', HOST, KEY]],
  ['NUL in the path', 505, ['GET /mod\0els HTTP/1.1', HOST, KEY]],
  ['a method of nobody', null, ['BREW /models HTTP/1.1', HOST, KEY]],
  ['a method in lower case', null, ['get /models HTTP/1.1', HOST, KEY]],
  ['no Host', 400, ['GET /models HTTP/1.1', KEY]],
  ['a header without a colon', 400, get('/models', 'no colon here')],
  ['a space in the name of a header', 400, get('/models', 'x y: 1')],
  ['a space before the colon', 400, get('/models', 'x : 1')],
  ['NUL in a header', 400, get('/models', 'x: a\0b')],
  ['CR in a header', 400, get('/models', 'x: a\rb')],
  ['LF in a header', 400, get('/models', 'x: a\nb')],
  ['a folded header', 400, get('/models', 'x: a', ' b')],
  ['a header of 20 kB', 431, get('/models', `x: ${'a'.repeat(20_000)}`)],
  ['a path of 20 kB', 431, get(`/${'a'.repeat(20_000)}`)],
  ['300 headers', 431, get('/models', ...Array<string>(300).fill('x: a'))],
])('%s is refused by Bun itself with %p', async (_, status, lines) => {
  const answers = await send(lines)
  expect(answers.map((answer) => answer.status)).toEqual(status === null ? [] : [status])
  for (const { text } of answers) expect(text).toBe('')
  expect((await server.ask('/health/liveness')).status).toBe(200)
})

describe('a body whose end two readers could see in two places', () => {
  const body = '{"user_id":"outer"}'
  const length = `content-length: ${body.length}`
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  /** What an attacker would hide behind the end that only one of two servers sees. */
  const hidden = [
    'POST /customer/new HTTP/1.1',
    HOST,
    KEY,
    'content-length: 22',
    '',
    '{"user_id":"smuggled"}',
  ].join('\r\n')
  const post = (...headers: string[]) => ['POST /customer/new HTTP/1.1', HOST, KEY, ...headers]

  test.each<[string, string[], string]>([
    ['a length and chunks', [length, 'transfer-encoding: chunked'], `0\r\n\r\n${hidden}`],
    ['chunks and a length', ['transfer-encoding: chunked', length], `0\r\n\r\n${hidden}`],
    ['two lengths', [length, 'content-length: 3'], `${body}${hidden}`],
    ['a list of lengths', [`${length}, ${body.length}`], `${body}${hidden}`],
    ['a negative length', ['content-length: -1'], `${body}${hidden}`],
    ['a signed length', [`content-length: +${body.length}`], `${body}${hidden}`],
    ['a length that is no number', ['content-length: abc'], `${body}${hidden}`],
    ['a length past 2^64', [`content-length: ${'9'.repeat(30)}`], `${body}${hidden}`],
    ['an encoding of nobody', ['transfer-encoding: xchunked'], `${chunked}${hidden}`],
    ['an encoding and chunks', ['transfer-encoding: gzip, chunked'], `${chunked}${hidden}`],
    ['chunks twice', Array<string>(2).fill('transfer-encoding: chunked'), `${chunked}${hidden}`],
    ['identity and a length', ['transfer-encoding: identity', length], `${body}${hidden}`],
    ['a chunk without a size', ['transfer-encoding: chunked'], `zz\r\n${body}\r\n${hidden}`],
    ['a chunk past 2^64', ['transfer-encoding: chunked'], `${'f'.repeat(18)}\r\n${body}${hidden}`],
    ['a chunk of -1', ['transfer-encoding: chunked'], `-1\r\n${body}\r\n0\r\n\r\n${hidden}`],
  ])('%s: refused, and what is hidden in it is not done', async (_, headers, wire) => {
    const answers = await send(post(...headers), wire)
    expect(answers.map(({ status }) => status)).toEqual([400])
    const { json } = await server.ask('/customer/list')
    expect(json).toEqual([])
  })
})

describe('a Host that is none', () => {
  const HOSTS = ['', '[::', 'x/docs?', 'user:pw@x', 'x:99999', 'é', '%2f', 'a b', '//docs']

  test.each(HOSTS)('%p hinders no route that takes a query', async (host) => {
    const [info] = await send([
      'GET /customer/info?end_user_id=nobody HTTP/1.1',
      `host: ${host}`,
      KEY,
      'connection: close',
    ])
    expect(info?.status).toBe(404)
    expect(JSON.parse(info!.text).error.message).toBe('End User Id=nobody does not exist in db')
  })

  test.each(HOSTS)('%p opens no path to somebody without a key', async (host) => {
    // Each ends like a path that is open.
    for (const path of ['/models/docs', '/models/health/liveness', '/v1/models/chat/completions']) {
      const [answer] = await send([`GET ${path} HTTP/1.1`, `host: ${host}`, 'connection: close'])
      expect([path, answer?.status]).toEqual([path, 401])
    }
  })
})

test('bytes in an address that are no ASCII are read as something, and harm nobody', async () => {
  for (const path of ['/\xff\xfe', '/customer/\xe9', '/models/\xff?\xff=\xfe']) {
    const [answer] = await send(get(path))
    expect(answer?.status).toBe(404)
    expect(JSON.parse(answer!.text).error.code).toBe('404')
  }
  const [found] = await send(get('/customer/list?search=\xff'))
  expect([found?.status, found?.text]).toEqual([200, '[]'])
})

test('a load balancer that speaks HTTP/1.0 without a Host is answered', async () => {
  const [answer] = await send(['GET /health/readiness HTTP/1.0'])
  expect(answer?.status).toBe(200)
  const [head] = await send(['GET /models HTTP/1.0', KEY])
  expect(head?.status).toBe(200)
})

test('what another origin asks by itself is not allowed: CORS is off', async () => {
  for (const method of ['OPTIONS', 'POST', 'GET']) {
    const [answer] = await send([
      `${method} /customer/list HTTP/1.1`,
      HOST,
      KEY,
      'connection: close',
      'origin: https://evil.example',
      'access-control-request-method: POST',
    ])
    const named = [...answer!.headers.keys()].filter((name) => name.startsWith('access-control'))
    expect([method, named]).toEqual([method, []])
  }
})
