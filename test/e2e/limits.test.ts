import { describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import { startReceiver } from '../support/receiver.ts'

const gateway = await startGateway({
  params: [],
  settings: `
general_settings: {}
`,
})
const { upstream, server, chat, customer } = gateway
const create = (user_id: string, limits: object) =>
  server.ask('/customer/new', { json: { user_id, ...limits } })

describe('limits by the minute', () => {
  test('requests: the one too many is told when to come back, with the headers clients know', async () => {
    await create('rpm', { rpm_limit: 3 })
    const answers = [
      await chat({ user: 'rpm' }),
      await chat({ user: 'rpm' }),
      await chat({ user: 'rpm' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'))).toEqual([
      '2',
      '1',
      '0',
    ])
    const { status, json, headers } = await chat({ user: 'rpm' })
    expect(status).toBe(429)
    expect(json.error).toMatchObject({ type: 'rate_limit_error', param: null, code: '429' })
    expect(json.error.message).toContain('limit of 3 requests a minute')
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(headers.get('x-ratelimit-limit-requests')).toBe('3')
    expect(headers.get('x-should-retry')).toBeNull()
  })

  test('tokens: held at their worst, and what was not used is given back', async () => {
    await create('tpm', { tpm_limit: 1_000 })
    const { status, headers } = await chat({ user: 'tpm', max_tokens: 900 })
    expect(status).toBe(200)
    expect(headers.get('x-ratelimit-limit-tokens')).toBe('1000')
    const again = await chat({ user: 'tpm', max_tokens: 900 })
    expect(again.status).toBe(200)
  })

  test('calls at once: a further one is refused until one has ended', async () => {
    const gate = new Gate()
    await create('parallel', { max_parallel_requests: 1 })
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const first = chat({ user: 'parallel' })
    await gate.reached
    const second = await chat({ user: 'parallel' })
    expect(second.status).toBe(429)
    expect(second.json.error.message).toContain('limit of 1 calls at once')
    gate.open()
    expect((await first).status).toBe(200)
    expect((await chat({ user: 'parallel' })).status).toBe(200)
  })

  test('the official client waits as it is told, and then succeeds', async () => {
    const gate = new Gate()
    await create('patient', { max_parallel_requests: 1 })
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${server.url}/v1`, maxRetries: 5 })
    const ask = () =>
      client.chat.completions.create({
        model: 'gpt-4o-mini',
        user: 'patient',
        messages: [{ role: 'user', content: 'x' }],
      })
    const first = ask()
    await gate.reached
    const second = ask()
    await eventually(async () => expect((await chat({ user: 'patient' })).status).toBe(429))
    gate.open()
    expect((await first).choices).toHaveLength(1)
    expect((await second).choices).toHaveLength(1)
  })
})

describe('who gets which budget', () => {
  test('a tier that is changed counts at once for every customer on it', async () => {
    await server.ask('/budget/new', { json: { budget_id: 'tier', max_budget: 1 } })
    await create('on-tier', { budget_id: 'tier' })
    expect((await chat({ user: 'on-tier' })).status).toBe(200)
    await server.ask('/budget/update', { json: { budget_id: 'tier', max_budget: 0 } })
    expect((await chat({ user: 'on-tier' })).status).toBe(429)
    await server.ask('/budget/update', { json: { budget_id: 'tier', max_budget: null } })
    expect((await chat({ user: 'on-tier' })).status).toBe(200)
  })

  test('max_end_user_budget_id is the tier of all that have none, from the first call on', async () => {
    await using byDefault = await startGateway({
      settings: 'litellm_settings: {max_end_user_budget_id: everybody}\n',
    })
    const { server, chat, customer } = byDefault
    // Until there is such a tier nothing is allowed, and the start has said so.
    expect(server.output()).toContain('names the budget everybody, which does not exist')
    expect((await chat({ user: 'early' })).status).toBe(429)
    await server.ask('/budget/new', { json: { budget_id: 'everybody', max_budget: 0 } })
    expect((await chat({ user: 'stranger' })).status).toBe(429)
    await server.ask('/budget/update', { json: { budget_id: 'everybody', max_budget: 1 } })
    expect((await chat({ user: 'stranger' })).status).toBe(200)
    await server.ask('/customer/new', { json: { user_id: 'own', max_budget: 0 } })
    expect((await chat({ user: 'own' })).status).toBe(429)
    expect((await customer('stranger')).budget_id).toBeNull()
  })
})

describe('model rules', () => {
  test('only what the allow-list names may be called', async () => {
    await create('picky', { models: ['renamed'] })
    const { status, json } = await chat({ user: 'picky' })
    expect(status).toBe(403)
    expect(json.error).toMatchObject({ type: 'model_not_allowed', param: 'model' })
    expect((await chat({ user: 'picky', model: 'renamed' })).status).toBe(200)
  })

  test('a budget of one model limits that model alone', async () => {
    await create('by-model', { model_max_budget: { 'gpt-4o-mini': { max_budget: 0 } } })
    expect((await chat({ user: 'by-model' })).status).toBe(429)
    expect((await chat({ user: 'by-model', model: 'renamed' })).status).toBe(200)
  })

  test('a budget of one model counts what was spent on that model, also after a restart', async () => {
    await using first = await startGateway()
    const one = nanosOf({ input: 6, output: 9 }) / 1e9
    const limits = {
      model_max_budget: { 'gpt-4o-mini': { max_budget: one * 2.2, budget_duration: '1d' } },
    }
    await first.server.ask('/customer/new', { json: { user_id: 'm', ...limits } })
    expect((await first.chat({ user: 'm', max_tokens: 9 })).status).toBe(200)
    expect((await first.chat({ user: 'm', max_tokens: 9 })).status).toBe(429)
    expect((await first.chat({ user: 'm', max_tokens: 9, model: 'renamed' })).status).toBe(200)
  })

  test('default_model is used when the call names none', async () => {
    await create('lazy', { default_model: 'renamed' })
    expect((await chat({ user: 'lazy', model: undefined })).status).toBe(200)
    expect(upstream.calls.at(-1)!.json!['model']).toBe('gpt-4o')
  })

  test('a region keeps calls to the deployments that state it, and refuses when none does', async () => {
    const entry = (name: string, region: string) =>
      `  - {model_name: ${name}, litellm_params: {model: openai/x, mock_response: ${region}, input_cost_per_token: 0, output_cost_per_token: 0}, model_info: {region: ${region}}}\n`
    const { startServer } = await import('../support/server.ts')
    await using regions = await startServer({
      config: `model_list:\n${entry('m', 'us')}${entry('m', 'eu')}${entry('us-only', 'us')}`,
    })
    await regions.ask('/customer/new', {
      json: { user_id: 'european', allowed_model_region: 'eu' },
    })
    const ask = (model: string) =>
      regions.ask('/v1/chat/completions', { json: { model, user: 'european', messages: [] } })
    for (let i = 0; i < 3; i++) expect((await ask('m')).json.choices[0].message.content).toBe('eu')
    const { status, json } = await ask('us-only')
    expect(status).toBe(403)
    expect(json.error.message).toContain('region `eu`')
  })
})

describe('identity, where it is wanted', () => {
  test('require_customer refuses a call that names nobody', async () => {
    await using strict = await startGateway({
      settings: 'tollgate_settings: {require_customer: true}\n',
    })
    const { status, json } = await strict.chat({ user: undefined })
    expect(status).toBe(400)
    expect(json.error.param).toBe('user')
  })

  test('known_customers_only refuses an id that was never created, and creates none', async () => {
    await using closed = await startGateway({
      settings: 'tollgate_settings: {known_customers_only: true}\n',
    })
    expect((await closed.chat({ user: 'stranger' })).status).toBe(403)
    expect(await closed.customer('stranger')).toBeNull()
    await closed.server.ask('/customer/new', { json: { user_id: 'friend' } })
    expect((await closed.chat({ user: 'friend' })).status).toBe(200)
  })
})

test('what a charge crosses is told once a period: soft budget, thresholds, budget', async () => {
  await using receiver = await startReceiver()
  await using told = await startGateway({
    settings: 'general_settings: {alerting: [webhook]}\n',
    env: { WEBHOOK_URL: receiver.url },
  })
  const one = nanosOf({ input: 6, output: 10 }) / 1e9
  const limits = {
    soft_budget: one * 2,
    max_budget: one * 10,
    budget_mode: 'soft',
    budget_duration: '1mo',
  }
  await told.server.ask('/customer/new', { json: { user_id: 'watched', ...limits } })
  told.upstream.always({ tokens: { input: 6, output: 10 } })
  for (let i = 0; i < 11; i++) await told.chat({ user: 'watched' })
  const eventNames = () => receiver.accepted.map((body) => (body as { event: string }).event)
  await eventually(() => expect(eventNames()).toContain('budget_crossed'))
  const events = eventNames()
  const crossed = events.filter(
    (event) => event !== 'spend_tracked' && event !== 'projected_limit_exceeded',
  )
  expect(crossed).toEqual([
    'soft_budget_crossed',
    'threshold_crossed',
    'threshold_crossed',
    'budget_crossed',
  ])
  expect(events.filter((event) => event === 'spend_tracked')).toHaveLength(10)
  expect((await told.customer('watched')).spend).toBeCloseTo(one * 10, 12)
})

test('a budget resets when it is due, and what was spent before stays on record', async () => {
  await create('hourly', { max_budget: 0.001, budget_duration: '1s' })
  upstream.next({ tokens: { input: 6, output: 60 } })
  await chat({ user: 'hourly', max_tokens: 60 })
  await eventually(async () => expect((await customer('hourly')).spend).toBe(0))
  const { total_spend, budget_reset_at } = await customer('hourly')
  expect(total_spend).toBeGreaterThan(0)
  expect(Date.parse(budget_reset_at)).toBeGreaterThan(Date.now() - 1_000)
  expect((await chat({ user: 'hourly', max_tokens: 60 })).status).toBe(200)
})
