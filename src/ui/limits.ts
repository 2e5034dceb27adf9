import { exactCount, exactMoney, plural } from './format.ts'

/** A budget's limits as the server has them; null: not limited. Dollars, counts. */
export type Limits = {
  readonly max_budget: number | null
  readonly soft_budget: number | null
  readonly max_parallel_requests: number | null
  readonly tpm_limit: number | null
  readonly rpm_limit: number | null
  readonly model_max_budget: Readonly<Record<string, ModelLimits>> | null
  readonly budget_duration: string | null
  readonly budget_mode: string | null
  readonly models: readonly string[] | null
  readonly timezone: string | null
  readonly week_start: number | null
  readonly day_of_month: number | null
}

export type ModelLimits = {
  readonly max_budget: number | null
  readonly budget_duration: string | null
  readonly tpm_limit: number | null
  readonly rpm_limit: number | null
}

/** A form's row of limits for one model, as typed. */
export type ModelRow = {
  readonly model: string
  readonly max_budget: string
  readonly budget_duration: string
  readonly tpm_limit: string
  readonly rpm_limit: string
}

/** The limits as they are typed into a form. Empty: none. */
export type LimitValues = {
  readonly max_budget: string
  readonly soft_budget: string
  readonly max_parallel_requests: string
  readonly tpm_limit: string
  readonly rpm_limit: string
  readonly budget_duration: string
  readonly budget_mode: string
  readonly timezone: string
  readonly week_start: string
  readonly day_of_month: string
  /** Null: all. */
  readonly models: readonly string[] | null
  readonly model_max_budget: readonly ModelRow[]
}

export const NO_LIMITS: LimitValues = {
  max_budget: '',
  soft_budget: '',
  max_parallel_requests: '',
  tpm_limit: '',
  rpm_limit: '',
  budget_duration: '',
  budget_mode: '',
  timezone: '',
  week_start: '',
  day_of_month: '',
  models: null,
  model_max_budget: [],
}

export const NEW_ROW: ModelRow = {
  model: '',
  max_budget: '',
  budget_duration: '',
  tpm_limit: '',
  rpm_limit: '',
}

const NUMBERS = [
  'max_budget',
  'soft_budget',
  'max_parallel_requests',
  'tpm_limit',
  'rpm_limit',
  'day_of_month',
] as const
const TEXTS = ['budget_duration', 'budget_mode', 'timezone', 'week_start'] as const

const typed = (value: string | number | null | undefined) => (value == null ? '' : String(value))

/** What to put into a form to change these. */
export function limitValues(limits: Limits | null): LimitValues {
  if (limits === null) return NO_LIMITS
  const plain = Object.fromEntries(
    [...NUMBERS, ...TEXTS].map((name) => [name, typed(limits[name])]),
  ) as Record<(typeof NUMBERS)[number] | (typeof TEXTS)[number], string>
  const rows = Object.entries(limits.model_max_budget ?? {}).map(([model, own]) => ({
    model,
    max_budget: typed(own.max_budget),
    budget_duration: typed(own.budget_duration),
    tpm_limit: typed(own.tpm_limit),
    rpm_limit: typed(own.rpm_limit),
  }))
  return { ...plain, models: limits.models, model_max_budget: rows }
}

/** A number, or what was typed in its place: then the server says what is wrong with it. */
function number(text: string): number | string | null {
  const trimmed = text.trim()
  if (trimmed === '') return null
  return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed
}

const text = (value: string) => (value.trim() === '' ? null : value.trim())

/** All of the limits as the server takes them: null lifts one. */
export function limitsJson(values: LimitValues): Record<string, unknown> {
  const rows = values.model_max_budget.filter(({ model }) => model !== '')
  const models = rows.map(({ model, ...own }) => [
    model,
    {
      max_budget: number(own.max_budget),
      budget_duration: text(own.budget_duration),
      tpm_limit: number(own.tpm_limit),
      rpm_limit: number(own.rpm_limit),
    },
  ])
  return {
    ...Object.fromEntries(NUMBERS.map((name) => [name, number(values[name])])),
    ...Object.fromEntries(TEXTS.map((name) => [name, text(values[name])])),
    models: values.models,
    model_max_budget: models.length === 0 ? null : Object.fromEntries(models),
  }
}

/** Whether nothing is limited. */
export const isUnlimited = (values: LimitValues): boolean =>
  Object.values(limitsJson(values)).every((limit) => limit === null)

const PERIODS: Readonly<Record<string, string>> = {
  '1d': 'a day',
  daily: 'a day',
  '7d': 'a week',
  '1w': 'a week',
  weekly: 'a week',
  '30d': 'a month',
  '1mo': 'a month',
  monthly: 'a month',
  '3mo': 'three months',
  quarterly: 'a quarter',
  '12mo': 'twelve months',
  yearly: 'a year',
}

const UNITS: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
}

/** `30d` as `a month`, `12h` as `12 hours`. */
export function durationWords(duration: string): string {
  const [, number, unit] = /^(\d+)(s|m|h|d|w|mo)$/.exec(duration) ?? []
  const counted = number === undefined ? duration : plural(Number(number), UNITS[unit!]!)
  return PERIODS[duration] ?? counted
}

const MODES: Readonly<Record<string, string>> = {
  strict: 'no call passes the budget',
  finish_last: 'the last call may finish over the budget',
  soft: 'calls are charged afterwards, and may pass the budget',
}

const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

/** By the number that the server has for them. */
export const WEEKDAYS = DAYS.map((name, index) => [String(index + 1), name] as const)

const per = (duration: string | null) =>
  duration === null ? ' in all' : ` per ${durationWords(duration).replace(/^a /, '')}`

const each = (limit: number | null, say: (limit: number) => string) =>
  limit === null ? [] : [say(limit)]

/** What the limits say, a sentence each; none: nothing is limited. */
export function limitWords(limits: Limits): readonly string[] {
  const { models, model_max_budget, timezone, week_start, day_of_month } = limits
  return [
    ...each(limits.max_budget, (most) => `${exactMoney(most)}${per(limits.budget_duration)}`),
    ...(limits.max_budget === null && limits.budget_duration !== null
      ? [`spend counted by ${durationWords(limits.budget_duration).replace(/^a /, '')}`]
      : []),
    ...each(limits.soft_budget, (at) => `told at ${exactMoney(at)}`),
    ...each(limits.rpm_limit, (most) => `${plural(most, 'request')} a minute`),
    ...each(limits.tpm_limit, (most) => `${plural(most, 'token')} a minute`),
    ...each(limits.max_parallel_requests, (most) => `${plural(most, 'call')} at once`),
    ...(models === null ? [] : [`only ${models.join(', ') || 'no model at all'}`]),
    ...Object.entries(model_max_budget ?? {}).map(modelWords),
    ...(limits.budget_mode === null ? [] : [MODES[limits.budget_mode] ?? limits.budget_mode]),
    ...(timezone === null ? [] : [`days of ${timezone}`]),
    ...each(week_start, (day) => `weeks from ${DAYS[day - 1]}`),
    ...each(day_of_month, (day) => `months from day ${exactCount(day)}`),
  ]
}

function modelWords([model, limits]: readonly [string, ModelLimits]): string {
  const words = [
    ...each(limits.max_budget, (most) => `${exactMoney(most)}${per(limits.budget_duration)}`),
    ...each(limits.rpm_limit, (most) => `${plural(most, 'request')} a minute`),
    ...each(limits.tpm_limit, (most) => `${plural(most, 'token')} a minute`),
  ]
  return `${model}: ${words.join(', ') || 'no limit'}`
}
