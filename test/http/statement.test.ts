import { expect, test } from 'bun:test'
import { rowsOf } from '../support/books.ts'
import { resellersDay } from '../support/reseller.ts'
import { gatewayWith } from './gateway.ts'

const { store, path, clock } = await resellersDay(1_500)
const name = '=<script>alert(1)</script>'
const given = { profile: { alias: name }, limits: null, spent: null }
await store.updateCustomer('customer 3', given)
const gateway = gatewayWith({
  customers: store as never,
  statements: store.statements,
  tabUsage: store.reports.tabs,
  currencyOf: ({ customer }) => (customer.id === 'customer 6' ? { code: 'EUR', rate: 0.5 } : null),
  now: () => clock.now,
})
const statement = async (id: string, more = '') =>
  gateway.get(`/customer/statement?end_user_id=${encodeURIComponent(id)}${more}`)
const nanos = (dollars: number) => Math.round(dollars * 1e9)
const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0)

test('a statement’s sums are those of the ledger, and its balances go into one another', async () => {
  for (let n = 0; n < 200; n += 3) {
    const id = `customer ${n}`
    const { status, json } = await statement(id, '&period=2026-10')
    expect(status).toBe(200)
    const [ledger] = rowsOf<{ charge: number; calls: number; balance: number }>(
      path,
      `SELECT coalesce(sum(charge), 0) AS charge, count(ledger.id) AS calls, balance FROM customers
       LEFT JOIN ledger USING (tab) WHERE customers.id = ?1`,
      id,
    )
    const { total, usage, opening_balance, closing_balance } = json
    expect([nanos(total.charge), total.calls]).toEqual([ledger!.charge, ledger!.calls])
    const charges = usage.map(({ charge }: { charge: number }) => nanos(charge))
    expect(sum(charges)).toBe(ledger!.charge)
    const { granted, adjusted, expired, refunded, drawn } = total
    const moved = [opening_balance, granted, adjusted, -expired, -refunded, -drawn].map(nanos)
    expect(sum(moved)).toBe(nanos(closing_balance))
    expect(nanos(closing_balance)).toBe(ledger!.balance)
    expect(nanos(drawn)).toBe(ledger!.charge)
  }
})

test('a correction is on it by itself, with the sum that it changes', async () => {
  const id = 'customer 1'
  const before = (await statement(id)).json
  const spent = store.findCustomer(id)!.customer.spent
  await store.updateCustomer(id, {
    profile: {},
    limits: null,
    spent: (spent + 5_000) as typeof spent,
  })
  const { json } = await statement(id)
  expect(json.corrections).toMatchObject([{ amount: 0.000005, reason: null, call_id: null }])
  expect(nanos(json.total.charge)).toBe(nanos(before.total.charge) + 5_000)
  expect(json.total).toMatchObject({ corrected: 0.000005, calls: before.total.calls })
  expect(json).toMatchObject({ opening_balance: null, closing_balance: null, credit: [] })
})

test('a month in which nothing was is empty, and the balance after a month is that before the next', async () => {
  const october = (await statement('customer 3', '&period=2026-10')).json
  const november = (await statement('customer 3', '&period=2026-11')).json
  expect(november).toMatchObject({ start_date: '2026-11-01', end_date: '2026-11-30', usage: [] })
  expect(november.opening_balance).toBe(october.closing_balance)
  expect((await statement('customer 3', '&period=2026-09')).json.closing_balance).toBe(0)
})

test('to print, it runs nothing, loads nothing, and takes every name as text', async () => {
  const { json: html, headers } = await statement('customer 3', '&format=html')
  expect(headers.get('content-security-policy')).toStartWith("default-src 'none'")
  expect(html).toContain('=&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(html).not.toContain('<script')
  expect(html).toContain('Closing balance')
  expect((await statement('customer 6', '&format=html')).json).toContain('EUR')
})

test('as a file it adds up to its last line, and holds no formula', async () => {
  const { json: csv, headers } = await statement('customer 3', '&format=csv')
  expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
  const lines = (csv as string)
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(','))
  const of = (what: string) =>
    lines.filter((cells) => cells[1] === what).map((cells) => nanos(Number(cells.at(-1))))
  expect(sum(of('usage'))).toBe(of('charged in all')[0]!)
  const [opening] = of('opening balance')
  expect(opening! + sum(of('grant')) - sum(of('usage'))).toBe(of('closing balance')[0]!)
  for (const cells of lines) for (const cell of cells) expect(cell).not.toMatch(/^[=+@]/)
})

test.each([
  ['&period=2026-13', 'period'],
  ['&period=2026-10&start_date=2026-10-01', 'Send either period, or start_date'],
  ['&start_date=2020-01-01&end_date=2026-01-01', 'A statement is of 1 to 366 days'],
])('%p is refused', async (more, message) => {
  const { status, json } = await statement('customer 3', more)
  expect([status, json.error.message.startsWith(message)]).toEqual([400, true])
})

test('of a customer that is not there it is a 404', async () => {
  expect((await statement('nobody')).status).toBe(404)
})
