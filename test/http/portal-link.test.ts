import { describe, expect, test } from 'bun:test'
import { DEFAULT_PORTAL } from '../../src/config/portal.ts'
import { portalTokens } from '../../src/http/portal-token.ts'
import { MASTER_KEY } from './gateway.ts'
import { DAY_MS, NOW, withPortal } from './portal-gateway.ts'

describe.each(['/customer', '/end_user'])('POST %s/portal', (prefix) => {
  test('answers a link that is good for an hour, or as long as was asked', async () => {
    const { post } = await withPortal()
    const { status, json, headers } = await post(`${prefix}/portal`, { user_id: 'alice' })
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(json.url).toMatch(/^http:\/\/localhost\/portal#portal_[\w-]+\.[\w-]{43}$/)
    expect(json.expires_at).toBe(new Date(NOW + 3_600_000).toISOString())
    const long = await post(`${prefix}/portal`, { user_id: 'alice', duration: '30d' })
    expect(long.json.expires_at).toBe(new Date(NOW + 30 * DAY_MS).toISOString())
  })
})

describe('a link', () => {
  test('is refused for an unknown customer, and for a time that is none or too long', async () => {
    const { post } = await withPortal()
    const unknown = await post('/customer/portal', { user_id: 'nobody' })
    expect([unknown.status, unknown.json.error.param]).toEqual([404, 'user_id'])
    for (const duration of ['31d', '721h', '2mo', '0s', 'soon', 'weekly', '-1h', '']) {
      const { status, json } = await post('/customer/portal', { user_id: 'alice', duration })
      expect([duration, status, json.error.param]).toEqual([duration, 400, 'duration'])
      expect(json.error.message).toEndWith(`at most 30d, got ${JSON.stringify(duration)}`)
    }
  })

  test('begins as the request came, or as the config says', async () => {
    const { link } = await withPortal()
    const authorization = `Bearer ${MASTER_KEY}`
    const begin = async (more: Record<string, string>) =>
      (await link({ user_id: 'alice' }, { authorization, ...more })).json
    expect((await begin({ host: 'llm.example:81' })).url).toStartWith(
      'http://llm.example:81/portal#',
    )
    const proxied = { host: 'llm.example', 'x-forwarded-proto': 'https, http' }
    expect((await begin(proxied)).url).toStartWith('https://llm.example/portal#')
    const { error } = await begin({ host: 'x/<script>' })
    expect(error.message).toContain('Set tollgate_settings.portal.url')

    const portal = { ...DEFAULT_PORTAL, url: 'https://llm.example.com/gate' }
    const configured = await (await withPortal({ portal })).link(
      { user_id: 'alice' },
      {
        authorization,
        ...proxied,
      },
    )
    expect(configured.json.url).toStartWith('https://llm.example.com/gate/portal#portal_')
  })
})

describe('what a link does not open', () => {
  test('anything after its time: it says until when it was good', async () => {
    const { link, ask, clock } = await withPortal()
    const { token } = await link({ user_id: 'alice', duration: '1m' })
    clock.now += 59_999
    expect((await ask('/portal/summary', token)).status).toBe(200)
    clock.now += 1
    const { status, json } = await ask('/portal/usage', token)
    expect([status, json.error.type]).toEqual([401, 'expired_key'])
    expect(json.error.message).toBe(
      'This link was good until 2026-11-24T10:01:00.000Z; ask for a new one.',
    )
  })

  test('anything when it is forged, changed in any letter, or of another master key', async () => {
    const { link, ask } = await withPortal()
    const { token } = await link({ user_id: 'alice' })
    const [text, signature] = token.slice('portal_'.length).split('.') as [string, string]
    const asBob = Buffer.from(
      Buffer.from(text, 'base64url').toString().replace('alice', 'bob'),
    ).toString('base64url')
    const { id, tab, expiresAt } = JSON.parse(Buffer.from(text, 'base64url').toString())
    const changed = Array.from({ length: token.length }, (_, at) => {
      const letter = token[at] === 'A' ? 'B' : 'A'
      return `${token.slice(0, at)}${letter}${token.slice(at + 1)}`
    })
    for (const bad of [
      ...changed,
      `portal_${asBob}.${signature}`,
      portalTokens('sk-another').sign({ id, tab, expiresAt }),
      `portal_${text}.`,
      `portal_${text}`,
      token.slice(0, -1),
      `${token}A`,
      `${token}=`,
      MASTER_KEY,
      'portal_',
    ]) {
      const { status, json } = await ask('/portal/summary', bad)
      expect([bad, status, json.error.type]).toEqual([bad, 401, 'auth_error'])
      expect(json.error.message).toBe(
        'This link is not a good one, or not whole; ask for a new one.',
      )
    }
  })

  test('the page’s figures without a token, whatever else the request brings', async () => {
    const { get } = await withPortal()
    const authenticated = { 'x-api-key': MASTER_KEY, cookie: 'tollgate_session=x' }
    const { status, json } = await get('/portal/summary', authenticated)
    expect(status).toBe(401)
    expect(json.error.message).toContain('takes the token of a link that /customer/portal made')
  })

  test('a customer that was deleted, nor the one made anew under its id', async () => {
    const { post, link, ask } = await withPortal()
    const { token } = await link({ user_id: 'alice' })
    await post('/customer/delete', { user_ids: ['alice'] })
    const deleted = await ask('/portal/summary', token)
    await post('/customer/new', { user_id: 'alice' })
    const anew = await ask('/portal/summary', token)
    for (const { status, json } of [deleted, anew]) {
      expect([status, json.error.message]).toEqual([
        404,
        'The customer of this link is not there any more.',
      ])
    }
    const { token: fresh } = await link({ user_id: 'alice' })
    expect((await ask('/portal/usage', fresh)).json.total.spend).toBe(0)
  })

  test('any other route; and it is no wrong key that keeps its address out', async () => {
    const { app, link, ask, send, store } = await withPortal()
    const { token } = await link({ user_id: 'alice' })
    const routes = app.routes.filter(
      ({ path }) => !/^\/(docs|health|portal|ui(?!\/session))|completions$/.test(path),
    )
    expect(routes.length).toBeGreaterThan(40)
    for (const { method, path } of routes) {
      for (const name of ['authorization', 'x-api-key', 'api-key']) {
        const value = name === 'authorization' ? `Bearer ${token}` : token
        const { status, json } = await send(path, { method, headers: { [name]: value } })
        expect([method, path, status]).toEqual([method, path, 401])
        expect(json.error.message).toContain("opens the customer's own page and nothing else")
      }
    }
    expect(store.findCustomer('alice')).not.toBeNull()
    expect((await ask('/portal/summary', token)).status).toBe(200)
  })
})
