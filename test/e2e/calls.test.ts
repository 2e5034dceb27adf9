import { describe, expect, test } from 'bun:test'
import { startGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'

const gateway = await startGateway({
  settings: `
general_settings:
  user_header_mappings:
    - {header_name: X-Tenant, litellm_user_role: customer}
  user_header_name: X-Name
`,
})
const { upstream, server, chat, customer } = gateway

describe('what the upstream gets', () => {
  test('is the client’s own bytes when nothing has to differ', async () => {
    const body =
      '{"model": "gpt-4o-mini",  "user":"bytes", "seed": 123456789, "temperature":1.0,\n"messages":[{"role":"user","content":"h\\u00e9 🙂"}]}'
    await server.ask('/v1/chat/completions', { method: 'POST', body })
    expect(new TextDecoder().decode(upstream.calls.at(-1)!.body)).toBe(body)
  })

  test('has all fields, also those that we have never heard of, when some have to differ', async () => {
    const fields = {
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      response_format: { type: 'json_object' },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'JSON: what is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          ],
        },
      ],
      seed: 7,
      logprobs: true,
      metadata: { user_id: 'somebody', ticket: '17' },
      prediction: { type: 'content', content: 'x' },
    }
    await chat({ model: 'renamed', litellm_metadata: { user: 'x' }, ...fields })
    const { json } = upstream.calls.at(-1)!
    expect(json).toEqual({ model: 'gpt-4o', user: 'alice', ...fields })
  })

  test('has numbers to their last digit', async () => {
    const body =
      '{"model":"renamed","messages":[{"role":"user","content":"x"}],"top_p":0.10000000000000000555}'
    await server.ask('/v1/chat/completions', { method: 'POST', body })
    expect(new TextDecoder().decode(upstream.calls.at(-1)!.body)).toContain(
      '0.10000000000000000555',
    )
  })

  test('has the upstream’s key, and nothing of ours', async () => {
    await chat({}, { headers: { 'x-api-key': 'sk-test', cookie: 'a=b', 'x-tenant': 't' } })
    const { headers } = upstream.calls.at(-1)!
    expect(headers.get('authorization')).toBe('Bearer sk-upstream-secret')
    for (const name of ['x-api-key', 'cookie', 'x-tenant']) expect(headers.get(name)).toBeNull()
  })
})

describe('what the client gets', () => {
  test('is the upstream’s bytes, what the call cost, and nothing that names the account', async () => {
    const { status, text, headers } = await chat({ user: 'reader' })
    expect(status).toBe(200)
    expect(text).toBe(new TextDecoder().decode(upstream.calls.at(-1)!.sent))
    expect(headers.get('x-tollgate-call-id')).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    expect(headers.get('x-litellm-call-id')).toBe(headers.get('x-tollgate-call-id'))
    const { spend } = await customer('reader')
    expect(Number(headers.get('x-tollgate-cost'))).toBe(spend)
    expect(headers.get('x-litellm-response-cost')).toBe(headers.get('x-tollgate-cost'))
    expect([...headers.keys()].filter((name) => /organization|project|cookie/.test(name))).toEqual(
      [],
    )
  })

  test.each(['/chat/completions', '/v1/chat/completions'])('is there at %s', async (path) => {
    const json = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] }
    expect((await server.ask(path, { json })).status).toBe(200)
  })
})

