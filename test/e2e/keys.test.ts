import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import OpenAI from 'openai'
import { run, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import { startReceiver } from '../support/receiver.ts'

const gateway = await startGateway({ upstream: { isStrict: false } })
const { upstream, server, chat, customer } = gateway
const secrets: string[] = []

async function generate(fields: object = {}, of = server): Promise<string> {
  const { status, json } = await of.ask('/key/generate', { json: fields })
  expect([status, json]).toEqual([200, json])
  secrets.push(json.key)
  return json.key
}

const by = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
const keyInfo = async (key: string) => (await server.ask(`/key/info?key=${key}`)).json.info
const change = (path: string, json: object) => server.ask(path, { json })
const nanosOfDollars = (dollars: number) => Math.round(dollars * 1e9)
const GREETING = nanosOf({ input: 6, output: 7 }) / 1e9
const GENEROUS = { input: 6, output: 20 }

/** A call that is retried for as long as the answer says that it may help, as the clients do. */
async function chatUntilSure(more: object, key: string) {
  for (;;) {
    const told = await chat(more, by(key))
    if (told.headers.get('x-should-retry') !== 'true') return told
  }
}

describe('with the official client', () => {
  const client = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'Say hello' }]
  const ask = { model: 'gpt-4o-mini', messages }

  test('a bound key’s calls are on that customer’s tab, whatever they say', async () => {
    const key = await generate({ customer_id: 'bound', key_alias: 'bound' })
    const openai = client(key)
    await openai.chat.completions.create({ ...ask, user: 'somebody-else' })
    const stream = await openai.chat.completions.create(
      { ...ask, user: 'another', stream: true },
      { headers: { 'x-litellm-customer-id': 'a-third' } },
    )
    for await (const _ of stream) {
      // Read to its end.
    }
    expect((await customer('bound')).spend).toBeCloseTo(2 * GREETING, 12)
    for (const id of ['somebody-else', 'another', 'a-third']) expect(await customer(id)).toBeNull()
    expect(await keyInfo(key)).toMatchObject({ spend: (await customer('bound')).spend, held: 0 })
  })

  test('a deleted customer that a key is bound to is opened anew by its next call', async () => {
    const key = await generate({ customer_id: 'comes-back' })
    await client(key).chat.completions.create(ask)
    await change('/customer/delete', { user_ids: ['comes-back'] })
    await client(key).chat.completions.create(ask)
    expect((await customer('comes-back')).total_spend).toBeCloseTo(GREETING, 12)
  })

  test('models are listed and may be called as the key allows', async () => {
    const openai = client(await generate({ models: ['renamed'] }))
    const listed = await openai.models.list()
    expect(listed.data.map(({ id }) => id)).toEqual(['renamed'])
    const before = upstream.calls.length
    const refused = await openai.chat.completions.create(ask).catch((error) => error)
    expect(refused).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(refused.message).toContain(
      "key not allowed to access model. This key can only access models=['renamed']. " +
        'Tried to access gpt-4o-mini',
    )
    expect(refused.type).toBe('key_model_access_denied')
    expect(upstream.calls.length).toBe(before)
    // A model that is not served: the hint names none that the key may not call.
    const unknown = await openai.chat.completions
      .create({ ...ask, model: 'gpt-4o-minni' })
      .catch((error) => error)
    expect([unknown.status, unknown.message]).toEqual([
      404,
      expect.stringContaining('Served: `renamed`.'),
    ])
    await openai.chat.completions.create({ ...ask, model: 'renamed' })
  })

  test('blocking, ending, deleting and making anew count for the next call', async () => {
    const key = await generate()
    const refusal = (of: string) =>
      client(of)
        .chat.completions.create(ask)
        .then(
          () => null,
          (error: InstanceType<typeof OpenAI.APIError>) => error,
        )
    expect(await refusal(key)).toBeNull()
    await change('/key/block', { key })
    expect(await refusal(key)).toMatchObject({ status: 401, type: 'auth_error' })
    await change('/key/unblock', { key })
    expect(await refusal(key)).toBeNull()
    const { json } = await change('/key/regenerate', { key })
    secrets.push(json.key)
    expect(await refusal(key)).toMatchObject({ status: 401 })
    expect(await refusal(json.key)).toBeNull()
    await change('/key/update', { key: json.key, duration: '1s' })
    await eventually(async () =>
      expect(await refusal(json.key)).toMatchObject({ status: 401, type: 'expired_key' }),
    )
    await change('/key/update', { key: json.key, duration: '-1' })
    expect(await refusal(json.key)).toBeNull()
    await change('/key/delete', { keys: [json.key] })
    expect(await refusal(json.key)).toMatchObject({ status: 401 })
  })
})

