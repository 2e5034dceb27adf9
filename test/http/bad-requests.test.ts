import { expect, spyOn, test } from 'bun:test'
import fc from 'fast-check'
import { openStore } from '../support/store.ts'
import { gatewayWith, MASTER_KEY } from './gateway.ts'

/**
 * Whatever is thrown at a route, a client reads the one error shape, and never a 5xx: those mean
 * that we are at fault, and wake somebody up.
 */

const { store } = await openStore()
const { app, send } = gatewayWith({ keys: store.keys })
const routes = app.routes.filter(({ path }) => !/completions|docs|health/.test(path))
const posts = [
  ...new Set(routes.filter((route) => route.method === 'POST').map(({ path }) => path)),
]
const gets = [...new Set(routes.filter((route) => route.method === 'GET').map(({ path }) => path))]
const headers = { 'x-api-key': MASTER_KEY, 'content-type': 'application/json' }

async function expectNoFault(path: string, init: RequestInit) {
  const log = spyOn(console, 'error').mockImplementation(() => {})
  try {
    const { status, json } = await send(path, init)
    expect(log.mock.calls.map(String)).toEqual([])
    expect(status).toBeLessThan(500)
    if (status < 400) return
    expect(json).toEqual({
      error: {
        message: expect.any(String),
        type: expect.any(String),
        param: json.error.param === null ? null : expect.any(String),
        code: String(status),
      },
    })
    expect(json.error.message.length).toBeGreaterThan(5)
  } finally {
    log.mockRestore()
  }
}

const FIELDS = [
  'user_id',
  'user_ids',
  'alias',
  'blocked',
  'spend',
  'metadata',
  'default_model',
  'budget_id',
  'budgets',
  'id',
  'force',
  'max_budget',
  'rpm_limit',
  'model_max_budget',
  'budget_duration',
  'budget_reset_at',
  'key',
  'keys',
  'key_aliases',
  'key_alias',
  'new_key',
  'customer_id',
  'key_type',
  'duration',
  'models',
  'tags',
  'aliases',
  '__proto__',
  'constructor',
  'toString',
]

/** What clients really get wrong, among whatever JSON there is. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom('', '0', '4.5', 'NaN', '1e999', '30d', '2026-12-01', '\ud800', '\u0000', 'demo'),
  fc.constantFrom(0, -1, 1.5, 9e6, 1e300, Number.MAX_SAFE_INTEGER, true, null),
  fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
  fc.dictionary(
    fc.string({ unit: 'binary' }),
    fc.dictionary(
      fc.constantFrom('max_budget', 'budget_duration', 'x', '__proto__'),
      fc.jsonValue(),
    ),
    { maxKeys: 3 },
  ),
)
const body = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.tuple(fc.constantFrom(...FIELDS), value), { maxLength: 6 })
    .map((fields) => JSON.stringify(Object.fromEntries(fields))),
)

test('any body at any route is taken, or refused in the common shape', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...posts), body, (path, text) =>
      expectNoFault(path, { method: 'POST', headers, body: text }),
    ),
    { numRuns: 1_500 },
  )
})

test('any query at any route is taken, or refused in the common shape', async () => {
  const names = ['end_user_id', 'budget_id', 'page', 'page_size', 'sort', 'order', 'blocked', 'x']
  const pair = fc.tuple(
    fc.constantFrom(...names),
    fc.oneof(
      fc.string({ unit: 'grapheme' }).map(encodeURIComponent),
      fc.constantFrom(
        '0',
        '-1',
        '1e9',
        '9007199254740993',
        '%E0%A4%A',
        '%',
        '[1]',
        'a,b',
        '{"a":1}',
      ),
    ),
  )
  const query = fc.array(pair, { maxLength: 4 }).map((pairs) => {
    const parts = pairs.map(([name, text]) => `${name}=${text}`)
    return parts.join('&')
  })
  const segment = fc.constantFrom('demo', 'nope', '%E0%A4%A', '%00', 'a%2Fb', 'a/b')
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...gets), segment, query, (path, id, query) =>
      expectNoFault(`${path.replace(/:id|\*/, id)}?${query}`, { headers }),
    ),
    { numRuns: 800 },
  )
})
