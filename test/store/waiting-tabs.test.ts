import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Charged, WaitingTabs } from '../../src/store/waiting-tabs.ts'

const rowOn = (tab: number) => ({ row: { tab }, periodStart: 0 }) as Charged

test('all tabs are in one part each, and no part is larger than it may be by more than one tab', () => {
  const most = { tabs: 5, rows: 12 }
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 120 }), (tabs) => {
      const waiting = new WaitingTabs()
      for (const tab of tabs) waiting.keep(rowOn(tab), 1)
      const parts = [...waiting.parts(most)]
      expect(parts.flat()).toEqual([...new Set(tabs)])
      for (const part of parts) {
        expect(part.length).toBeLessThanOrEqual(most.tabs)
        const rows = part.slice(0, -1).flatMap((tab) => waiting.rowsOn(tab))
        expect(rows.length).toBeLessThan(most.rows)
      }
    }),
  )
})

test('a tab that is gone when its part is made is in none', () => {
  const waiting = new WaitingTabs()
  for (const tab of [1, 2, 3]) waiting.keep(rowOn(tab), 1)
  const parts = waiting.parts({ tabs: 1, rows: 9 })
  expect(parts.next().value).toEqual([1])
  waiting.remove(2)
  expect([...parts]).toEqual([[3]])
})

test('a tab is full with 64 rows, until it is removed', () => {
  const waiting = new WaitingTabs()
  for (let row = 0; row < 63; row++) waiting.keep(rowOn(7), 1)
  expect([...waiting.full]).toEqual([])
  waiting.keep(rowOn(7), 1)
  expect([...waiting.full]).toEqual([7])
  waiting.remove(7)
  expect([...waiting.full]).toEqual([])
})
