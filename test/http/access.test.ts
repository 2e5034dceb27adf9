import { describe, expect, test } from 'bun:test'
import { requireAccess, requireCalls } from '../../src/http/access.ts'
import { type KeyRole, NEW_KEY, type VirtualKey } from '../../src/ledger/key.ts'
import { ZERO } from '../../src/ledger/money.ts'
import { deployment, gatewayWith } from './gateway.ts'

const keyOf = (role: KeyRole): VirtualKey => ({
  ...NEW_KEY,
  role,
  id: 1,
  hash: 'h',
  name: 'sk-...abcd',
  spent: ZERO,
  totalSpent: ZERO,
  periodStart: 0,
  createdAt: 0,
  updatedAt: 0,
})

/** Our app as one who holds a key of this role meets it. */
const appFor = (role: KeyRole) =>
  gatewayWith({
    authenticate: () => keyOf(role),
    mayCall: (_, model) => model === 'demo',
    deployments: ['demo', 'gpt-4o'].map((modelName) => deployment({ modelName })),
  })

/** Each role, and all that it opens; every other route must refuse it. */
const OPEN: Record<KeyRole, string[]> = {
  calls: [
    'GET /models',
    'GET /models/:id',
    'GET /models/*',
    'GET /key/info',
    'GET /responses/:id',
    'DELETE /responses/:id',
    'POST /responses/:id/cancel',
    'GET /responses/:id/input_items',
  ],
  reports: [
    'GET /models',
    'GET /models/:id',
    'GET /models/*',
    'GET /model/info',
    'GET /customer/info',
    'GET /customer/list',
    'GET /customer/near_limit',
    'GET /end_user/near_limit',
    'GET /customer/periods',
    'GET /end_user/info',
    'GET /end_user/list',
    'GET /end_user/periods',
    'GET /customer/credit/balance',
    'GET /customer/credit/history',
    'GET /end_user/credit/balance',
    'GET /end_user/credit/history',
    'GET /customer/statement',
    'GET /end_user/statement',
    'GET /customer/daily/activity',
    'GET /end_user/daily/activity',
    'GET /spend/logs',
    'GET /spend/logs/export',
    'GET /spend/series',
    'GET /margin',
    'GET /spend/now',
    'GET /spend/live',
    'GET /global/spend/end_users',
    'POST /global/spend/end_users',
    'GET /budget/list',
    'GET /budget/settings',
    'GET /budget/reset',
    'POST /budget/info',
    'POST /budget/preview',
    'GET /key/info',
    'GET /key/list',
    'GET /metrics',
    'GET /webhook/receivers',
    'GET /webhook/events',
    'GET /exports',
    'GET /rate_card/list',
    'GET /rate_card/info',
    'POST /price/quote',
    'GET /exports/dead',
    'POST /ui/session',
    'GET /ui/session',
    'DELETE /ui/session',
  ],
}

describe.each(['calls', 'reports'] as const)('a key for %s', (role) => {
  test('is refused with 403 at every route but those that it is for, and changes nothing', async () => {
    const { app, send, store } = appFor(role)
    const open = /^\/(docs|health|portal|ui$|ui\/app|ui\/\*)|completions$/
    const routes = app.routes.filter(({ path }) => !open.test(path))
    expect(routes.length).toBeGreaterThan(30)
    for (const { method, path } of routes) {
      const { status, json } = await send(path, { method })
      const isOpen = OPEN[role].includes(`${method} ${path.replace(/^\/v1/, '')}`)
      expect([method, path, status === 403]).toEqual([method, path, !isOpen])
      if (isOpen) continue
      expect(json.error.type).toBe('auth_error')
      expect(json.error.message).toContain('Virtual key is not allowed to call this route.')
      expect(json.error.message).toContain('Use the master key.')
    }
    expect(store.commits).toEqual([])
  })

  test.each(['/customer/new/', '/%63ustomer/new', '/models/../customer/new', '//customer/new'])(
    'gets no further by writing a path as %s',
    async (path) => {
      const { send, store } = appFor(role)
      const body = JSON.stringify({ user_id: 'x' })
      const { status } = await send(path, { method: 'POST', body })
      expect(status).toBe(403)
      expect(store.commits).toEqual([])
    },
  )

  test('leaves the docs and the health of the server open', async () => {
    const { get } = appFor(role)
    for (const path of ['/docs/json', '/health/liveliness', '/health/readiness']) {
      expect((await get(path)).status).toBe(200)
    }
  })
})

test('a key for calls sees the models that it may call, and no others', async () => {
  const { get } = appFor('calls')
  const { json } = await get('/v1/models')
  expect(json.data.map(({ id }: { id: string }) => id)).toEqual(['demo'])
  const { status, json: refused } = await get('/models/gpt-4o')
  expect(status).toBe(404)
  expect(refused.error.message).not.toContain('did you mean gpt-4o')
  const all = await appFor('reports').get('/models')
  expect(all.json.data).toHaveLength(2)
})

test('a path with a slash at its end is the same path', async () => {
  const { get } = appFor('calls')
  expect((await get('/models/')).status).toBe(200)
})

test('only the master key and keys for calls make calls', () => {
  const request = new Request('http://localhost/v1/chat/completions')
  expect(requireCalls('master', request)).toBeNull()
  expect(requireCalls(keyOf('calls'), request)).toEqual(keyOf('calls'))
  expect(() => requireCalls(keyOf('reports'), request)).toThrow("['info_routes']")
  expect(() => requireAccess('master', { method: 'POST', path: '/anything' })).not.toThrow()
})
