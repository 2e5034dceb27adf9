import { describe, expect, test } from 'bun:test'
import type { BudgetRules } from '../../src/config/config.ts'
import { fromDollars } from '../../src/ledger/money.ts'
import { load, problemsOf, withModel } from './loading.ts'

const settings = (line: string) => withModel(`tollgate_settings: {${line}}`)
const litellm = (line: string) => withModel(`litellm_settings: {${line}}`)

test.each<[string, Partial<BudgetRules>]>([
  ['budget_mode: strict', { mode: 'strict' }],
  ['budget_mode: finish_last', { mode: 'finish_last' }],
  ['budget_mode: Soft', { mode: 'soft' }],
  ['reserve_share: 1', { reserveShare: 1 }],
  ['reserve_share: 0.0001', { reserveShare: 0.0001 }],
  ['reserve_share: os.environ/SHARE', { reserveShare: 0.25 }],
  ['min_output_tokens: 1', { outputTokensMin: 1 }],
  ['default_max_output_tokens: "8192"', { outputTokensMaxDefault: 8192 }],
  ['allow_unpriced_models: true', { allowUnpriced: true }],
  ['budget_thresholds: [1, 0.5, 0.8, 0.5]', { thresholds: [0.5, 0.8, 1] }],
  ['budget_thresholds: []', { thresholds: [] }],
  ['week_start: monday', { weekStart: 1 }],
  ['week_start: Sunday', { weekStart: 7 }],
  ['day_of_month: 31', { dayOfMonth: 31 }],
  ['require_customer: true', { requireCustomer: true }],
  ['known_customers_only: true', { knownCustomersOnly: true }],
])('tollgate_settings: {%s}', (line, expected) => {
  const { budgets, warnings } = load(settings(line), { env: { SHARE: '0.25' } })
  expect(budgets).toMatchObject(expected)
  expect(warnings).toEqual([])
})

test.each([
  ['budget_mode: strickt', 'budget_mode must be one of strict, finish_last, soft, got "strickt"'],
  ['reserve_share: 0', 'reserve_share must be a share above 0 and up to 1, such as 0.5, got 0'],
  ['reserve_share: 50', 'reserve_share must be a share above 0 and up to 1, such as 0.5, got 50'],
  [
    'min_output_tokens: 0',
    'min_output_tokens must be a whole number of tokens from 1 to 1000000000, got 0',
  ],
  [
    'default_max_output_tokens: 1.5',
    'default_max_output_tokens must be a whole number of tokens from 1 to 1000000000, got 1.5',
  ],
  ['allow_unpriced_models: "yes"', 'allow_unpriced_models must be true or false, got "yes"'],
  [
    'budget_thresholds: 0.85',
    'budget_thresholds must be a list of shares of the budget, such as [0.85, 0.95], got 0.85',
  ],
  [
    'budget_thresholds: [0.5, 85]',
    'budget_thresholds[1] must be a share above 0 and up to 1, such as 0.5, got 85',
  ],
  ['week_start: 1', 'week_start must be text; put it in quotes, got 1'],
  [
    'week_start: funday',
    'week_start must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday, got "funday"',
  ],
  ['day_of_month: 32', 'day_of_month must be a day from 1 to 31, got 32'],
  ['day_of_month: 1.5', 'day_of_month must be a day from 1 to 31, got 1.5'],
  ['require_customer: 1', 'require_customer must be true or false, got 1'],
  ['known_customers_only: no one', 'known_customers_only must be true or false, got "no one"'],
])('refuses tollgate_settings: {%s}', (line, problem) => {
  expect(problemsOf(() => load(settings(line)))).toEqual([
    `config.yaml:3: tollgate_settings.${problem}`,
  ])
})

describe('the default budget of customers without one', () => {
  test.each<[string, number]>([
    ['10', 10],
    ['"4.5"', 4.5],
    ['0', 0],
    ['9000000', 9_000_000],
    ['os.environ/DEFAULT', 2],
  ])('is max_end_user_budget: %s, in dollars', (written, dollars) => {
    const config = load(litellm(`max_end_user_budget: ${written}`), { env: { DEFAULT: '2' } })
    expect(config.budgets.defaultMaxBudget).toBe(fromDollars(dollars))
    expect(config.budgets.defaultBudgetId).toBeNull()
    expect(config.warnings).toEqual([])
  })

  test('is the tier of max_end_user_budget_id', () => {
    const { budgets, warnings } = load(litellm('max_end_user_budget_id: free'))
    expect(budgets).toMatchObject({ defaultBudgetId: 'free', defaultMaxBudget: null })
    expect(warnings).toEqual([])
  })

  test('is the tier when both are given, and the dollars are a warning', () => {
    const both = 'max_end_user_budget: 10, max_end_user_budget_id: free'
    const { budgets, warnings } = load(litellm(both))
    expect(budgets.defaultBudgetId).toBe('free')
    expect(warnings).toEqual([
      'config.yaml:3: litellm_settings.max_end_user_budget has no effect beside max_end_user_budget_id',
    ])
  })

  test.each(['-1', '9000001', 'ten', '.inf', '[1]'])('is not %s', (written) => {
    const [problem, ...others] = problemsOf(() => load(litellm(`max_end_user_budget: ${written}`)))
    expect(problem).toStartWith(
      'config.yaml:3: litellm_settings.max_end_user_budget must be dollars from 0 to 9000000, got ',
    )
    expect(others).toEqual([])
  })
})

describe('of a model', () => {
  const modelWith = (info: string, params = '') =>
    `model_list: [{model_name: m, litellm_params: {model: demo${params}}, model_info: {${info}}}]`

  test.each<[string, string, string | null]>([
    ['region: EU', '', 'eu'],
    ['', ', region_name: us-East-1', 'us-east-1'],
    ['region: eu', ', region_name: us', 'eu'],
    ['', '', null],
  ])('model_info {%s} and litellm_params {%s} state the region %p', (info, params, region) => {
    const { deployments, warnings } = load(modelWith(info, params))
    expect(deployments[0]!.region).toBe(region)
    expect(warnings).toEqual([])
  })

  test.each<[string, number | null]>([
    ['max_output_tokens: 8192', 8192],
    ['max_output_tokens: "8192"', 8192],
    ['max_tokens: 4096', 4096],
    ['max_tokens: 128000, max_output_tokens: 16384', 16_384],
    ['max_input_tokens: 128000', null],
  ])('model_info {%s} makes %p tokens the longest answer', (info, tokens) => {
    expect(load(modelWith(info)).deployments[0]!.outputTokensMax).toBe(tokens)
  })

  test('max_input_tokens of the model_info is the longest prompt', () => {
    const [deployment] = load(modelWith('max_input_tokens: 131072')).deployments
    expect([deployment!.inputTokensMax, deployment!.outputTokensMax]).toEqual([131_072, null])
    expect(load(modelWith('max_tokens: 4096')).deployments[0]!.inputTokensMax).toBeNull()
  })

  test.each([
    ['region: [eu]', 'region must be text, got a list'],
    [
      'max_output_tokens: 0',
      'max_output_tokens must be a whole number of tokens from 1 to 1000000000, got 0',
    ],
    [
      'max_tokens: many',
      'max_tokens must be a whole number of tokens from 1 to 1000000000, got "many"',
    ],
  ])('refuses model_info {%s}', (info, problem) => {
    expect(problemsOf(() => load(modelWith(info)))).toEqual([
      `config.yaml:1: model_list[0].model_info.${problem}`,
    ])
  })
})
