import { describe, expect, test } from 'bun:test'
import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'
import type { DailySum } from '../../src/ledger/record.ts'
import { gatewayWith } from './gateway.ts'
import { MIDNIGHT, withCalls } from './report-gateway.ts'

type Call = { request_id: string; end_user: string; endTime: string }

describe('GET /spend/logs', () => {
  test('has a call in the shape of LiteLLM, and after it what the ledger knows more', async () => {
    const { get } = await withCalls()
    const { json } = await get('/spend/logs?end_user=bob')
    expect(json).toHaveLength(1)
    expect(json[0]).toMatchObject({
      api_key: 'abc',
      spend: 3,
      total_tokens: 0,
      model: 'other',
      model_id: 'gone',
      custom_llm_provider: '',
      user: 'ours',
      end_user: 'bob',
      metadata: { user_api_key: 'abc', user_api_key_alias: 'backend' },
      status: 'success',
      outcome: 'ok',
      endTime: new Date(MIDNIGHT + 2).toISOString(),
      prices: null,
    })
    const [failed] = (await get('/spend/logs?outcome=upstream_failed')).json
    expect(failed).toMatchObject({
      api_key: 'litellm_proxy_master_key',
      prompt_tokens: 8,
      completion_tokens: 10,
      total_tokens: 18,
      custom_llm_provider: 'demo',
      status: 'failure',
      usage: { input: 5, cached_input: 2, cache_write: 1, output: 7, reasoning: 3 },
    })
  })

  test('follows its links to the end, newest first, and has each call once', async () => {
    const { get } = await withCalls()
    const { json: whole } = await get('/spend/logs')
    expect(whole.map((call: Call) => call.end_user)).toEqual(['bob', ...Array(4).fill('alice')])
    const seen: Call[] = []
    let path: string | null = '/spend/logs?page_size=2'
    while (path !== null) {
      const page = await get(path)
      seen.push(...page.json)
      const [, next = null] = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '') ?? []
      expect(next === null).toBe(page.headers.get('x-next-cursor') === null)
      path = next
    }
    expect(seen).toEqual(whole)
  })

  test.each([
    ['request_id=nope', 0],
    ['end_user=alice', 4],
    ['user_id=alice', 4],
    ['end_user=nobody', 0],
    ['api_key=abc', 1],
    ['api_key=ABC', 1],
    ['api_key=sk-unknown', 0],
    ['api_key=litellm_proxy_master_key', 4],
    ['model=demo', 4],
    ['outcome=upstream_failed', 1],
    ['outcome=ok&end_user=alice', 3],
    ['start_date=2026-10-10', 3],
    ['end_date=2026-10-09', 2],
    ['start_date=2026-10-09&end_date=2026-10-10&summarize=false', 5],
    ['start_date=2026-10-10 00:00:00&summarize=false', 3],
    ['end_date=2026-10-09T23:59:59.998Z', 1],
  ])('answers for %s the calls that fit', async (query, count) => {
    const { get } = await withCalls()
    const { status, json } = await get(`/spend/logs?${query}`)
    expect([query, status, json.length]).toEqual([query, 200, count])
  })

  test('finds one by its id', async () => {
    const { get } = await withCalls()
    const [first] = (await get('/spend/logs')).json
    expect((await get(`/spend/logs?request_id=${first.request_id}`)).json).toEqual([first])
    const other = `/spend/logs?request_id=${first.request_id}&end_user=alice`
    expect((await get(other)).json).toEqual([])
  })

  test('with both dates sums up days, as LiteLLM does', async () => {
    const { get } = await withCalls()
    const { json } = await get('/spend/logs?start_date=2026-10-08&end_date=2026-10-11')
    expect(json).toEqual([
      {
        startTime: '2026-10-09',
        spend: 2,
        users: { alice: 2 },
        models: { demo: 2 },
        litellm_proxy_master_key: 2,
      },
      {
        startTime: '2026-10-10',
        spend: 5,
        users: { alice: 2, bob: 3 },
        models: { demo: 2, other: 3 },
        abc: 3,
        litellm_proxy_master_key: 2,
      },
      { startTime: '2026-10-11', spend: 0, users: {}, models: {} },
    ])
    const none = await get('/spend/logs?start_date=2020-01-01&end_date=2020-01-02')
    expect(none.json).toEqual([])
  })

  test('looks at so many rows for a page and no more, and says where it goes on', async () => {
    let looked = 0
    const { get } = gatewayWith({
      reports: {
        find: () => null,
        isPlace: () => true,
        days: async () => [],
        async *daySums(): AsyncGenerator<DailySum[]> {},
        async *slices(_, { rows }) {
          for (;;) {
            looked += rows
            yield { records: [], looked: rows, lastId: `row-${looked}` }
          }
        },
      },
    })
    const { json, headers } = await get('/spend/logs')
    expect(json).toEqual([])
    expect(looked).toBeGreaterThanOrEqual(20_000)
    expect(looked).toBeLessThan(21_000)
    expect(headers.get('x-next-cursor')).toBe(`row-${looked}`)
  })
})