describe('a key’s own budget', () => {
  test('is overspent by nothing in 300 calls at once against a budget for 20', async () => {
    const user = 'key-burst'
    const ask = { user, max_tokens: 20 }
    const key = await generate({ max_budget: (20 * nanosOf(GENEROUS)) / 1e9 })
    upstream.always({ text: 'word '.repeat(40), deltas: 40 })
    const answers = await Promise.all(Array.from({ length: 300 }, () => chatUntilSure(ask, key)))
    upstream.always({})

    const statuses = new Set(answers.map(({ status }) => status))
    expect([...statuses].sort()).toEqual([200, 429])
    const { spend, held, max_budget } = await keyInfo(key)
    expect(held).toBe(0)
    expect(nanosOfDollars(spend)).toBeLessThanOrEqual(nanosOfDollars(max_budget))
    const { calls, ...tokens } = upstream.served.get(user)!
    expect(calls).toBe(answers.filter(({ status }) => status === 200).length)
    expect(nanosOfDollars(spend)).toBe(nanosOf(tokens))
    expect((await chatUntilSure(ask, key)).status).toBe(429)
  }, 60_000)

  test('binds beside the customer’s: neither is passed when calls of both meet', async () => {
    const one = nanosOf(GENEROUS) / 1e9
    const ask = { user: 'both', max_tokens: 20 }
    await change('/customer/new', { user_id: 'both', max_budget: 15 * one })
    const key = await generate({ max_budget: 10 * one })
    upstream.always({ text: 'word '.repeat(40), deltas: 40 })
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => chatUntilSure(ask, n % 2 === 0 ? key : server.key)),
    )
    upstream.always({})
    const [ofKey, ofCustomer] = [await keyInfo(key), await customer('both')]
    expect(ofKey.spend).toBeLessThanOrEqual(10 * one)
    expect(ofCustomer.spend).toBeLessThanOrEqual(15 * one)
    expect(ofCustomer.spend).toBeGreaterThan(ofKey.spend)
    expect([ofKey.held, ofCustomer.held]).toEqual([0, 0])
  }, 60_000)

  test('is held for calls that name no customer, and refuses in LiteLLM’s words', async () => {
    const key = await generate({ max_budget: 0.001, key_alias: 'small', budget_duration: '30d' })
    const gate = new Gate()
    upstream.next({ deltas: 3, holds: [{ gate, at: 'headers' }] })
    const answer = chat({ user: undefined, max_tokens: 60 }, by(key))
    await gate.reached
    expect((await keyInfo(key)).held).toBeGreaterThan(0.0009)
    const { status, json, headers } = await chat({ user: undefined, max_tokens: 60 }, by(key))
    expect([status, json.error.type]).toEqual([429, 'budget_exceeded'])
    expect(json.error.message).toMatch(
      /^Budget has been exceeded! Key=small Current cost: 0, Max budget: 0\.001\. Held for calls in flight: 0\.\d+, needed for this call: 0\.\d+; the budget resets at /,
    )
    expect(headers.get('x-should-retry')).toBe('true')
    gate.open()
    expect((await answer).status).toBe(200)
    expect(await keyInfo(key)).toMatchObject({ held: 0 })
  })

  test('cuts a stream that ignores its cap before it is passed', async () => {
    const key = await generate({ max_budget: 0.001 })
    upstream.next({ text: 'one two three four five '.repeat(40), deltas: 200, ignoresCap: true })
    const response = await gateway.stream({ user: undefined }, by(key))
    expect(await response.text()).toContain('"finish_reason":"length"')
    const { spend, held } = await keyInfo(key)
    expect([spend > 0, spend <= 0.001, held]).toEqual([true, true, 0])
  })

  test('refuses a model without a price, as a customer’s does', async () => {
    const key = await generate({ max_budget: 10 })
    const { status, json } = await chat({ model: 'unpriced' }, by(key))
    expect([status, json.error.type]).toEqual([400, 'model_not_priced'])
    expect(json.error.message).toContain('Key=sk-...')
    const free = await generate()
    expect((await chat({ model: 'unpriced', user: undefined }, by(free))).status).toBe(200)
  })

  test('counts a call that was in flight while the secret was made anew', async () => {
    const key = await generate({ max_budget: 1 })
    const gate = new Gate()
    upstream.next({ deltas: 3, holds: [{ gate, at: 'headers' }] })
    const answer = chat({ user: undefined }, by(key))
    await gate.reached
    const { json } = await change(`/key/${key}/regenerate`, {})
    secrets.push(json.key)
    expect(json.held).toBeGreaterThan(0)
    gate.open()
    expect((await answer).status).toBe(200)
    expect(await keyInfo(json.key)).toMatchObject({ held: 0 })
    expect((await keyInfo(json.key)).spend).toBeGreaterThan(0)
  })
})

