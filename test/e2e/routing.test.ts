import { afterAll, describe, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { bookedOn } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { startServer } from '../support/server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** Calls on their way from one deployment, or one model, to another. */

const [one, two, three] = await Promise.all([startUpstream(), startUpstream(), startUpstream()])
const deployment = (model: string, upstream: Upstream, more: string) =>
  `  - {model_name: ${model}, litellm_params: {model: openai/m, api_base: "${upstream.url}", ` +
  `api_key: k, ${more}}}\n`
const cheap = 'input_cost_per_token: 1.0e-6, output_cost_per_token: 2.0e-6'
const dear = 'input_cost_per_token: 1.0e-5, output_cost_per_token: 2.0e-5'

const server = await startServer({
  config: `model_list:
${deployment('twins', one, cheap)}${deployment('twins', two, dear)}
${deployment('alone', one, `${cheap}, timeout: 0.3`)}${deployment('alone too', one, cheap)}
${deployment('stand-in', three, dear)}
${deployment('few', one, `${cheap}, rpm: 1, timeout: 0.3`)}
router_settings:
  allowed_fails: 1000
  cooldown_time: 0.05
  fallbacks: [{alone: [few, stand-in]}, {alone too: [stand-in]}]
  context_window_fallbacks: [{twins: [stand-in]}]
`,
})

afterAll(async () => {
  await server.stop()
  expect((await verify(server.databasePath)).faults).toEqual([])
  await server[Symbol.asyncDispose]()
  await Promise.all([one.stop(), two.stop(), three.stop()])
})

const ask = (model: string, user: string, more: object = {}) =>
  server.ask('/v1/chat/completions', {
    json: { model, user, messages: [{ role: 'user', content: 'Say hello' }], ...more },
  })

/** What the doubles were asked since they were last looked at. */
function asked() {
  const counts = [one, two, three].map(({ calls }) => calls.length)
  return () => [one, two, three].map(({ calls }, index) => calls.length - counts[index]!)
}

const failing = { status: 500 }
const CONTEXT = JSON.stringify({
  error: { message: 'Too long.', type: 'invalid_request_error', code: 'context_length_exceeded' },
})

describe('a model with two deployments', () => {
  test('is asked at each in turn', async () => {
    const since = asked()
    for (let n = 0; n < 4; n++) expect((await ask('twins', 'turns')).status).toBe(200)
    expect(since()).toEqual([2, 2, 0])
  })

  test('is answered by the other when one fails, at the other’s price, and booked once', async () => {
    one.always(failing)
    for (const user of ['first', 'second']) {
      const { status, headers } = await ask('twins', user)
      expect(status).toBe(200)
      expect(headers.get('x-tollgate-model-id')).toBe('twins#2')
      // 6 tokens at $10 a million and 7 at $20.
      const [row, ...others] = bookedOn(server.databasePath, user)
      expect(row).toMatchObject({ deployment: 'twins#2', outcome: 'ok', charge: 200_000 })
      expect(others).toEqual([])
    }
    one.always({})
  })

  test('tells the last failure when both fail, and charges nothing', async () => {
    one.always(failing)
    two.always({ status: 503 })
    const since = asked()
    const { status, json } = await ask('twins', 'both')
    expect([500, 503]).toContain(status)
    expect(json.error.message).toContain('The upstream of `twins` answered')
    expect(since()).toEqual([1, 1, 0])
    expect(bookedOn(server.databasePath, 'both')).toMatchObject([
      { outcome: 'upstream_failed', charge: 0 },
    ])
    one.always({})
    two.always({})
  })

  test('is not asked again for a call that is wrong itself', async () => {
    one.always({ status: 400 })
    two.always({ status: 400 })
    const since = asked()
    expect((await ask('twins', 'wrong')).status).toBe(400)
    expect(since().reduce((sum, count) => sum + count)).toBe(1)
    one.always({})
    two.always({})
  })

  test('leaves one alone that says 429, for as long as it says', async () => {
    one.always({ status: 429, headers: { 'retry-after': '3600' } })
    const since = asked()
    for (let n = 0; n < 6; n++) expect((await ask('twins', 'limited')).status).toBe(200)
    expect(since()).toEqual([1, 6, 0])
    const { json } = await server.ask('/v1/model/info')
    const { model_info, health } = json.data.find(
      ({ model_info: { id } }: never) => id === 'twins#1',
    )
    expect(health).toMatchObject({ last_failure: { error: 'status 429' }, calls_in_flight: 0 })
    expect(Date.parse(model_info.cooldown_until)).toBeGreaterThan(Date.now() + 3_500_000)
    one.always({})
  })
})

describe('a model that another stands in for', () => {
  test('is answered by that, which keeps the price and the name of its own', async () => {
    one.always(failing)
    const { status, headers } = await ask('alone too', 'fallen')
    expect(status).toBe(200)
    expect(headers.get('x-litellm-attempted-fallbacks')).toBe('1')
    expect(bookedOn(server.databasePath, 'fallen')).toMatchObject([
      { model: 'alone too', deployment: 'stand-in#1', charge: 200_000 },
    ])
    one.always({})
  })

  test('streams from there too, and nothing is tried again after the first byte', async () => {
    one.always(failing)
    const json = {
      model: 'alone too',
      user: 'streamed',
      stream: true,
      messages: [{ role: 'user', content: 'Say hello' }],
    }
    const whole = await piecesOf(await server.fetch('/v1/chat/completions', { json }))
    expect(new TextDecoder().decode(whole.bytes)).toContain('[DONE]')
    one.always({})
    one.next({ dies: { after: { events: 3 } } })
    const since = asked()
    await piecesOf(await server.fetch('/v1/chat/completions', { json }))
    expect(since()).toEqual([1, 0, 0])
  })

  test('that is too slow is not asked again, but the stand-in is', async () => {
    one.always({ isSilent: true })
    const since = asked()
    const { status } = await ask('alone', 'slow')
    expect(status).toBe(200)
    // `few` is at the same double, and as slow.
    expect(since()[2]).toBe(1)
    one.always({})
  })

  test('is not stood in for by what the customer may not call', async () => {
    await server.ask('/customer/new', { json: { user_id: 'strict', models: ['alone too'] } })
    one.always(failing)
    const since = asked()
    const { status, json } = await ask('alone too', 'strict')
    expect([status, json.error.message.includes('answered 500')]).toEqual([500, true])
    expect(since()).toEqual([1, 0, 0])
    one.always({})
  })

  test('is stood in for when the prompt is too long for it, without another try', async () => {
    one.always({ status: 400, body: CONTEXT })
    two.always({ status: 400, body: CONTEXT })
    const since = asked()
    expect((await ask('twins', 'long')).status).toBe(200)
    const [first, second, standIn] = since()
    expect([first! + second!, standIn]).toEqual([1, 1])
    one.always({})
    two.always({})
  })

  test('costs more: its answer is capped at what the budget can pay of its price', async () => {
    await server.ask('/customer/new', { json: { user_id: 'modest', max_budget: 0.0011 } })
    one.always(failing)
    // 100 tokens of the answer are $0.0002 at the cheap one, and $0.002 at the dear one.
    expect((await ask('alone too', 'modest', { max_tokens: 100 })).status).toBe(200)
    expect(one.calls.at(-1)!.json!['max_tokens']).toBe(100)
    expect(three.calls.at(-1)!.json!['max_tokens']).toBeLessThan(50)
    one.always({})
  })

  test('costs more: who cannot pay that is told how the first one failed, and pays nothing', async () => {
    await server.ask('/customer/new', { json: { user_id: 'poor', max_budget: 0.0004 } })
    one.always(failing)
    const { status, json } = await ask('alone too', 'poor', { max_tokens: 100 })
    expect([status, json.error.type]).toEqual([500, 'server_error'])
    const info = (await server.ask('/customer/info?end_user_id=poor')).json
    expect([info.held, info.spend]).toEqual([0, 0])
    one.always({})
  })

  test('by two hundred at once never takes a budget past its limit', async () => {
    const max_budget = 0.01
    await server.ask('/customer/new', { json: { user_id: 'crowd', max_budget } })
    one.always(failing)
    await Promise.all(
      Array.from({ length: 200 }, () => ask('alone too', 'crowd', { max_tokens: 20 })),
    )
    const info = (await server.ask('/customer/info?end_user_id=crowd')).json
    expect(info.held).toBe(0)
    expect(info.spend).toBeGreaterThan(0)
    expect(info.spend).toBeLessThanOrEqual(max_budget)
    one.always({})
  })
})

test('what a deployment takes in a minute is a 429 with Retry-After when it is used up', async () => {
  // It may have been asked already, in place of another.
  await ask('few', 'minute')
  const { status, headers, json } = await ask('few', 'minute')
  expect([status, json.error.type]).toEqual([429, 'rate_limit_error'])
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
})

test('a client that hangs up while one is asked after another is charged for one prompt', async () => {
  const gate = new Gate()
  one.always(failing)
  three.next({ holds: [{ gate, at: 'headers' }] })
  const controller = new AbortController()
  const left = server.fetch('/v1/chat/completions', {
    json: { model: 'alone too', user: 'gone', messages: [{ role: 'user', content: 'Say hello' }] },
    signal: controller.signal,
  })
  await gate.reached
  controller.abort()
  await left.catch(() => {})
  const rows = await eventually(() => {
    const rows = bookedOn(server.databasePath, 'gone')
    expect(rows).toHaveLength(1)
    return rows
  })
  expect(rows[0]).toMatchObject({
    outcome: 'client_closed',
    deployment: 'stand-in#1',
    input: 9,
    output: 0,
  })
  gate.open()
  one.always({})
})
