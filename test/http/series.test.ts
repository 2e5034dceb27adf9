import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { OUTCOMES } from '../../src/ledger/settlement.ts'
import { charged, openStore } from '../support/store.ts'
import { NOW } from './fake-store.ts'
import { gatewayWith } from './gateway.ts'
import { MIDNIGHT, withCalls } from './report-gateway.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const RANGE = 'start_date=2026-10-09&end_date=2026-10-10'

type Point = { at: string; spend: number; calls: number; failed_calls: number }
type Line = { name: string | null; alias?: string; total: Point; points: Point[] }

describe('/spend/series', () => {
  test('has a point for each day, zeros too, and sums of the range', async () => {
    const { get } = await withCalls()
    const { status, json } = await get('/spend/series?start_date=2026-10-08&end_date=2026-10-10')
    expect([status, json.start, json.end]).toEqual([
      200,
      '2026-10-08T00:00:00.000Z',
      '2026-10-11T00:00:00.000Z',
    ])
    expect(json.series).toHaveLength(1)
    const [{ name, points }] = json.series as Line[] as [Line]
    expect(name).toBe('all')
    expect(points.map(({ at, spend, calls }) => [at.slice(0, 10), spend, calls])).toEqual([
      ['2026-10-08', 0, 0],
      ['2026-10-09', 2, 2],
      ['2026-10-10', 5, 3],
    ])
    expect(json.total).toEqual({
      spend: 7,
      cost: 4,
      calls: 5,
      failed_calls: 1,
      prompt_tokens: 32,
      completion_tokens: 40,
      total_tokens: 72,
    })
  })

  test('by model and by customer names those charged most first, and sums the rest', async () => {
    const { get } = await withCalls()
    const linesOf = async (query: string) => {
      const { json } = await get(`/spend/series?${RANGE}&${query}`)
      return (json.series as Line[]).map(({ name, total, points }) => [
        name,
        total.spend,
        points.map(({ spend }) => spend),
      ])
    }
    expect(await linesOf('by=model')).toEqual([
      ['demo', 4, [2, 2]],
      ['other', 3, [0, 3]],
    ])
    expect(await linesOf('by=customer')).toEqual([
      ['alice', 4, [2, 2]],
      ['bob', 3, [0, 3]],
    ])
    expect(await linesOf('by=customer&top=1')).toEqual([
      ['alice', 4, [2, 2]],
      [null, 3, [0, 3]],
    ])
    expect(await linesOf('by=model&end_user=bob')).toEqual([['other', 3, [0, 3]]])
    expect(await linesOf('model=demo')).toEqual([['all', 4, [2, 2]]])
    expect(await linesOf('api_key=abc')).toEqual([['all', 3, [0, 3]]])
    expect(await linesOf('api_key=litellm_proxy_master_key')).toEqual([['all', 4, [2, 2]]])
    expect(await linesOf('api_key=abc&end_user=alice')).toEqual([['all', 0, [0, 0]]])
  })

  test('by hour is the same sums', async () => {
    const { get } = await withCalls()
    for (const filter of ['by=customer', 'by=model', 'end_user=alice', 'by=customer&top=1']) {
      const days = await get(`/spend/series?${RANGE}&${filter}`)
      const hours = await get(`/spend/series?${RANGE}&${filter}&step=hour`)
      const brief = ({ name, total }: Line) => ({ name, total })
      expect(hours.json.series.map(brief)).toEqual(days.json.series.map(brief))
      expect(hours.json.series[0].points).toHaveLength(48)
      expect(hours.json.total).toEqual(days.json.total)
    }
  })

  test('without dates is the last 30 days, or 24 hours', async () => {
    const { get } = await withCalls()
    expect((await get('/spend/series')).json.series[0].points).toHaveLength(30)
    const { json } = await get('/spend/series?step=hour')
    expect(json.series[0].points).toHaveLength(24)
    expect(json.end).toBe('2026-10-11T01:00:00.000Z')
  })

  test.each([
    [
      'start_date=2020-01-01&end_date=2026-01-01',
      'A series has at most 1000 points, and this range has 2193 days: ask for a shorter one',
    ],
    [
      'start_date=2026-01-01&end_date=2026-03-01&step=hour',
      'A series has at most 1000 points, and this range has 1440 hours: ask for a shorter one, or for step=day',
    ],
    [
      'start_date=2026-01-01&end_date=2026-01-03&step=hour&by=customer',
      'With by=customer there are hours for at most 48 of them, and this range has 72: they are summed from single calls. Ask for a shorter range, or for step=day',
    ],
    [
      'start_date=2026-01-01&end_date=2026-01-08&step=hour&end_user=a',
      'With end_user there are hours for at most 168 of them, and this range has 192: they are summed from single calls. Ask for a shorter range, or for step=day',
    ],
    [
      'by=customer&model=demo',
      'by=customer does not go together with model unless end_user says whose calls: no sums are kept of these two together',
    ],
    [
      'step=hour&api_key=abc',
      'step=hour does not go together with api_key unless end_user says whose calls: no sums are kept of these two together',
    ],
    ['by=day', 'by must be one of none, model, customer, got "day"'],
    ['top=51', 'top must be between 1 and 50, got 51'],
    ['start_date=soon', 'start_date must be a time such as 2026-12-01T00:00:00Z, got "soon"'],
    [
      'start_date=2026-02-01&end_date=2026-01-01',
      'end_date must not be before start_date, got "2026-01-01" and "2026-02-01"',
    ],
  ])('refuses ?%s', async (query, message) => {
    const { status, json } = await gatewayWith().get(`/spend/series?${query}`)
    expect([status, json.error.message]).toEqual([400, message])
  })

  test('by whatever it is asked is the sum of the rows of the ledger', async () => {
    const call = fc.record({
      customer: fc.option(fc.constantFrom('alice', 'bob', 'carol')),
      model: fc.constantFrom('a', 'b'),
      outcome: fc.constantFrom(...OUTCOMES),
      charge: fc.integer({ min: -5, max: 1_000 }),
      tokens: fc.nat(100),
      at: fc.oneof(fc.constantFrom(DAY_MS - 1, DAY_MS), fc.nat(2 * DAY_MS - 1)),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 25 }), fc.nat(4), async (calls, top) => {
        const { store, clock } = await openStore({ now: NOW })
        const { get } = gatewayWith({ series: store.series, now: () => MIDNIGHT + DAY_MS })
        const commits = calls.map(({ customer: id, at, charge, tokens, model, outcome }) => {
          const customer = id === null ? null : store.findOrOpenCustomer(id).customer
          clock.now = MIDNIGHT - DAY_MS + at
          const made = charged(customer, { charge: nanos(charge), settledAt: clock.now })
          const row = { ...made.row, model, outcome, usage: { input: tokens, cachedInput: 1 } }
          return store.commit({ ...made, row }, [])
        })
        await Promise.all(commits)
        for (const [step, ms] of [
          ['day', DAY_MS],
          ['hour', HOUR_MS],
        ] as const) {
          for (const by of ['none', 'model', 'customer'] as const) {
            const { json } = await get(
              `/spend/series?${RANGE}&step=${step}&by=${by}&top=${top + 1}`,
            )
            const nameOf = { none: () => 'all', model: pickModel, customer: pickCustomer }[by]
            const named = (json.series as Line[]).filter(({ name }) => name !== null)
            const names = new Set(named.map(({ name }) => name))
            for (const { name, points } of json.series as Line[]) {
              const mine = calls.filter((one) =>
                name === null ? !names.has(nameOf(one)) : nameOf(one) === name,
              )
              for (const { at, spend, calls: count, failed_calls: failed } of points) {
                const from = Date.parse(at) - MIDNIGHT + DAY_MS
                const inside = mine.filter((one) => one.at >= from && one.at < from + ms)
                const sum = inside.reduce((all, { charge }) => all + charge, 0)
                expect(Math.round(spend * 1e9)).toBe(sum)
                expect(count).toBe(inside.filter((one) => one.outcome !== 'correction').length)
                expect(failed).toBe(
                  inside.filter((one) => one.outcome === 'upstream_failed').length,
                )
              }
            }
            const all = calls.reduce((sum, { charge }) => sum + charge, 0)
            const told = (json.series as Line[]).reduce((sum, { total }) => sum + total.spend, 0)
            expect(Math.round(told * 1e9)).toBe(all)
          }
        }
        store.close()
      }),
      { numRuns: 25 },
    )
  })
})

const pickModel = ({ model }: { model: string }) => model
const pickCustomer = ({ customer }: { customer: string | null }) => customer ?? ''