test('a key’s limits by the minute hold, and the answer says which', async () => {
  const key = await generate({ rpm_limit: 2, key_alias: 'slow' })
  const answers = [1, 2, 3].map(() => chat({ user: undefined }, by(key)))
  const refused = (await Promise.all(answers)).find(({ status }) => status === 429)!
  expect(refused.json.error.message).toContain('Key=slow is over its limit of 2 requests a minute')
  expect(refused.headers.get('retry-after')).not.toBeNull()
})

test('a read-only key reads reports, and neither calls nor changes', async () => {
  const key = await generate({ key_type: 'read_only' })
  expect((await server.ask('/customer/list', by(key))).status).toBe(200)
  expect((await server.ask('/metrics', by(key))).status).toBe(200)
  const refused = await chat({}, by(key))
  expect([refused.status, refused.json.error.type]).toEqual([403, 'auth_error'])
  const init = { json: { user_id: 'x' }, ...by(key) }
  expect((await server.ask('/customer/new', init)).status).toBe(403)
})

test('wrong keys are slowed down by address, and right ones are not', async () => {
  await using fresh = await startGateway({
    settings: 'tollgate_settings: {failed_auth_limit: 3}\n',
  })
  const key = await generate({}, fresh.server)
  const statusOf = async (of: string) => (await fresh.chat({}, by(of))).status
  const statuses = [1, 2, 3, 4, 5].map(() => statusOf('sk-wrong'))
  expect((await Promise.all(statuses)).sort()).toEqual([401, 401, 401, 429, 429])
  expect([await statusOf(key), await statusOf(fresh.server.key)]).toEqual([200, 200])
  const { status, headers } = await fresh.chat({}, by('sk-wrong'))
  expect([status, headers.get('x-should-retry')]).toEqual([429, 'false'])
  expect(Number(headers.get('retry-after'))).toBeWithin(1, 61)
})

test('webhooks name the key that a call came with by its hash and its alias', async () => {
  await using receiver = await startReceiver()
  await using telling = await startGateway({
    settings: 'general_settings: {alerting: ["webhook"]}\n',
    env: { WEBHOOK_URL: receiver.url },
  })
  const { json } = await telling.server.ask('/key/generate', { json: { key_alias: 'teller' } })
  await telling.chat({ user: 'alice' }, by(json.key))
  await eventually(() => expect(receiver.accepted).toHaveLength(1))
  expect(receiver.accepted[0]).toMatchObject({ token: json.token, key_alias: 'teller' })
  expect(JSON.stringify(receiver.accepted)).not.toContain(json.key)
})

test('after all of this the books balance, and no secret is in the database or the log', async () => {
  await server.stop()
  const verify = [...SOURCE, 'verify', '--db', server.databasePath]
  const { code, out } = await run(verify, { folder: server.folder })
  expect([code, out]).toEqual([0, expect.stringContaining('The books balance')])
  const written = readFileSync(server.databasePath, 'latin1') + server.output()
  expect(secrets.length).toBeGreaterThan(10)
  for (const secret of secrets) expect(written).not.toContain(secret)
})
