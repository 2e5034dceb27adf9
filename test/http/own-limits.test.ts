import { describe, expect, test } from 'bun:test'
import { gatewayWith } from './gateway.ts'

/** The limits that LiteLLM does not have, through every path that takes limits. */

const OWN = {
  budget_mode: 'finish_last',
  models: ['demo'],
  timezone: 'Europe/Berlin',
  week_start: 7,
  day_of_month: 31,
}
const UNSET = {
  budget_mode: null,
  models: null,
  timezone: null,
  week_start: null,
  day_of_month: null,
}

describe('are kept and answered', () => {
  test('in a budget: made, changed one by one, and lifted by null', async () => {
    const { post } = gatewayWith()
    const made = await post('/budget/new', { budget_id: 'pro', ...OWN })
    expect(made.json).toMatchObject(OWN)
    const changed = await post('/budget/update', { budget_id: 'pro', budget_mode: 'soft' })
    expect(changed.json).toMatchObject({ ...OWN, budget_mode: 'soft' })
    const lifted = await post('/budget/update', { budget_id: 'pro', ...UNSET })
    expect(lifted.json).toMatchObject(UNSET)
  })

  test('in the own budget of a customer, which any one of them makes', async () => {
    const { post } = gatewayWith()
    for (const [field, value] of Object.entries(OWN)) {
      const { json } = await post('/customer/new', { user_id: field, [field]: value })
      expect(json.litellm_budget_table).toMatchObject({ ...UNSET, [field]: value })
    }
    const changed = await post('/customer/update', { user_id: 'models', models: [] })
    expect(changed.json.litellm_budget_table.models).toEqual([])
  })

  test('not beside a shared budget', async () => {
    const { post } = gatewayWith()
    await post('/budget/new', { budget_id: 'pro' })
    const body = { user_id: 'alice', budget_id: 'pro', budget_mode: 'soft' }
    const { status, json } = await post('/customer/new', body)
    expect([status, json.error.param]).toEqual([400, 'budget_id'])
  })
})

// A row is a first day of the week as it may be written, and its number by ISO 8601.
test.each([
  [1, 1],
  ['7', 7],
  ['monday', 1],
  ['Sunday', 7],
])('a week that begins on %p begins on day %p', async (week_start, day) => {
  const { json } = await gatewayWith().post('/budget/new', { week_start })
  expect(json.week_start).toBe(day)
})

test.each(['daily', 'weekly', 'monthly', 'quarterly', 'yearly', '2w'])(
  'a period may be %s, of a budget and of a model in it',
  async (budget_duration) => {
    const model_max_budget = { demo: { max_budget: 1, budget_duration } }
    const { json } = await gatewayWith().post('/budget/new', { budget_duration, model_max_budget })
    expect(json.budget_duration).toBe(budget_duration)
    expect(json.model_max_budget.demo.budget_duration).toBe(budget_duration)
  },
)

// A row is a body, the status, the field at fault, and what is said.
test.each<[object, number, string, string]>([
  [
    { budget_mode: 'strickt' },
    400,
    'budget_mode',
    'budget_mode must be one of strict, finish_last, soft, null, got "strickt"; did you mean strict?',
  ],
  [{ models: 'demo' }, 400, 'models', 'models must be a list or null, got "demo"'],
  [{ models: [''] }, 400, 'models[0]', 'models[0] must have at least 1 characters, got 0'],
  [
    { models: ['demo', 'dem'] },
    422,
    'models',
    'models dem is not served; served are demo; did you mean demo?',
  ],
  [
    { model_max_budget: { 'gpt-9': { max_budget: 1 } } },
    422,
    'model_max_budget',
    'model_max_budget gpt-9 is not served; served are demo',
  ],
  [
    { timezone: 'Mars/Phobos' },
    400,
    'timezone',
    'timezone must be an IANA time zone, such as Europe/Berlin, got "Mars/Phobos"',
  ],
  [
    { timezone: '+02:00' },
    400,
    'timezone',
    'timezone must be an IANA time zone, such as Europe/Berlin, got "+02:00"',
  ],
  [
    { timezone: '' },
    400,
    'timezone',
    'timezone must be an IANA time zone, such as Europe/Berlin, got ""',
  ],
  [
    { week_start: 0 },
    400,
    'week_start',
    'week_start must be a day from 1 (Monday) to 7, or monday to sunday, got "0"',
  ],
  [
    { week_start: 'funday' },
    400,
    'week_start',
    'week_start must be a day from 1 (Monday) to 7, or monday to sunday, got "funday"',
  ],
  [{ day_of_month: 32 }, 400, 'day_of_month', 'day_of_month must be between 1 and 31, got 32'],
  [
    { day_of_month: 1.5 },
    400,
    'day_of_month',
    'day_of_month must be a whole number or null, got 1.5',
  ],
  [
    { budget_duration: '' },
    400,
    'budget_duration',
    'budget_duration must be a whole number with s, m, h, d, w or mo, such as 30d or 1mo, or daily, weekly, monthly, quarterly or yearly, got ""',
  ],
])('%j is refused on each path, and nothing is written', async (fields, status, param, message) => {
  const { post, store } = gatewayWith()
  await post('/budget/new', { budget_id: 'known' })
  await post('/customer/new', { user_id: 'known' })
  const before = [...store.commits]
  for (const [path, body] of [
    ['/budget/new', {}],
    ['/budget/update', { budget_id: 'known' }],
    ['/customer/new', { user_id: 'alice' }],
    ['/customer/update', { user_id: 'known' }],
    ['/end_user/update', { user_id: 'known' }],
  ] as const) {
    const { json, ...answer } = await post(path, { ...body, ...fields })
    expect(answer.status, path).toBe(status)
    expect(json.error, path).toMatchObject({ param, message, code: String(status) })
  }
  expect(store.commits).toEqual(before)
})
