import { expect, test } from 'bun:test'
import { fromDollars } from '../../src/ledger/money.ts'
import { load, problemsOf, withModel } from './loading.ts'

const creditOf = (...lines: string[]) =>
  withModel('tollgate_settings:', '  credit:', ...lines.map((line) => `    ${line}`))

test('credit without settings is told to nobody', () => {
  expect(load(withModel()).credit).toEqual({ topUpUrl: null, lowAt: null })
})

test('credit has an address where it is bought, and a balance that is low', () => {
  const topUpUrl = 'https://pay.example.com/?of={customer_id}'
  expect(load(creditOf(`top_up_url: ${topUpUrl}`, 'low_at: 2.5')).credit).toEqual({
    topUpUrl,
    lowAt: fromDollars(2.5),
  })
})

test.each([
  ['low_at: -1', 'low_at must be dollars from 0 to 9000000, got -1'],
  ['top_up_url: pay.example.com', 'top_up_url must be an address that begins with http'],
  ['top_url: x', 'top_url is not a setting of Tollgate or LiteLLM; remove it, or see'],
])('a mistake is told: %p', (line, sentence) => {
  const [problem] = problemsOf(() => load(creditOf(line)))
  expect(problem).toContain(`5: tollgate_settings.credit.${sentence}`)
})
