import { expect, test } from 'bun:test'
import { fakeExports } from './fake-exports.ts'
import { gatewayWith } from './gateway.ts'

const gatewayOf = (dead?: number) => {
  const { parts, did } = fakeExports(dead)
  return { ...gatewayWith(parts), did }
}

test('the exports are listed with what waits, and with those that the config has no more', async () => {
  const { status, json } = await gatewayOf().get('/exports')
  expect(status).toBe(200)
  expect(json[0]).toEqual({
    name: 'stripe',
    type: 'stripe',
    configured: true,
    waiting_rows: 2,
    pending_events: 3,
    oldest_at: '2026-11-01T09:30:00.000Z',
    sent_events: 40,
    skipped_rows: 5,
    dead: 1,
    last_sent_at: null,
    last_failure: { at: '2026-11-01T09:30:00.000Z', error: 'status 500' },
  })
  expect(json[1]).toMatchObject({ name: 'old', configured: false, last_failure: null })
})

test('what was refused is listed page by page', async () => {
  const { get } = gatewayOf(101)
  const { json } = await get('/exports/dead')
  expect(json.dead).toHaveLength(100)
  expect(json.dead[0]).toEqual({
    id: 101,
    export: 'stripe',
    events: 1,
    error: 'status 400: no such customer',
    settled_at: '2026-11-01T09:30:00.000Z',
    content: { value: '7' },
  })
  expect(json.next_cursor).toBe(2)
  const last = await get('/exports/dead?cursor=2')
  expect([last.json.dead.length, last.json.next_cursor]).toEqual([1, null])
})

test('the dead are replayed, all or some, and the exporters look at once', async () => {
  const { post, did } = gatewayOf()
  expect((await post('/exports/replay', { export: 'stripe' })).json).toEqual({ replayed: 1 })
  expect((await post('/exports/replay', { export: 'stripe', ids: [3, 4, 3] })).json).toEqual({
    replayed: 2,
  })
  expect(did).toEqual(['replay all of stripe', 'wake', 'replay 3,4 of stripe', 'wake'])
})

test('what waits is given up by an explicit act alone', async () => {
  const { post, did } = gatewayOf()
  const discard = (name: string, what: string) => post('/exports/discard', { export: name, what })
  expect((await discard('stripe', 'dead')).json).toEqual({ discarded: 1 })
  const { status, json } = await discard('stripe', 'all')
  expect(status).toBe(400)
  expect(json.error.message).toContain("The config still has the export 'stripe'")
  expect((await discard('old', 'all')).json).toEqual({ discarded: 6 })
  expect(did).toEqual(['discard the dead of stripe', 'discard old'])
})

test.each<[path: string, body: unknown, status: number, sentence: string]>([
  ['/exports/replay', { export: 'crm' }, 404, "No export 'crm'; there are stripe, old."],
  ['/exports/replay', {}, 400, 'export'],
  ['/exports/replay', { export: 'stripe', ids: [] }, 400, 'ids'],
  ['/exports/replay', { export: 'stripe', ids: ['x'] }, 400, 'ids'],
  ['/exports/replay', { export: 'stripe', id: 1 }, 400, 'id'],
  ['/exports/discard', { export: 'stripe' }, 400, 'what'],
  ['/exports/discard', { export: 'stripe', what: 'some' }, 400, 'what'],
  ['/exports/discard', { export: 'crm', what: 'all' }, 404, "No export 'crm'"],
])('%s with %p is refused: %p', async (path, body, status, sentence) => {
  const { post, did } = gatewayOf()
  const answer = await post(path, body)
  expect(answer.status).toBe(status)
  expect(answer.json.error.message).toContain(sentence)
  expect(did).toEqual([])
})

test.each(['cursor=0', 'cursor=x', 'page=1', 'export='])(
  'a query of %s is refused',
  async (query) => {
    expect((await gatewayOf().get(`/exports/dead?${query}`)).status).toBe(400)
  },
)
