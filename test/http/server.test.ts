import { describe, expect, spyOn, test } from 'bun:test'
import { type AnyElysia, Elysia, t } from 'elysia'
import { Refusal } from '../../src/errors.ts'
import { gatewayWith, MASTER_KEY } from './gateway.ts'

describe('the master key', () => {
  test.each<[string, Record<string, string>]>([
    ['Authorization: Bearer', { authorization: `Bearer ${MASTER_KEY}` }],
    ['bearer in lower case', { authorization: `bearer  ${MASTER_KEY}` }],
    ['Authorization without Bearer', { authorization: MASTER_KEY }],
    ['x-api-key', { 'x-api-key': MASTER_KEY }],
    ['api-key', { 'api-key': MASTER_KEY }],
  ])('opens a route as %s', async (_, headers) => {
    expect((await gatewayWith().get('/models', headers)).status).toBe(200)
  })

  test.each<[string, Record<string, string>, string]>([
    ['none', {}, 'No API key was sent'],
    ['an empty one', { authorization: 'Bearer ' }, 'No API key was sent'],
    ['an empty header', { 'x-api-key': '' }, 'No API key was sent'],
    ['a wrong one', { authorization: 'Bearer sk-guess-9876' }, 'is not valid'],
    ['a part of it', { 'x-api-key': MASTER_KEY.slice(0, -1) }, 'is not valid'],
    ['it and more', { 'x-api-key': `${MASTER_KEY}5` }, 'is not valid'],
  ])('%s is a 401 that says so and does not repeat it', async (_, headers, says) => {
    const { status, json, headers: sent } = await gatewayWith().get('/models', headers)
    expect(status).toBe(401)
    expect(json.error).toMatchObject({ type: 'auth_error', param: null, code: '401' })
    expect(json.error.message).toContain(says)
    expect(json.error.message).not.toContain('sk-')
    expect(sent.get('www-authenticate')).toBe('Bearer')
  })

  test('a path that does not exist is no easier to find out about than one that does', async () => {
    const { get } = gatewayWith()
    expect((await get('/nope', {})).status).toBe(401)
    expect((await get('/customer/new', {})).status).toBe(401)
  })

  test('nothing is done without it', async () => {
    const { post, store } = gatewayWith()
    expect((await post('/customer/new', { user_id: 'a' }, {})).status).toBe(401)
    expect(store.findCustomer('a')).toBeNull()
    expect(store.commits).toEqual([])
  })

  test.each(['/health/liveliness', '/health/liveness', '/health/readiness', '/docs', '/docs/json'])(
    '%s needs none',
    async (path) => {
      expect((await gatewayWith().get(path, {})).status).toBe(200)
    },
  )

  test('a metered path looks after its key itself', async () => {
    const { post } = gatewayWith()
    expect((await post('/v1/chat/completions', { model: 'demo' }, {})).status).toBe(200)
  })

  test('a short Host header does not make a guarded path look like an open one', async () => {
    const { app } = gatewayWith()
    for (const url of ['http://abc/models/docs', 'http://a/xy/models/docs', 'http://x/models']) {
      expect((await app.handle(new Request(url))).status).toBe(401)
    }
    const headers = { 'x-api-key': MASTER_KEY }
    expect((await app.handle(new Request('http://llm/customer/list', { headers }))).status).toBe(
      200,
    )
  })
})

