import { DAY_MS } from './day.ts'

/**
 * A budget's period as a pure function of its rule and the time. Nothing is stored and no job
 * resets anything, so a server that was off over a reset is right as soon as it starts.
 *
 * Periods of one rule lie end to end: none is empty, none overlaps, and every instant is in one.
 * Calendar periods begin with the first moment of a local day. That is midnight, or when a clock
 * change skips midnight what comes after it, or the first midnight when there are two.
 *
 * LiteLLM resets at like times, but works out each from the moment at which a job did the last:
 * https://github.com/BerriAI/litellm/blob/main/litellm/litellm_core_utils/duration_parser.py
 * `1d`, `7d`, `1w`, `30d` and `1mo` end when LiteLLM's do. Other numbers of days and weeks do as
 * long as its job is never a day late. Two differ on purpose: `s`, `m` and `h` count from the
 * budget's creation, where LiteLLM aligns them to the clock; several months count from the month
 * of creation, where LiteLLM fails.
 */
export type PeriodRule = {
  /** See `parseDuration`. Null: a period without end, or one that ends once, at `resetAt`. */
  readonly duration: string | null
  /** A reset that all others are counted from, before and after it, in ms. Null: none was set. */
  readonly resetAt: number | null
  /** Of the budget, in ms. */
  readonly createdAt: number
  /** IANA name of the zone that days and months are counted in. */
  readonly timezone: string
  /** ISO: 1 is Monday. For periods of one week; any other number of days ignores it. */
  readonly weekStart: 1 | 2 | 3 | 4 | 5 | 6 | 7
  /** On which months begin, 1 to 31; a shorter month's last day stands in for a day it lacks. */
  readonly dayOfMonth: number
}

/** `[start, end)` in milliseconds since the epoch. An `end` of null: it has none. */
export type Period = { readonly start: number; readonly end: number | null }

export const WHOLE_LIFE: Period = { start: 0, end: null }

type Unit = 'millisecond' | 'day' | 'month'

/** How long a period is, and where the counting begins unless a reset is set. */
export type Duration = {
  readonly unit: Unit
  readonly count: number
  /** `calendar`: at the week's first day, at January. `creation`: at the budget's own. */
  readonly from: 'calendar' | 'creation'
}

const DAY: Duration = { unit: 'day', count: 1, from: 'calendar' }
const WEEK: Duration = { unit: 'day', count: 7, from: 'calendar' }
const MONTH: Duration = { unit: 'month', count: 1, from: 'calendar' }

const BY_NAME = new Map<string, Duration>([
  ['daily', DAY],
  ['weekly', WEEK],
  ['monthly', MONTH],
  ['quarterly', { unit: 'month', count: 3, from: 'calendar' }],
  ['yearly', { unit: 'month', count: 12, from: 'calendar' }],
])

/** Thirty days are a month, because they are for LiteLLM. Thirty times 24 hours are `720h`. */
const BY_DAYS = new Map([
  [1, DAY],
  [7, WEEK],
  [30, MONTH],
])

const BY_LETTER = {
  s: { unit: 'millisecond', size: 1_000 },
  m: { unit: 'millisecond', size: 60_000 },
  h: { unit: 'millisecond', size: 3_600_000 },
  d: { unit: 'day', size: 1 },
  w: { unit: 'day', size: 7 },
  mo: { unit: 'month', size: 1 },
} as const satisfies Record<string, { unit: Unit; size: number }>

/** A hundred years: longer ones are mistakes, and far longer ones pass what `Temporal` holds. */
const COUNT_MAX = { millisecond: 36_525 * DAY_MS, day: 36_525, month: 1_200 } as const

/**
 * A duration from text, or null when it is none: a number with `s m h d w mo`, above nothing and
 * up to a hundred years, or `daily weekly monthly quarterly yearly`. Stricter than LiteLLM, which
 * reads `1month` as a month in one place and as a day in another.
 */
export function parseDuration(text: string): Duration | null {
  const named = BY_NAME.get(text)
  if (named !== undefined) return named
  const match = /^(\d+)(s|m|h|d|w|mo)$/.exec(text)
  if (match === null) return null
  const { unit, size } = BY_LETTER[match[2] as keyof typeof BY_LETTER]
  const count = Number(match[1]) * size
  if (count === 0 || count > COUNT_MAX[unit]) return null
  if (unit === 'month' && count === 1) return MONTH
  const followsCalendar = unit === 'day' ? BY_DAYS.get(count) : undefined
  return followsCalendar ?? { unit, count, from: 'creation' }
}

/**
 * So much later, in milliseconds, for what ends once: thirty days are thirty days here, a month is
 * one of the calendar in UTC. Null for what is no number with `s m h d w mo`, or over a hundred
 * years.
 */
