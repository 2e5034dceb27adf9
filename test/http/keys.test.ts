import { describe, expect, test } from 'bun:test'
import { Check } from 'typebox/value'
import { KeySchema } from '../../src/http/key-json.ts'
import { MASTER_KEY } from './gateway.ts'
import { as, withStore } from './key-gateway.ts'

describe('/key/info', () => {
  test('knows a key by itself and by its hash, and shows it by neither', async () => {
    const { generate, get } = await withStore()
    const { key, token } = await generate()
    for (const name of [key, token]) {
      const { status, json } = await get(`/key/info?key=${name}`)
      expect([status, json.key, json.info.token]).toEqual([200, token, token])
      expect(JSON.stringify(json)).not.toContain(key)
    }
  })

  test('is what a key for calls may ask of itself, and of no other', async () => {
    const { generate, get } = await withStore()
    const [mine, other] = [await generate(), await generate()]
    expect((await get('/key/info', as(mine.key))).json.key).toBe(mine.token)
    expect((await get(`/key/info?key=${mine.key}`, as(mine.key))).status).toBe(200)
    const { status, json } = await get(`/key/info?key=${other.token}`, as(mine.key))
    expect([status, json.error.type]).toEqual([403, 'auth_error'])
  })

  test('of an unknown key is 404, and the same for one that the asker may not see', async () => {
    const { generate, get } = await withStore()
    const { status, json } = await get('/key/info?key=sk-nobody')
    expect([status, json.error.message]).toEqual([404, 'Key not found in database'])
    expect((await get('/key/info')).status).toBe(404)
    const { key } = await generate()
    expect((await get('/key/info?key=sk-nobody', as(key))).status).toBe(403)
  })
})

describe('/key/update', () => {
  test('puts a key with models of its own on a shared budget: its models are no limit', async () => {
    const { generate, post, infoOf } = await withStore()
    await post('/budget/new', { budget_id: 'pro', max_budget: 100 })
    const { token } = await generate({ budget_id: 'pro', models: ['demo'] })
    expect(await infoOf(token)).toMatchObject({ budget_id: 'pro', models: ['demo'] })
    await post('/key/update', { key: token, max_budget: 1, models: [] })
    const { status } = await post('/key/update', { key: token, budget_id: 'pro', models: [] })
    expect(status).toBe(200)
    expect(await infoOf(token)).toMatchObject({ budget_id: 'pro', max_budget: 100, models: [] })
  })

  test('changes what is sent and nothing else, and null clears', async () => {
    const { generate, post, infoOf } = await withStore()
    const { token } = await generate({
      key_alias: 'a',
      max_budget: 5,
      models: ['demo'],
      duration: '1h',
      team_id: 't',
      user_id: 'u',
    })
    const { json } = await post('/key/update', { key: token, max_budget: 7, team_id: 'other' })
    expect(json).toMatchObject({ key: token, max_budget: 7, key_alias: 'a', models: ['demo'] })
    expect(json).toMatchObject({ team_id: 'other', user_id: 'u' })
    await post('/key/update', { key: token, max_budget: null, models: null, duration: '-1' })
    expect(await infoOf(token)).toMatchObject({
      max_budget: null,
      models: [],
      expires: null,
      key_alias: 'a',
    })
  })

  test('gives a key on a shared budget one of its own, and leaves the shared one alone', async () => {
    const { generate, post, infoOf } = await withStore()
    await post('/budget/new', { budget_id: 'pro', max_budget: 100, rpm_limit: 10 })
    const [one, other] = [
      await generate({ budget_id: 'pro' }),
      await generate({ budget_id: 'pro' }),
    ]
    await post('/key/update', { key: one.token, max_budget: 1 })
    expect(await infoOf(one.token)).toMatchObject({ max_budget: 1, rpm_limit: 10, budget_id: null })
    expect(await infoOf(other.token)).toMatchObject({ max_budget: 100, budget_id: 'pro' })
  })

  test('sets a spend by a row of the ledger', async () => {
    const { generate, post, infoOf, store } = await withStore()
    const { token } = await generate({ spend: 2 })
    expect((await infoOf(token)).spend).toBe(2)
    await post('/key/update', { key: token, spend: 0.5 })
    expect(await infoOf(token)).toMatchObject({ spend: 0.5, total_spend: 0.5 })
    expect(store.keys.find(token)!.key.spent).toBe(500_000_000 as never)
  })

  test.each(['update', 'block', 'unblock', 'regenerate'])(
    'of an unknown key is 404 with the sentence of LiteLLM, as for /key/%s',
    async (route) => {
      const { post } = await withStore()
      const { status, json } = await post(`/key/${route}`, { key: 'sk-nobody-knows-this' })
      expect([status, json.error.message]).toEqual([404, 'Key not found in database'])
      expect(json.error.param).toBe('key')
    },
  )
})

