import { expect, test } from 'bun:test'
import { rowsOf } from '../support/books.ts'
import { resellersDay } from '../support/reseller.ts'
import { gatewayWith } from './gateway.ts'

const { store, path, day, clock } = await resellersDay(1_500)
const gateway = gatewayWith({ reports: store.reports, series: store.series, now: () => clock.now })
const date = new Date(day).toISOString().slice(0, 10)
const days = `start_date=${date}&end_date=${date}`

type Line = { group: string; cost: number; charge: number; margin: number; calls: number }
const nanos = (dollars: number) => Math.round(dollars * 1e9)

test.each(['day', 'model', 'customer'])('by %s its sums are those of the ledger', async (by) => {
  const { status, json } = await gateway.get(`/margin?${days}&group_by=${by}&page_size=1000`)
  expect(status).toBe(200)
  const column = { day: `'${date}'`, model: 'model', customer: 'customer_id' }[by]
  const rows = rowsOf<{ name: string; cost: number; charge: number; calls: number }>(
    path,
    `SELECT ${column} AS name, sum(cost) AS cost, sum(charge) AS charge, count(*) AS calls
     FROM ledger GROUP BY 1`,
  )
  const lines = json.results as Line[]
  expect(lines).toHaveLength(rows.length)
  for (const { name, cost, charge, calls } of rows) {
    const line = lines.find(({ group }) => group === name)!
    expect([nanos(line.cost), nanos(line.charge), line.calls]).toEqual([cost, charge, calls])
    expect(nanos(line.margin)).toBe(charge - cost)
  }
  const sum = rows.reduce((total, { charge, cost }) => total + charge - cost, 0)
  expect(nanos(json.total.margin)).toBe(sum)
})

test('customers come by what they bring, the least first, page by page', async () => {
  const all: Line[] = []
  for (let page = 1; ; page++) {
    const path = `/margin?${days}&group_by=customer&page=${page}&page_size=70`
    const { json } = await gateway.get(path)
    all.push(...json.results)
    if (page === json.total_pages) break
  }
  const margins = all.map(({ margin }) => margin)
  expect(margins).toEqual(margins.toSorted((a, b) => a - b))
  expect(new Set(all.map(({ group }) => group)).size).toBe(all.length)
})

test('as a file it has every line, to the nano-dollar', async () => {
  const { json: csv, headers } = await gateway.get(`/margin?${days}&group_by=customer&format=csv`)
  expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
  const [head, ...lines] = (csv as string).trimEnd().split('\r\n')
  expect(head).toBe('customer,calls,cost,charge,margin,margin_percent')
  const { json } = await gateway.get(`/margin?${days}&group_by=customer&page_size=1000`)
  expect(lines).toHaveLength(json.results.length)
  const sum = lines.reduce((total, line) => total + nanos(Number(line.split(',')[4])), 0)
  expect(sum).toBe(nanos(json.total.margin))
})

test('a range that is too long is refused', async () => {
  const { status, json } = await gateway.get('/margin?start_date=2020-01-01&end_date=2026-01-01')
  expect(status).toBe(400)
  expect(json.error.message).toStartWith('A report of margins has at most 1000 days')
})
