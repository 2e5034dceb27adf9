import { describe, expect, test } from 'bun:test'
import { DEFAULT_PORTAL } from '../../src/config/portal.ts'
import { gatewayWith } from './gateway.ts'
import { DAY_MS, NOW, TODAY, withPortal } from './portal-gateway.ts'

describe('GET /portal/summary', () => {
  test('has what a customer may know of itself, and nothing else', async () => {
    const { link, ask } = await withPortal()
    const { token } = await link({ user_id: 'alice' })
    const { status, json, headers } = await ask('/portal/summary', token)
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(json).toEqual({
      user_id: 'alice',
      alias: 'Alice Ltd',
      blocked: false,
      spend: 9,
      pending: 0.5,
      total_spend: 10,
      period_start: '2026-11-01T00:00:00.000Z',
      budget_reset_at: '2026-12-01T00:00:00.000Z',
      usage: {
        spend: 9,
        calls: 3,
        failed_calls: 0,
        prompt_tokens: 21,
        completion_tokens: 21,
        total_tokens: 42,
      },
      limits: {
        max_budget: 10,
        budget_duration: '30d',
        rpm_limit: 60,
        tpm_limit: null,
        max_parallel_requests: null,
        models: null,
        by_model: [],
      },
      credit: null,
      created_at: new Date(NOW).toISOString(),
      expires_at: new Date(NOW + 3_600_000).toISOString(),
    })
  })

  test('counts a period that begins in the midst of a day from then on', async () => {
    const { post, link, ask } = await withPortal()
    const at = (ms: number) => new Date(ms).toISOString()
    const reset = TODAY + DAY_MS + 60_000
    await post('/customer/update', {
      user_id: 'alice',
      budget_duration: '2d',
      budget_reset_at: at(reset),
    })
    const { token } = await link({ user_id: 'alice' })
    const { json } = await ask('/portal/summary', token)
    expect(json.period_start).toBe(at(reset - 2 * DAY_MS))
    expect([json.spend, json.usage.spend, json.usage.calls]).toEqual([9, 9, 3])
    await post('/customer/update', {
      user_id: 'alice',
      budget_reset_at: at(TODAY + 60_000 + 2 * DAY_MS),
    })
    const { json: later } = await ask('/portal/summary', token)
    expect(later.period_start).toBe(at(TODAY + 60_000))
    expect([later.spend, later.usage.spend, later.usage.calls]).toEqual([4, 4, 1])
  })
})

describe('GET /portal/usage', () => {
  test('has each day of a range by model, the sums of this customer alone', async () => {
    const { link, ask } = await withPortal()
    const { token } = await link({ user_id: 'alice' })
    const query = 'start_date=2026-11-22&end_date=2026-11-24'
    const { json } = await ask(`/portal/usage?${query}`, token)
    const used = (spend: number, calls: number) => ({
      spend,
      calls,
      failed_calls: 0,
      prompt_tokens: 7 * calls,
      completion_tokens: 7 * calls,
      total_tokens: 14 * calls,
    })
    expect(json).toEqual({
      start_date: '2026-11-22',
      end_date: '2026-11-24',
      total: used(9, 3),
      models: [
        { model: 'demo', ...used(5, 2) },
        { model: 'other', ...used(4, 1) },
      ],
      days: [
        { date: '2026-11-22', ...used(0, 0), models: [] },
        { date: '2026-11-23', ...used(2, 1), models: [{ model: 'demo', ...used(2, 1) }] },
        {
          date: '2026-11-24',
          ...used(7, 2),
          models: [
            { model: 'other', ...used(4, 1) },
            { model: 'demo', ...used(3, 1) },
          ],
        },
      ],
    })
  })

  test('is of the last 30 days unless told, and of 92 at most', async () => {
    const { link, ask } = await withPortal()
    const { token } = await link({ user_id: 'alice' })
    const { json } = await ask('/portal/usage', token)
    expect([json.start_date, json.end_date, json.days.length]).toEqual([
      '2026-10-26',
      '2026-11-24',
      30,
    ])
    const long = await ask('/portal/usage?start_date=2026-08-25&end_date=2026-11-24', token)
    expect(long.json.total.spend).toBe(10)
    for (const query of [
      'start_date=2026-08-24&end_date=2026-11-24',
      'start_date=0001-01-01',
      'start_date=2027-01-01',
      'end_date=yesterday',
      'start_date=2026-11-24&end_date=2026-11-22',
      'end_user=bob',
    ]) {
      const told = await ask(`/portal/usage?${query}`, token)
      expect([query, told.status, told.json.error?.type]).toEqual([
        query,
        400,
        'invalid_request_error',
      ])
    }
  })
})

test('a blocked customer still sees what it used, and that it is blocked', async () => {
  const { post, link, ask } = await withPortal()
  const { token } = await link({ user_id: 'alice' })
  await post('/customer/block', { user_ids: ['alice'] })
  expect((await ask('/portal/summary', token)).json).toMatchObject({ blocked: true, spend: 9 })
})

describe('the page', () => {
  const page = { html: '<title>OPERATOR</title><p>OPERATOR</p>', script: 'x', style: 'y' }
  const portalPage = () => Promise.resolve(page)

  test('is in the operator’s name, as text, and in no frame', async () => {
    const portal = { ...DEFAULT_PORTAL, name: '<b>"A&$&B"</b>' }
    const { get } = gatewayWith({ portal, portalPage })
    const { json, headers } = await get('/portal', {})
    const name = '&lt;b&gt;&quot;A&amp;$&amp;B&quot;&lt;/b&gt;'
    expect(json).toBe(`<title>${name}</title><p>${name}</p>`)
    expect(headers.get('content-security-policy')).toEndWith("; frame-ancestors 'none'")
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('set-cookie')).toBeNull()
  })

  test('is in the frames of the origins of the config, and in its colour', async () => {
    const origins = ['https://app.example.com', 'http://localhost:3000']
    const { get } = gatewayWith({
      portal: { ...DEFAULT_PORTAL, origins, accent: '#ff8800' },
      portalPage,
    })
    const { headers } = await get('/portal', {})
    expect(headers.get('content-security-policy')).toEndWith(
      '; frame-ancestors https://app.example.com http://localhost:3000',
    )
    expect((await get('/portal/theme.css', {})).json).toContain('--brand: #ff8800;')
    expect((await get('/portal/app.js', {})).json).toBe('x')
  })

  test('is found without the slash at the end, as what it loads is named from there', async () => {
    const { get } = gatewayWith({ portalPage })
    const { status, headers } = await get('/portal/', {})
    expect([status, headers.get('location')]).toEqual([308, '../portal'])
  })
})