describe('/key/regenerate', () => {
  test.each<[string, (token: string) => [string, object]]>([
    ['in the body', (token) => ['/key/regenerate', { key: token, max_budget: 9 }]],
    ['in the path', (token) => [`/key/${token}/regenerate`, { max_budget: 9 }]],
  ])('with the key %s makes a new secret and keeps all else', async (_, requestOf) => {
    const { generate, post, get, infoOf } = await withStore()
    const old = await generate({ key_alias: 'a', customer_id: 'alice', spend: 1 })
    const { status, json } = await post(...requestOf(old.token))
    expect(status).toBe(200)
    expect(json.key).not.toBe(old.key)
    expect(json).toMatchObject({ key_alias: 'a', customer_id: 'alice', spend: 1, max_budget: 9 })
    expect((await get('/key/info', as(old.key))).status).toBe(401)
    expect((await get('/key/info', as(json.key))).status).toBe(200)
    expect((await infoOf(json.token)).spend).toBe(1)
  })

  test('by its path needs no body', async () => {
    const { generate, send } = await withStore()
    const { key } = await generate()
    const init = { method: 'POST', headers: as(MASTER_KEY) }
    const response = await send(`/key/${key}/regenerate`, init)
    expect(response.status).toBe(200)
    expect(response.json.key).toMatch(/^sk-/)
  })
})

describe('/key/delete, /key/block', () => {
  test('of several keys deletes all or, if one is unknown, none', async () => {
    const { generate, post, get } = await withStore()
    const [one, other] = [await generate(), await generate()]
    const refused = await post('/key/delete', { keys: [one.key, 'sk-nobody'] })
    expect(refused.status).toBe(404)
    expect((await get('/key/info', as(one.key))).status).toBe(200)
    const { json } = await post('/key/delete', { keys: [one.key, other.token] })
    expect(json).toEqual({ deleted_keys: [one.token, other.token] })
    expect((await get('/key/info', as(one.key))).status).toBe(401)
    expect((await post('/key/delete', {})).status).toBe(400)
  })

  test('refuses a blocked key with LiteLLM’s 401 until it is unblocked', async () => {
    const { generate, post, get } = await withStore()
    const { key } = await generate()
    expect((await post('/key/block', { key })).json.blocked).toBe(true)
    const { status, json } = await get('/models', as(key))
    expect([status, json.error.type]).toEqual([401, 'auth_error'])
    expect(json.error.message).toBe(
      "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
    )
    await post('/key/unblock', { key })
    expect((await get('/models', as(key))).status).toBe(200)
  })
})

describe('/key/list', () => {
  test('pages through hashes, the newest first, or through whole keys', async () => {
    const { generate, get } = await withStore()
    const made: string[] = []
    for (let n = 0; n < 5; n++) made.push((await generate({ key_alias: `k${n}`, spend: n })).token)
    const { json } = await get('/key/list?size=2&page=2&sort_by=key_alias&sort_order=asc')
    expect(json).toEqual({
      keys: [made[2], made[3]],
      total_count: 5,
      current_page: 2,
      total_pages: 3,
    })
    const whole = await get('/key/list?return_full_object=true&sort_by=spend&size=1')
    expect(whole.json.keys[0]).toMatchObject({ key_alias: 'k4', spend: 4 })
    expect(Check(KeySchema, whole.json.keys[0])).toBe(true)
    expect((await get('/key/list?key_alias=k3')).json.keys).toEqual([made[3]])
    expect((await get('/key/list?size=101')).status).toBe(400)
    const { token } = await generate({ user_id: 'u', team_id: 't', customer_id: 'alice' })
    await generate({ user_id: 'u', team_id: 'other' })
    for (const query of ['user_id=u&team_id=t', 'customer_id=alice', `key_hash=${token}`]) {
      expect((await get(`/key/list?${query}`)).json.keys).toEqual([token])
    }
  })

  test('finds keys by a part of their alias, their customer or their last characters', async () => {
    const { generate, get } = await withStore()
    const made = await generate({ key_alias: '100%_web', customer_id: 'alice' })
    await generate({ key_alias: '100xyweb', customer_id: 'bob' })
    await generate()
    for (const search of ['0%_W', 'LIC', made.key.slice(-4)]) {
      const { json } = await get(`/key/list?search=${encodeURIComponent(search)}`)
      expect(json, search).toMatchObject({ keys: [made.token], total_count: 1 })
    }
    expect((await get('/key/list?search=')).json.total_count).toBe(3)
  })

  test('shows the secret of no key, nor does the database have it', async () => {
    const { generate, get, store } = await withStore()
    const { key } = await generate({ key_alias: 'a' })
    const { json } = await get('/key/list?return_full_object=true')
    expect(JSON.stringify(json)).not.toContain(key)
    expect(JSON.stringify(store.keys.list({ ...ALL }))).not.toContain(key)
  })
})

const ALL = {
  search: null,
  page: 1,
  pageSize: 10,
  alias: null,
  hash: null,
  customerId: null,
  labels: {},
  sort: 'created_at',
  descending: true,
} as const