test.each([
  ['/spend/logs?cursor=nope', 'cursor', 'cursor must be that of a page with the same filters'],
  ['/spend/logs?outcome=fine', 'outcome', 'outcome must be one of ok, interrupted'],
  ['/spend/logs?start_date=tomorrow', 'start_date', 'got "tomorrow"'],
  ['/spend/logs?start_date=2026-02-30', 'start_date', 'must be a time such as'],
  ['/spend/logs?start_date=2026-10-02&end_date=2026-10-01', 'end_date', 'must not be before'],
  ['/spend/logs?summarize=true', 'summarize', 'needs start_date and end_date'],
  [
    '/spend/logs?summarize=true&outcome=ok&start_date=2026-10-01&end_date=2026-10-02',
    'summarize',
    'cannot be had by outcome',
  ],
  ['/spend/logs?start_date=1990-01-01&end_date=2026-10-01', 'start_date', 'at most 3660 days'],
  ['/spend/logs?end_user=a&user_id=b', 'user_id', 'both name the customer, got "b" and "a"'],
  ['/spend/logs?page_size=0', 'page_size', 'between 1 and 1000'],
  ['/spend/logs?limit=5', 'limit', 'Unknown field "limit"'],
  ['/spend/logs/export?format=xls', 'format', 'format must be one of csv, jsonl'],
  ['/spend/logs/export?cursor=x', 'cursor', 'Unknown field "cursor"'],
  ['/customer/daily/activity?start_date=x', 'start_date', 'must be a time such as'],
  ['/customer/daily/activity?end_user_ids=,', 'end_user_ids', 'got 0'],
  ['/customer/daily/activity?page=0', 'page', 'between 1 and'],
  ['/global/spend/end_users?startTime=x', 'startTime', 'startTime must be a time such as'],
  ['/global/spend/end_users?startTime=2026-02-02&endTime=2026-02-01', 'endTime', 'not be before'],
])('GET %s is refused with 400, naming %p', async (path, param, message) => {
  const { get } = await withCalls()
  const { status, json } = await get(path)
  expect([status, json.error.param]).toEqual([400, param])
  expect(json.error.message).toContain(message)
})

test('every report is answered as the document promises', async () => {
  const { get } = await withCalls()
  const { json: document } = await get('/docs/json', {})
  const whole = (schema: unknown): TSchema =>
    JSON.parse(
      JSON.stringify(schema, (_, value) => {
        const name = value?.$ref?.replace('#/components/schemas/', '')
        return name === undefined ? value : whole(document.components.schemas[name])
      }),
    )
  for (const [path, query] of [
    ['/spend/logs', ''],
    ['/spend/logs', '?start_date=2026-10-01&end_date=2026-10-31'],
    ['/customer/daily/activity', ''],
    ['/global/spend/end_users', ''],
  ] as const) {
    const { json } = await get(`${path}${query}`)
    const { schema } = document.paths[path].get.responses['200'].content['application/json']
    expect([path, Check(whole(schema), json)]).toEqual([path, true])
  }
})