describe('failures', () => {
  test('a path that does not exist is named, with the nearest that does', async () => {
    const { status, json } = await gatewayWith().get('/customer/inof')
    expect(status).toBe(404)
    expect(json.error).toEqual({
      message: 'No such path: /customer/inof; did you mean /customer/info?',
      type: 'invalid_request_error',
      param: null,
      code: '404',
    })
  })

  test.each([
    ['/customer/new', 'GET', 'POST'],
    ['/v1/models/a', 'DELETE', 'GET'],
    ['/customer/list', 'POST', 'GET'],
  ])('%s by %s says that it takes %s', async (path, method, takes) => {
    const headers = { 'x-api-key': MASTER_KEY }
    const answer = await gatewayWith().send(path, { method, headers })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(takes)
    expect(answer.json.error.message).toBe(`${path} takes ${takes}, not ${method}`)
    expect(answer.json.error.type).toBe('invalid_request_error')
  })

  // A row is a body that is no JSON object, and what is said of it.
  test.each<[string, string | Uint8Array<ArrayBuffer>, string]>([
    ['broken', '{"user_id": "a"', 'The body is not valid JSON'],
    ['empty', '', 'The body is empty'],
    ['blank', ' \n', 'The body is empty'],
    ['a list', '[]', 'The body must be an object, got []'],
    ['null', 'null', 'The body must be an object, got null'],
    ['false', 'false', 'The body must be an object, got false'],
    ['a list in a list in a list …', '['.repeat(60_000), 'The body is nested more than'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'The body is not valid UTF-8'],
    ['cut off in a character', new Uint8Array([0x22, 0xe2, 0x82]), 'The body is not valid UTF-8'],
  ])('a body that is %s is a 400', async (_, body, says) => {
    const headers = { 'x-api-key': MASTER_KEY, 'content-type': 'application/json' }
    const answer = await gatewayWith().send('/customer/new', { method: 'POST', headers, body })
    expect(answer.status).toBe(400)
    expect(answer.json.error.type).toBe('invalid_request_error')
    expect(answer.json.error.message).toContain(says)
  })

  test('a body is JSON whatever its content type says', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
      const headers = { 'x-api-key': MASTER_KEY, 'content-type': type }
      const init = { method: 'POST', headers, body: '{"user_id":"a"}' }
      expect((await gatewayWith().send('/customer/new', init)).status).toBe(200)
    }
  })

  test('a body too large is a 413, and read no further than four times the limit', async () => {
    let pulled = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++
        controller.enqueue(new Uint8Array(100_000).fill(0x20))
      },
    })
    const headers = { 'x-api-key': MASTER_KEY }
    const answer = await gatewayWith().send('/customer/new', { method: 'POST', headers, body })
    expect(answer.status).toBe(413)
    expect(pulled).toBeLessThan(50)
  })

  test('a mistake of ours is a bare 500, and whole in the log', async () => {
    const log = spyOn(console, 'error').mockImplementation(() => {})
    try {
      const calls = new Elysia().get('/broken', () => {
        throw new TypeError('secret.path is not a function')
      }) as AnyElysia
      const { status, json } = await gatewayWith({ calls }).get('/broken')
      expect(status).toBe(500)
      expect(json.error).toMatchObject({ type: 'api_error', param: null, code: '500' })
      expect(JSON.stringify(json)).not.toContain('secret')
      expect(log).toHaveBeenCalledTimes(1)
      expect(String(log.mock.calls[0]![0])).toContain('secret.path is not a function')
    } finally {
      log.mockRestore()
    }
  })

  test("a refusal's status, headers and shape are the client's, and its cause is not", async () => {
    const calls = new Elysia().get('/refused', () => {
      throw new Refusal('overloaded', 'Too many at once', {
        cause: new Error('secret'),
        headers: { 'retry-after': '3' },
      })
    }) as AnyElysia
    const { status, json, headers } = await gatewayWith({ calls }).get('/refused')
    expect(status).toBe(503)
    expect(headers.get('retry-after')).toBe('3')
    expect(json).toEqual({
      error: { message: 'Too many at once', type: 'overloaded', param: null, code: '503' },
    })
  })
})

test('a schema of the older typebox, in a route of Elysia, is refused in our shape', async () => {
  const calls = new Elysia().post('/typed', ({ body }) => body, {
    body: t.Object({ amount: t.Number() }),
  }) as AnyElysia
  const { status, json } = await gatewayWith({ calls }).post('/typed', { amount: 'x' })
  expect(status).toBe(400)
  expect(json.error).toMatchObject({ type: 'invalid_request_error', param: 'amount', code: '400' })
})

describe('health', () => {
  test.each(['/health/liveliness', '/health/liveness'])(
    '%s speaks as LiteLLM does',
    async (path) => {
      const { status, json } = await gatewayWith({ isReady: () => false }).get(path, {})
      expect([status, json]).toEqual([200, "I'm alive!"])
    },
  )

  test('readiness is healthy while the store can write', async () => {
    const { status, json } = await gatewayWith().get('/health/readiness', {})
    expect([status, json]).toEqual([200, { status: 'healthy', db: 'connected' }])
  })

  test('readiness is a 503 while it cannot, in both shapes', async () => {
    const { status, json, headers } = await gatewayWith({ isReady: () => false }).get(
      '/health/readiness',
      {},
    )
    expect(status).toBe(503)
    expect(json).toMatchObject({ status: 'unhealthy', error: { type: 'overloaded', code: '503' } })
    expect(headers.get('retry-after')).toBe('1')
  })
})