describe('whose tab', () => {
  test('an unknown customer’s first call creates it', async () => {
    expect(await customer('first-timer')).toBeNull()
    await chat({ user: 'first-timer' })
    expect((await customer('first-timer')).spend).toBeGreaterThan(0)
  })

  test('headers, mapped or named in the config, come before the body', async () => {
    await chat({ user: 'body' }, { headers: { 'x-litellm-customer-id': 'by-header' } })
    await chat({ user: 'body' }, { headers: { 'X-Tenant': 'by-mapping' } })
    await chat({ user: 'body' }, { headers: { 'x-name': 'by-name' } })
    for (const id of ['by-header', 'by-mapping', 'by-name']) {
      expect((await customer(id)).spend).toBeGreaterThan(0)
    }
    expect(await customer('body')).toBeNull()
  })

  test('a call that names nobody is answered', async () => {
    expect((await chat({ user: undefined })).status).toBe(200)
  })

  test('an id that is none is refused, names the field, and is not sent upstream', async () => {
    const before = upstream.calls.length
    for (const user of ['', 'x'.repeat(257), { id: 1 }, ['a'], true, 'a\nb']) {
      const { status, json } = await chat({ user })
      expect(status).toBe(400)
      expect(json.error).toMatchObject({
        type: 'invalid_request_error',
        param: 'user',
        code: '400',
      })
    }
    expect(upstream.calls.length).toBe(before)
  })
})

describe('a call is refused before anything is sent', () => {
  const bad: [what: string, body: string, status: number, param: string | null, says: string][] = [
    ['no JSON', '{"model"', 400, null, 'not valid JSON'],
    ['nothing', '', 400, null, 'The body is empty'],
    ['an array', '[]', 400, null, 'one JSON object'],
    ['no model', '{"messages":[]}', 400, 'model', '`model` must be the name of a model'],
    ['a model that is a number', '{"model":4}', 400, 'model', 'got 4'],
    ['a misspelt model', '{"model":"gpt-4o-mimi"}', 404, 'model', 'Did you mean `gpt-4o-mini`?'],
    ['a stream that is text', '{"model":"gpt-4o-mini","stream":"yes"}', 400, 'stream', 'got "yes"'],
    ['two users', '{"model":"gpt-4o-mini","user":"a","user":"b"}', 400, 'user', 'given twice'],
  ]
  test.each(bad)('with %s', async (_, body, status, param, says) => {
    const before = upstream.calls.length
    const told = await server.ask('/v1/chat/completions', { method: 'POST', body })
    expect(told.status).toBe(status)
    expect(told.json.error).toMatchObject({ param, code: String(status) })
    expect(told.json.error.message).toContain(says)
    expect(told.headers.get('x-tollgate-call-id')).not.toBeNull()
    expect(upstream.calls.length).toBe(before)
  })

  test('without a key, or with a wrong one', async () => {
    for (const authorization of ['', 'Bearer sk-wrong', 'Basic c2stdGVzdA==']) {
      const { status, json } = await chat({}, { headers: { authorization } })
      expect(status).toBe(401)
      expect(json.error).toMatchObject({ type: 'auth_error', param: null, code: '401' })
      expect(JSON.stringify(json)).not.toContain('sk-test')
    }
  })

  test('for a blocked customer, until it is unblocked', async () => {
    await server.ask('/customer/block', { json: { user_ids: ['mallory'] } })
    const { status, json } = await chat({ user: 'mallory' })
    expect(status).toBe(403)
    expect(json.error).toMatchObject({
      message: 'User not allowed to access. End User=mallory is blocked.',
      type: 'customer_blocked',
      param: 'user',
    })
    await server.ask('/customer/unblock', { json: { user_ids: ['mallory'] } })
    expect((await chat({ user: 'mallory' })).status).toBe(200)
  })
})

test('several deployments of one name are taken in turn', async () => {
  const one = (text: string) =>
    `  - {model_name: m, litellm_params: {model: openai/x, mock_response: ${text}, input_cost_per_token: 0, output_cost_per_token: 0}}\n`
  await using turns = await startServer({
    config: `model_list:\n${one('a')}${one('b')}${one('c')}`,
  })
  const said: string[] = []
  for (let i = 0; i < 6; i++) {
    const { json } = await turns.ask('/v1/chat/completions', { json: { model: 'm', messages: [] } })
    said.push(json.choices[0].message.content)
  }
  expect(said.join('')).toBe('abcabc')
})
