import { describe, expect, test } from 'bun:test'
import { Check } from 'typebox/value'
import { KeySchema } from '../../src/http/key-json.ts'
import { markOf } from '../../src/http/secret.ts'
import { NOW } from './fake-store.ts'
import { MASTER_KEY } from './gateway.ts'
import { as, withStore } from './key-gateway.ts'

describe('/key/generate', () => {
  test('answers a key of 192 random bits once, and all that LiteLLM’s scripts read of it', async () => {
    const { generate } = await withStore()
    const made = await generate({
      key_alias: 'backend',
      customer_id: 'alice',
      models: ['demo'],
      max_budget: '4.5',
      soft_budget: 2,
      budget_duration: '30d',
      tpm_limit: 1_000,
      rpm_limit: 10,
      max_parallel_requests: 2,
      model_max_budget: { demo: { max_budget: 1 } },
      metadata: { service: 'search' },
      duration: '30d',
    })
    expect(made.key).toMatch(/^sk-[\w-]{32}$/)
    const { hash } = markOf(made.key)
    expect(made).toMatchObject({
      token: hash,
      token_id: hash,
      key_name: `sk-...${made.key.slice(-4)}`,
      key_alias: 'backend',
      customer_id: 'alice',
      key_type: 'llm_api',
      models: ['demo'],
      spend: 0,
      max_budget: 4.5,
      soft_budget: 2,
      budget_duration: '30d',
      budget_reset_at: new Date(NOW + 86_400_000).toISOString(),
      tpm_limit: 1_000,
      rpm_limit: 10,
      max_parallel_requests: 2,
      metadata: { service: 'search' },
      expires: new Date(NOW + 30 * 86_400_000).toISOString(),
      blocked: false,
      budget_id: null,
      litellm_budget_table: null,
      held: 0,
    })
    expect(made.model_max_budget.demo.max_budget).toBe(1)
    const { key, token_id, ...rest } = made
    expect(Check({ ...KeySchema, properties: { ...KeySchema.properties } }, rest)).toBe(true)
  })

  test('takes what LiteLLM’s scripts send that has no effect, as long as it is empty', async () => {
    const { generate, post } = await withStore()
    const made = await generate({
      key: null,
      models: [],
      aliases: {},
      config: {},
      permissions: {},
      guardrails: null,
      allowed_routes: [],
      send_invite_email: false,
      model_max_budget: {},
      max_budget: null,
      metadata: null,
      spend: 0,
      key_type: 'default',
      team_id: 'core-infra',
      user_id: 'ishaan@berri.ai',
      tags: ['a'],
    })
    expect(made).toMatchObject({
      models: [],
      max_budget: null,
      budget_id: null,
      team_id: 'core-infra',
      user_id: 'ishaan@berri.ai',
      tags: ['a'],
      aliases: {},
      expires: null,
    })
    const { status, json } = await post('/key/generate', { guardrails: ['no-secrets'] })
    expect(status).toBe(400)
    expect(json.error.param).toBe('guardrails')
    expect(json.error.message).toContain('has no effect in Tollgate')
  })

  test.each<[object, number, string, string]>([
    [{ max_bugdet: 1 }, 400, 'max_bugdet', 'did you mean max_budget?'],
    [{ max_budget: -1 }, 400, 'max_budget', 'must be a non-negative finite number'],
    [{ models: ['gpt-4'] }, 422, 'models', 'did you mean gpt-4o?'],
    [{ duration: '1 month' }, 400, 'duration', 'such as 30d'],
    [{ key_type: 'management' }, 400, 'key_type', 'only the master key manages'],
    [{ key_type: 'readonly' }, 400, 'key_type', 'did you mean read_only?'],
    [{ budget_id: 'nope' }, 404, 'budget_id', 'does not exist'],
    [{ budget_id: 'pro', max_budget: 1 }, 400, 'budget_id', 'not both'],
    [{ customer_id: '' }, 400, 'customer_id', '1 to 256 characters'],
    [{ key: MASTER_KEY }, 400, 'key', 'must be sk-'],
  ])('refuses %p with %p, naming %p', async (fields, status, param, part) => {
    const { post } = await withStore()
    const answer = await post('/key/generate', fields)
    expect(answer.status).toBe(status)
    expect(answer.json.error.param).toBe(param)
    expect(answer.json.error.message).toContain(part)
  })

  test('keeps a key that a client has already, and shows it in no refusal', async () => {
    const { generate, post, get } = await withStore()
    const key = 'sk-of-my-old-gateway-0123'
    expect((await generate({ key })).key).toBe(key)
    const again = await post('/key/generate', { key })
    expect([again.status, again.json.error.type]).toEqual([400, 'bad_request'])
    const short = await post('/key/generate', { key: 'sk-tooshort' })
    expect(short.status).toBe(400)
    for (const { json } of [again, short]) expect(JSON.stringify(json)).not.toContain('sk-of')
    expect(JSON.stringify(short.json)).not.toContain('tooshort')
    expect((await get('/key/info', as(key))).status).toBe(200)
  })

  test('refuses an alias that another key has, in LiteLLM’s words, and gives it back on deletion', async () => {
    const { generate, post } = await withStore()
    const { token } = await generate({ key_alias: 'backend' })
    const { status, json } = await post('/key/generate', { key_alias: 'backend' })
    expect(status).toBe(400)
    expect(json.error.message).toBe(
      "Key with alias 'backend' already exists. Unique key aliases across all keys are required.",
    )
    // Its own alias is no obstacle, as it is in LiteLLM.
    expect((await post('/key/update', { key: token, key_alias: 'backend' })).status).toBe(200)
    await post('/key/delete', { key_aliases: ['backend'] })
    await generate({ key_alias: 'backend' })
  })

  test('puts keys on a shared budget, which then cannot be deleted unless it is meant', async () => {
    const { generate, post, infoOf } = await withStore()
    await post('/budget/new', { budget_id: 'pro', max_budget: 100 })
    const { token, ...made } = await generate({ budget_id: 'pro' })
    expect(made).toMatchObject({ budget_id: 'pro', max_budget: 100 })
    expect(made.litellm_budget_table.budget_id).toBe('pro')
    await post('/customer/new', { user_id: 'alice', budget_id: 'pro' })
    const refused = await post('/budget/delete', { id: 'pro' })
    expect(refused.status).toBe(409)
    expect(refused.json.error.message).toContain("1 customer and 1 key are on budget 'pro'")
    expect(refused.json.error.message).toContain('/customer/update and /key/update')
    await post('/budget/update', { budget_id: 'pro', max_budget: 200 })
    expect((await infoOf(token)).max_budget).toBe(200)
    await post('/budget/delete', { id: 'pro', force: true })
    expect(await infoOf(token)).toMatchObject({ budget_id: null, max_budget: null })
  })
})