export function laterBy(text: string, now: number): number | null {
  const duration = /^\d/.test(text) ? parseDuration(text) : null
  if (duration === null) return null
  if (text.endsWith('mo'))
    return zoned(now, 'UTC').add(span('month', duration.count)).epochMilliseconds
  const size = BY_LETTER[text.at(-1) as 's' | 'm' | 'h' | 'd' | 'w']
  const length = Number.parseInt(text, 10) * size.size
  return now + (size.unit === 'day' ? length * DAY_MS : length)
}

/**
 * The period that holds `now`, in whole milliseconds. Costs a few microseconds, so keep what it
 * gives and ask again only when `now < start` or `now >= end`, or when the rule has changed.
 *
 * Without `resetAt`, a duration of several days counts whole local days from the budget's day of
 * creation, one of several months from its month; the rest follow the calendar. With it, days and
 * months are counted from that local date and time: from the 31st at 09:00 to the last of each
 * shorter month at 09:00, and to the 31st again.
 *
 * Throws a RangeError for a duration that `parseDuration` refuses and for an unknown zone: both
 * are to be checked when they come in.
 */
export function periodAt(rule: PeriodRule, now: number): Period {
  if (rule.duration === null) return singlePeriod(rule.resetAt, now)
  const duration = parseDuration(rule.duration)
  if (duration === null) {
    throw new RangeError(`not a duration: ${rule.duration}; a right one is 30d, 1mo or weekly`)
  }
  const { unit, count } = duration
  if (unit === 'millisecond') return exactPeriod(count, rule.resetAt ?? rule.createdAt, now)
  const series = rule.resetAt === null ? calendar(rule, unit) : since(rule.resetAt, rule, unit)
  const isFromCreation = rule.resetAt === null && duration.from === 'creation'
  const first = isFromCreation ? indexAt(series, rule.createdAt) : 0
  const index = first + Math.floor((indexAt(series, now) - first) / count) * count
  return { start: series.startOf(index), end: series.startOf(index + count) }
}

function singlePeriod(resetAt: number | null, now: number): Period {
  if (resetAt === null) return WHOLE_LIFE
  return now < resetAt ? { start: WHOLE_LIFE.start, end: resetAt } : { start: resetAt, end: null }
}

function exactPeriod(length: number, from: number, now: number): Period {
  const start = from + Math.floor((now - from) / length) * length
  return { start, end: start + length }
}

/** Local days, or months, numbered. */
type Series = {
  /** In ms. Never falls as the index grows, and stays the same over a day that a zone skipped. */
  startOf(index: number): number
  /** The index by local date: off by one at times, since a clock set back repeats a date. */
  roughIndexAt(now: number): number
}

/** Days counted so that each multiple of 7 begins a week; months so that each of 12 is January. */
function calendar({ timezone, weekStart, dayOfMonth }: PeriodRule, unit: 'day' | 'month'): Series {
  // 5 January 1970 was a Monday. January has a 31st, so adding months to it clamps each alone.
  const origin = new Temporal.PlainDate(1970, 1, unit === 'day' ? 4 + weekStart : dayOfMonth)
  return {
    startOf: (index) =>
      origin.add(span(unit, index)).toZonedDateTime({ timeZone: timezone }).epochMilliseconds,
    roughIndexAt: (now) =>
      lengthOf(origin.until(zoned(now, timezone).toPlainDate(), { largestUnit: unit }), unit),
  }
}

/** Days or months from a local time of day to the same, `resetAt` itself being number 0. */
function since(resetAt: number, { timezone }: PeriodRule, unit: 'day' | 'month'): Series {
  const origin = zoned(resetAt, timezone)
  const local = origin.toPlainDateTime()
  return {
    // Adding nothing gives `resetAt` itself, even when its local time comes twice that night.
    startOf: (index) => origin.add(span(unit, index)).epochMilliseconds,
    roughIndexAt: (now) =>
      lengthOf(local.until(zoned(now, timezone).toPlainDateTime(), { largestUnit: unit }), unit),
  }
}

function indexAt({ startOf, roughIndexAt }: Series, now: number): number {
  let index = roughIndexAt(now)
  while (startOf(index) > now) index--
  while (startOf(index + 1) <= now) index++
  return index
}

const zoned = (ms: number, timezone: string) =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timezone)

const span = (unit: 'day' | 'month', count: number) =>
  unit === 'day' ? { days: count } : { months: count }

const lengthOf = (duration: Temporal.Duration, unit: 'day' | 'month') =>
  unit === 'day' ? duration.days : duration.months
