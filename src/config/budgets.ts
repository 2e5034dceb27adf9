import { DOLLARS_MAX, fromDollars } from '../ledger/money.ts'
import type { BudgetRules } from './config.ts'
import { readTimezone } from './general.ts'
import type { MapField, Reader } from './reader.ts'

const MODES = ['strict', 'finish_last', 'soft'] as const

/** In ISO's order: the first is number 1. */
export const WEEKDAYS = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const

const A_SHARE = 'a share above 0 and up to 1, such as 0.5'
const SHARE = { min: Number.MIN_VALUE, max: 1 }

/** How budgets are enforced, of `tollgate_settings`, and LiteLLM's default budget. */
export function readBudgetRules(
  reader: Reader,
  from: { readonly litellm: MapField | null; readonly tollgate: MapField | null },
): BudgetRules {
  const of = (key: string) => reader.field(from.tollgate, key)
  const tokens = { min: 1, max: 1_000_000_000, isWhole: true }
  const aCount = 'a whole number of tokens from 1 to 1000000000'
  const weekday = reader.word(of('week_start'), WEEKDAYS)
  const day = reader.number(of('day_of_month'), 'a day from 1 to 31', {
    min: 1,
    max: 31,
    isWhole: true,
  })
  return {
    mode: reader.word(of('budget_mode'), MODES) ?? 'strict',
    reserveShare: reader.number(of('reserve_share'), A_SHARE, SHARE) ?? 0.5,
    outputTokensMin: reader.number(of('min_output_tokens'), aCount, tokens) ?? 16,
    outputTokensMaxDefault: reader.number(of('default_max_output_tokens'), aCount, tokens) ?? 4_096,
    allowUnpriced: reader.flag(of('allow_unpriced_models')) ?? false,
    thresholds: readThresholds(reader, from.tollgate),
    ...readDefaultBudget(reader, from.litellm),
    timezone: readTimezone(reader, from.litellm) ?? 'UTC',
    weekStart: ((weekday === null ? 0 : WEEKDAYS.indexOf(weekday)) + 1) as BudgetRules['weekStart'],
    dayOfMonth: day ?? 1,
    requireCustomer: reader.flag(of('require_customer')) ?? false,
    knownCustomersOnly: reader.flag(of('known_customers_only')) ?? false,
  }
}

function readThresholds(reader: Reader, tollgate: MapField | null): number[] {
  const field = reader.field(tollgate, 'budget_thresholds')
  if (field === null) return [0.85, 0.95]
  const shares = reader
    .items(field, 'a list of shares of the budget, such as [0.85, 0.95]')
    .map((item) => reader.number(item, A_SHARE, SHARE))
    .filter((share) => share !== null)
  return [...new Set(shares)].sort((a, b) => a - b)
}

/** Of both at once the id counts, as in LiteLLM. */
function readDefaultBudget(
  reader: Reader,
  litellm: MapField | null,
): Pick<BudgetRules, 'defaultBudgetId' | 'defaultMaxBudget'> {
  const dollars = reader.field(litellm, 'max_end_user_budget')
  const defaultBudgetId = reader.text(reader.field(litellm, 'max_end_user_budget_id'))
  const bounds = { min: 0, max: DOLLARS_MAX }
  const amount = reader.number(dollars, `dollars from 0 to ${DOLLARS_MAX}`, bounds)
  if (dollars !== null && defaultBudgetId !== null) {
    const what = 'has no effect beside max_end_user_budget_id'
    reader.report.warning(dollars.setting.line, `${dollars.name} ${what}`)
  }
  return { defaultBudgetId, defaultMaxBudget: amount === null ? null : fromDollars(amount) }
}
