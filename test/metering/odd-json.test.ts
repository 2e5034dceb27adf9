import { expect, test } from 'bun:test'
import { numberIn, textIn } from '../../src/metering/odd-json.ts'

const ODD: readonly unknown[] = [
  { toString: '' },
  { toString: null, valueOf: null },
  [],
  [[1]],
  true,
  null,
  undefined,
]

test('what is no text is none, whatever an object says that it is as text', () => {
  for (const odd of ODD) expect(textIn(odd)).toBe('')
  expect(textIn('auto')).toBe('auto')
})

test('what is no number is none; what a form writes is one', () => {
  for (const odd of ODD) expect(numberIn(odd)).toBeNaN()
  expect([numberIn(2), numberIn('2'), numberIn('two')]).toEqual([2, 2, Number.NaN])
})
