import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { headOf, lineOf } from '../../src/http/export.ts'
import { type Nanos, nanos } from '../../src/ledger/money.ts'
import type { LedgerRecord } from '../../src/ledger/record.ts'
import { amountsOf } from '../../src/ledger/settlement.ts'

const record = (of: Partial<LedgerRecord> = {}): LedgerRecord => ({
  id: '01M85YX12J9XZEJ9BVTRXF62MV',
  customerId: 'alice',
  key: { hash: 'abc', alias: 'backend', labels: {} },
  model: 'demo',
  deployment: 'demo#1',
  outcome: 'ok',
  usageSource: 'upstream',
  usage: { input: 3, output: 4 },
  price: null,
  ...amountsOf(nanos(40_000), nanos(50_000)),
  cardVersion: null,
  startedAt: 0,
  settledAt: 1_000,
  ...of,
})

/** Records of cells, by RFC 4180 alone. */
function parse(csv: string): string[][] {
  const lines: string[][] = []
  const cells = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/gy
  const line: string[] = []
  let end = 0
  for (let match = cells.exec(csv); match !== null; match = cells.exec(csv)) {
    const [whole, cell = '', separator] = match
    line.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)
    if (separator === '\r\n') lines.push(line.splice(0))
    end += whole.length
  }
  expect(end).toBe(csv.length)
  return lines
}

/** What a spreadsheet has in each column of a record. */
function cellsOf(of: Partial<LedgerRecord>): Record<string, string> {
  const [head = [], cells = [], ...more] = parse(headOf('csv') + lineOf('csv', record(of)))
  expect([cells.length, more]).toEqual([head.length, []])
  return Object.fromEntries(head.map((name, at) => [name, cells[at]!]))
}

const anyText = fc.string({ unit: 'binary' })
const awkward = fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', "'", 'x', '=', ' ') })

describe('CSV', () => {
  test('gives back every text, whatever is in it, and no formula', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, awkward), (customerId) => {
        const { end_user: cell } = cellsOf({ customerId })
        expect(cell).not.toMatch(/^[=+\-@\t\r]/)
        expect([customerId, `'${customerId}`]).toContain(cell!)
        if (!/^[=+\-@\t\r＝＋－＠]/.test(customerId)) expect(cell).toBe(customerId)
      }),
    )
  })

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '＝1'])('makes text of %p', (formula) => {
    expect(cellsOf({ customerId: formula })['end_user']).toBe(`'${formula}`)
    expect(cellsOf({ model: formula })['model']).toBe(`'${formula}`)
    const key = { hash: 'abc', alias: formula, labels: {} }
    expect(cellsOf({ key })['key_alias']).toBe(`'${formula}`)
  })

  test('leaves an amount below zero a number', () => {
    expect(cellsOf({ charge: nanos(-1) })['charge']).toBe('-0.000000001')
  })

  test('has an empty cell for what is not there', () => {
    expect(cellsOf({ customerId: null, key: null, price: 'unpriced' })).toMatchObject({
      end_user: '',
      api_key: 'litellm_proxy_master_key',
      key_alias: '',
      prices: '',
    })
  })
})

test('money is exact to the last nano-dollar in both formats', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (amount) => {
      const { charge = '' } = cellsOf({ charge: amount as Nanos })
      const line = lineOf('jsonl', record({ charge: amount as Nanos }))
      const [, inJson] = /"charge":(-?[\d.]+),/.exec(line)!
      for (const text of [charge, inJson!]) {
        expect(text).toMatch(/^-?\d+(\.\d{1,9})?$/)
        const [whole = '', fraction = ''] = text.replace('-', '').split('.')
        expect(BigInt(whole + fraction.padEnd(9, '0'))).toBe(BigInt(Math.abs(amount)))
      }
    }),
  )
})

test('a line of JSON has the columns of CSV, in their order', () => {
  fc.assert(
    fc.property(anyText, (customerId) => {
      const line = lineOf('jsonl', record({ customerId, price: '{"rates":{}}' }))
      expect(line.indexOf('\n')).toBe(line.length - 1)
      const parsed = JSON.parse(line) as Record<string, unknown>
      expect(Object.keys(parsed)).toEqual(parse(headOf('csv'))[0]!)
      expect(parsed).toMatchObject({ end_user: customerId, input: 3, prices: { rates: {} } })
    }),
  )
})
