import { afterAll, describe, expect, test } from 'bun:test'
import { exchange } from '../support/raw-client.ts'
import { startServer } from '../support/server.ts'
import { startPassage } from '../support/target.ts'

const passage = await startPassage((at) => [
  `path: /rerank, target: "${at}/v1/rerank"`,
  `path: /files, target: "${at}/deep/files", include_subpath: true, keys: true`,
  `path: /posts, target: "${at}/posts", methods: [POST]`,
])
const { at, server, target } = passage
afterAll(() => passage[Symbol.asyncDispose]())

async function virtualKey(more: object = {}): Promise<string> {
  const { json } = await server.ask('/key/generate', { json: more })
  return json.key as string
}

const as = (key: string) => ({ authorization: `Bearer ${key}` })

describe('a path that could lead out of the target is refused', () => {
  test.each([
    '/files/..%2f..%2fadmin',
    '/files/%2e%2e%2fadmin',
    '/files/%252e%252e%252fadmin',
    '/files/a%5c..%5cadmin',
    '/files/a%2fb',
    '/files/a%00b',
    '/files/%zz',
    '/files/%ff',
  ])('%s', async (path) => {
    const before = target.received.length
    const { status, json } = await server.ask(path)
    expect(status).toBe(400)
    expect(json.error.type).toBe('invalid_request_error')
    expect(target.received.length).toBe(before)
  })

  test('or is another path, which is closed like every other', async () => {
    const before = target.received.length
    const key = await virtualKey()
    // `fetch` itself resolves the dots; a raw client need not.
    const lines = [
      'GET /files/../customer/list HTTP/1.1',
      'host: x',
      'connection: close',
      `authorization: Bearer ${key}`,
    ]
    const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
    const { answers } = await exchange(Number(new URL(server.url).port), bytes)
    expect(answers[0]!.status).toBeGreaterThanOrEqual(400)
    expect(Buffer.from(answers[0]!.body).toString()).not.toContain('user_id')
    expect(target.received.length).toBe(before)
  })
})

describe('who may', () => {
  test('nobody without a key, whatever the method', async () => {
    const before = target.received.length
    for (const path of ['/rerank', '/files', '/files/x', '/posts']) {
      const headers = { authorization: '' }
      expect((await server.ask(path, { headers })).status).toBe(401)
      expect((await server.ask(path, { headers, method: 'PUT' })).status).toBe(401)
    }
    expect((await server.ask('/files', { headers: as('sk-wrong') })).status).toBe(401)
    expect(target.received.length).toBe(before)
  })

  test('a virtual key only where the config says so', async () => {
    const headers = as(await virtualKey())
    expect((await server.ask('/files/x', { headers })).status).toBe(200)
    expect(target.last().headers.has('authorization')).toBe(false)
    const { status, json } = await server.ask('/rerank', { headers })
    expect(status).toBe(403)
    expect(json.error.message).toContain('`/rerank` is not open to virtual keys')
  })

  test('no key that is bound or only reports, for nothing of it would be counted', async () => {
    const before = target.received.length
    for (const more of [
      { max_budget: 1 },
      { models: ['demo'] },
      { customer_id: 'alice' },
      { key_type: 'read_only' },
    ]) {
      const headers = as(await virtualKey(more))
      expect((await server.ask('/files', { headers })).status).toBe(403)
    }
    expect(target.received.length).toBe(before)
  })

  test('nobody who names a customer', async () => {
    for (const name of ['x-litellm-customer-id', 'x-litellm-end-user-id', 'X-Shop-User']) {
      const { status, json } = await server.ask('/rerank', { headers: { [name]: 'alice' } })
      expect(status).toBe(400)
      expect(json.error.message).toContain('is not metered')
    }
  })
})

test('a path of ours cannot be given away', async () => {
  for (const path of ['/customer', '/v1/chat/completions', '/docs', '/models/x', '/v1']) {
    const config = `
model_list: [{model_name: demo, litellm_params: {model: demo/demo}}]
general_settings:
  pass_through_endpoints: [{path: ${path}, target: "${at}", include_subpath: true}]
`
    const start = startServer({ config }).then((started) => started[Symbol.asyncDispose]())
    await expect(start, path).rejects.toThrow(`${path} is in the way of`)
  }
})
