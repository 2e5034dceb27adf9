import { describe, expect, test } from 'bun:test'
import { dollarsText, type Nanos } from '../../src/ledger/money.ts'
import { rowsOf } from '../support/books.ts'
import { PROGRAMS, run, SOURCE } from '../support/command.ts'
import { startGateway } from '../support/gateway.ts'
import type { Server } from '../support/server.ts'

const CALLS = 300
const CUSTOMERS = ['alice', 'bob', '=HYPERLINK("http://x","y")', 'a,b "c"']

type Row = { id: string; customer_id: string; cost: number; charge: number }

const ledger = ({ databasePath }: Server) =>
  rowsOf<Row>(databasePath, 'SELECT * FROM ledger ORDER BY settled_at, id')

const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })

/** Every page of the logs, one after the other. */
async function allPages(server: Server, query: string): Promise<{ request_id: string }[]> {
  const calls: { request_id: string }[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const after = cursor === '' ? '' : `&cursor=${cursor}`
    const { json, headers } = await server.ask(`/spend/logs?${query}${after}`)
    calls.push(...json)
    cursor = headers.get('x-next-cursor')
  }
  return calls
}

/** In nano-dollars, without a float between. */
const nanosOf = (text: string): number => {
  const [whole = '', fraction = ''] = text.split('.')
  return Number(whole + fraction.padEnd(9, '0'))
}

test('logs, days, customers and exports agree with the ledger, read while calls come in', async () => {
  await using gateway = await startGateway()
  const { server } = gateway
  let next = 0
  const worker = async () => {
    while (next < CALLS) {
      const number = next++
      const user = CUSTOMERS[number % CUSTOMERS.length]
      const { status } = await gateway.chat({ user, max_tokens: 1 + (number % 9) })
      expect(status).toBe(200)
    }
  }
  const work = Promise.all(Array.from({ length: 10 }, worker))
  while (next < CALLS) {
    const settled = ledger(server).map(({ id }) => id)
    const seen = (await allPages(server, 'page_size=20')).map((call) => call.request_id)
    expect(new Set(seen).size).toBe(seen.length)
    expect(settled.filter((id) => !seen.includes(id))).toEqual([])
  }
  await work

  const rows = ledger(server)
  expect(rows).toHaveLength(CALLS)
  const logs = await allPages(server, 'page_size=77')
  expect(logs.map((call) => call.request_id)).toEqual(rows.map(({ id }) => id).toReversed())
  const charged = (of: readonly Row[]) => of.reduce((sum, { charge }) => sum + charge, 0) / 1e9

  const { json: days } = await server.ask('/customer/daily/activity')
  expect(days.metadata).toMatchObject({ total_spend: charged(rows), total_api_requests: CALLS })
  const { json: top } = await server.ask('/global/spend/end_users')
  expect(top).toHaveLength(CUSTOMERS.length)
  for (const { end_user: id, total_spend, total_count } of top) {
    const own = rows.filter((row) => row.customer_id === id)
    const { total_spend: onTab } = await gateway.customer(id)
    expect([total_count, total_spend, onTab]).toEqual([own.length, charged(own), charged(own)])
  }

  const { text: lines } = await server.ask('/spend/logs/export?format=jsonl')
  const exported = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(exported.map((row) => [row.request_id, row.end_user])).toEqual(
    rows.map((row) => [row.id, row.customer_id]),
  )
  for (const [at, line] of lines.trimEnd().split('\n').entries()) {
    expect(line).toContain(`"charge":${dollarsText(rows[at]!.charge as Nanos)},`)
  }
  const { text: csv, headers } = await server.ask('/spend/logs/export?end_user=alice')
  expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
  const [head = '', ...cells] = csv.trimEnd().split('\r\n')
  const own = rows.filter((row) => row.customer_id === 'alice')
  const [id, at] = ['request_id', 'charge'].map((name) => head.split(',').indexOf(name))
  const charges = cells.map((line) => [line.split(',')[id!]!, nanosOf(line.split(',')[at!]!)])
  // Those of a customer that settled in one millisecond are in the order of their charges.
  expect(charges.toSorted()).toEqual(own.map((row) => [row.id, row.charge]).toSorted())

  expect(await server.stop()).toBe(0)
  const options = { folder: server.folder }
  const written = await run(
    [...SOURCE, 'export', '--db', server.databasePath, '--format=jsonl'],
    options,
  )
  expect([written.code, written.out]).toEqual([0, lines])
  const verified = await run([...SOURCE, 'verify', '--db', server.databasePath], options)
  expect([verified.code, verified.errors]).toEqual([0, ''])
})

test('a key for reports reads them, a key for calls reads nobody’s, not even its own', async () => {
  await using gateway = await startGateway()
  const { server, chat } = gateway
  await chat()
  const made = async (json: object): Promise<string> =>
    (await server.ask('/key/generate', { json })).json.key
  const [reader, caller] = [
    await made({ key_type: 'read_only' }),
    await made({ customer_id: 'alice' }),
  ]
  for (const path of [
    '/spend/logs',
    '/spend/logs?end_user=alice',
    '/spend/logs/export',
    '/customer/daily/activity',
    '/end_user/daily/activity?end_user_ids=alice',
    '/global/spend/end_users',
  ]) {
    const [read, refused] = [await server.ask(path, as(reader)), await server.ask(path, as(caller))]
    expect([path, read.status, refused.status]).toEqual([path, 200, 403])
    expect(refused.text).not.toContain('gpt-4o-mini')
  }
})

describe.each(PROGRAMS)('tollgate export by %s', (_, command) => {
  test('writes the ledger beside a live server, and ends when nobody reads', async () => {
    await using gateway = await startGateway()
    const { server, chat } = gateway
    for (const user of ['alice', 'bob', 'alice']) await chat({ user })
    const exported = [...command(), 'export', '--db', server.databasePath]
    const options = { folder: server.folder }
    const all = await run(exported, options)
    expect([all.code, all.errors]).toEqual([0, ''])
    expect(all.out).toBe((await server.ask('/spend/logs/export')).text)
    expect(all.out.split('\r\n')).toHaveLength(5)
    const alices = await run([...exported, '--customer', 'alice', '--format', 'jsonl'], options)
    expect(alices.out.trimEnd().split('\n')).toHaveLength(2)
    const before = await run([...exported, '--to', '2020-01-01', '--format=jsonl'], options)
    expect([before.code, before.out]).toEqual([0, ''])
    const unread = `${exported.map((word) => `'${word}'`).join(' ')} | true`
    const { code, errors } = await run(['bash', '-c', `set -o pipefail; ${unread}`], options)
    expect([code, errors]).toEqual([0, ''])
  })

  test.each([
    [['--format', 'xml'], 2, '--format must be csv or jsonl, got xml.'],
    [['--from', 'yesterday'], 1, '--from must be a time such as 2026-12-01T00:00:00Z'],
    [['--from', '2026-02-02', '--to', '2026-02-01'], 1, '--to must not be before --from'],
    [['--db', 'nowhere.db'], 1, 'There is no database at nowhere.db'],
  ])('says of %p what is wrong', async (args, code, sentence) => {
    const outcome = await run([...command(), 'export', ...args], { folder: '/tmp' })
    expect([outcome.code, outcome.out]).toEqual([code, ''])
    expect(outcome.errors).toContain(sentence)
  })
})
