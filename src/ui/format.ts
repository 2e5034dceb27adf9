/** How numbers and times are shown. Pure: the viewer's language and zone are the browser's. */

const LANGUAGE = 'en-US'

const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 })
const cents = new Intl.NumberFormat(LANGUAGE, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
})
const small = new Intl.NumberFormat(LANGUAGE, { maximumSignificantDigits: 2 })
const nanos = new Intl.NumberFormat(LANGUAGE, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 9,
})
const compact = new Intl.NumberFormat(LANGUAGE, {
  notation: 'compact',
  maximumSignificantDigits: 3,
})

/** Dollars for reading at a glance: two digits that matter, and no more than that. */
export function money(dollars: number): string {
  const amount = Math.abs(dollars)
  const sign = dollars < 0 ? '−' : ''
  if (amount === 0) return '$0'
  if (amount >= 10_000) return `${sign}$${whole.format(amount)}`
  if (amount >= 0.1) return `${sign}$${cents.format(amount)}`
  return `${sign}$${small.format(amount)}`
}

const tick = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 9 })

/** Dollars on the axis of a chart: round already, and told in full. */
export const axisMoney = (dollars: number): string =>
  `$${Math.abs(dollars) >= 10_000 ? compact.format(dollars) : tick.format(dollars)}`

/** Dollars to the last nano-dollar. */
export function exactMoney(dollars: number): string {
  return `${dollars < 0 ? '−' : ''}$${nanos.format(Math.abs(dollars))}`
}

/** A count for reading at a glance: whole below 10,000, else as 12.3K. */
export const count = (number: number): string =>
  Math.abs(number) < 10_000 ? whole.format(number) : compact.format(number)

export const exactCount = (number: number): string => whole.format(number)

/** A share as a percentage: 0.0412 is `4.1%`. */
export const percent = (share: number): string =>
  `${share >= 0.0995 || share === 0 ? Math.round(share * 100) : small.format(share * 100)}%`

/** A price per token as dollars for a million of them, as price lists have it. */
export const perMillion = (perToken: number): string => {
  const dollars = Number((perToken * 1e6).toPrecision(12))
  return `$${new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 6 }).format(dollars)}`
}

const moment = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'medium' })
const minute = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short' })
const utcDay = new Intl.DateTimeFormat(LANGUAGE, {
  month: 'short',
  day: 'numeric',
  timeZone: 'UTC',
})
const hour = new Intl.DateTimeFormat(LANGUAGE, {
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
})

/** A time to the second, in the viewer's zone. */
export const exactTime = (at: string | number): string => moment.format(new Date(at))
export const time = (at: string | number): string => minute.format(new Date(at))

/** The start of a bucket of a chart: a day is UTC's, an hour the viewer's. */
export const bucket = (at: string | number, step: 'day' | 'hour'): string =>
  (step === 'day' ? utcDay : hour).format(new Date(at))

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'auto' })

/** How far away a time is: `3 minutes ago`, `in 2 days`. */
export function distance(at: string | number, now: number): string {
  const ms = new Date(at).getTime() - now
  const [unit, length] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ['second', 1_000]
  return relative.format(Math.round(ms / length), unit)
}

/** A word and its number: `1 customer`, `2 customers`. */
export const plural = (number: number, word: string): string =>
  `${exactCount(number)} ${word}${number === 1 ? '' : 's'}`
