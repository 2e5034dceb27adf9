import { type Charted, COLOURS } from './chart.tsx'

/** What a customer's page asks, and how it is shown. */

export type Usage = {
  readonly spend: number
  readonly calls: number
  readonly failed_calls: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

type Limits = {
  readonly max_budget: number | null
  readonly budget_duration: string | null
  readonly rpm_limit: number | null
  readonly tpm_limit: number | null
}

/** `GET /portal/summary`. */
export type Summary = {
  readonly user_id: string
  readonly alias: string | null
  readonly blocked: boolean
  readonly spend: number
  readonly pending: number
  readonly total_spend: number
  readonly period_start: string | null
  readonly budget_reset_at: string | null
  readonly usage: Usage
  readonly limits: Limits & {
    readonly max_parallel_requests: number | null
    readonly models: readonly string[] | null
    readonly by_model: readonly (Limits & { readonly model: string })[]
  }
  readonly credit: Credit | null
  readonly created_at: string
  readonly expires_at: string
}

/** What was paid in advance and is left. */
export type Credit = {
  readonly balance: number
  readonly held: number
  readonly available: number
  /** In the order of use. */
  readonly grants: readonly {
    readonly amount: number
    readonly remaining: number
    readonly expires_at: string | null
  }[]
  readonly top_up_url: string | null
}

export type ModelUsage = Usage & {
  /** Empty: corrections, which are no calls. */
  readonly model: string
}

/** `GET /portal/usage`. */
export type UsageRange = {
  readonly start_date: string
  readonly end_date: string
  readonly total: Usage
  readonly models: readonly ModelUsage[]
  readonly days: readonly (Usage & {
    readonly date: string
    readonly models: readonly ModelUsage[]
  })[]
}

/** The days as a chart has them: the models with the most spend, and all others as one. */
export function chartOf({ models, days }: UsageRange): Charted {
  const calls = models.filter(({ model }) => model !== '')
  const isMany = calls.length > COLOURS
  const named = calls.slice(0, isMany ? COLOURS - 1 : COLOURS).map(({ model }) => model)
  const series = named.map((name) => seriesOf(name, days, (model) => model === name))
  const isOther = (model: string) => model !== '' && !named.includes(model)
  return { step: 'day', series: isMany ? [...series, seriesOf(null, days, isOther)] : series }
}

function seriesOf(
  name: string | null,
  days: UsageRange['days'],
  isPart: (model: string) => boolean,
): Charted['series'][number] {
  const points = days.map(({ date, models }) => {
    const spend = models.filter(({ model }) => isPart(model)).map((used) => used.spend)
    return { at: `${date}T00:00:00Z`, spend: spend.reduce((sum, more) => sum + more, 0) }
  })
  return { name, total: { spend: points.reduce((sum, point) => sum + point.spend, 0) }, points }
}

/** Until when a link is or was good, by its token; null: it does not say. It proves nothing. */
export function expiryOf(token: string): string | null {
  const text = /^portal_([\w-]+)\./.exec(token)?.[1]?.replaceAll('-', '+').replaceAll('_', '/')
  try {
    const { expiresAt } = JSON.parse(atob(text ?? '')) as { expiresAt: number }
    return new Date(expiresAt).toISOString()
  } catch {
    return null
  }
}

const EVERY: Readonly<Record<string, string>> = {
  daily: 'a day',
  weekly: 'a week',
  monthly: 'a month',
  quarterly: 'a quarter',
  yearly: 'a year',
  '1d': 'a day',
  '7d': 'a week',
  '1w': 'a week',
  // As budgets have it, to reset when LiteLLM does.
  '30d': 'a month',
  '1mo': 'a month',
}

const UNITS: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
}

/** A budget's duration behind an amount: `a month`, `every 12 hours`, `in all`. */
export function perPeriod(duration: string | null): string {
  if (duration === null) return 'in all'
  const known = EVERY[duration]
  if (known !== undefined) return known
  const [, number, unit] = /^(\d+)([a-z]+)$/.exec(duration) ?? []
  const word = UNITS[unit ?? '']
  if (word === undefined) return `every ${duration}`
  return number === '1' ? `every ${word}` : `every ${number} ${word}s`
}
