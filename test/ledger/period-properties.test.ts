import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Period, type PeriodRule, periodAt } from '../../src/ledger/period.ts'

const DAY_MS = 86_400_000

/** Zones whose clocks have changed at midnight, a minute after it, by half an hour, by a day. */
const zone = fc.constantFrom(
  ...['UTC', 'Europe/Berlin', 'America/Sao_Paulo', 'Asia/Beirut', 'Africa/Cairo', 'Asia/Gaza'],
  ...['America/Havana', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe'],
  ...['Asia/Kathmandu', 'America/Asuncion', 'Africa/Casablanca', 'Asia/Tehran'],
)
const duration = fc.oneof(
  fc.constantFrom('daily', 'weekly', 'monthly', 'quarterly', 'yearly', '30d', '1mo'),
  fc.integer({ min: 1, max: 40 }).map((count) => `${count}d`),
  fc.integer({ min: 1, max: 6 }).map((count) => `${count}w`),
  fc.integer({ min: 1, max: 14 }).map((count) => `${count}mo`),
)
const moment = fc.integer({ min: Date.parse('1987-01-01'), max: Date.parse('2037-01-01') })

/** A rule and a moment within three years of it, half of them within hours of a clock change. */
const situation = (resetAt: fc.Arbitrary<boolean>) =>
  fc
    .record({
      timezone: zone,
      duration,
      createdAt: moment,
      isReset: resetAt,
      weekStart: fc.integer({ min: 1, max: 7 }) as fc.Arbitrary<PeriodRule['weekStart']>,
      dayOfMonth: fc.integer({ min: 1, max: 31 }),
      distance: fc.integer({ min: -1_000 * DAY_MS, max: 1_000 * DAY_MS }),
      nearChange: fc.option(fc.integer({ min: -7_200_000, max: 7_200_000 })),
    })
    .map(({ distance, nearChange, isReset, ...parts }) => {
      const { createdAt, timezone } = parts
      const resetAt = isReset ? createdAt + 12_345 : null
      const from = Temporal.Instant.fromEpochMilliseconds(createdAt + distance)
      const change = from.toZonedDateTimeISO(timezone).getTimeZoneTransition('next')
      const isNear = change !== null && change.since(from.toZonedDateTimeISO('UTC')).hours < 10_000
      const now =
        nearChange !== null && isNear
          ? change.epochMilliseconds + nearChange
          : from.epochMilliseconds
      return { rule: { ...parts, resetAt }, now }
    })

const zoned = (ms: number, timezone: string) =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timezone)

test('every moment is in its period, and periods lie end to end', () => {
  fc.assert(
    fc.property(situation(fc.boolean()), ({ rule, now }) => {
      const { start, end } = periodAt(rule, now) as { start: number; end: number }
      expect(start).toBeLessThanOrEqual(now)
      expect(now).toBeLessThan(end)
      expect(periodAt(rule, start)).toEqual({ start, end })
      expect(periodAt(rule, end - 1)).toEqual({ start, end })
      expect(periodAt(rule, end).start).toBe(end)
      expect(periodAt(rule, start - 1).end).toBe(start)
    }),
    { numRuns: 1_000 },
  )
})

test('without a reset, a period begins with the first moment of a local day', () => {
  fc.assert(
    fc.property(situation(fc.constant(false)), ({ rule, now }) => {
      const { start } = periodAt(rule, now)
      const local = zoned(start, rule.timezone)
      const before = zoned(start - 1, rule.timezone)
      expect(Temporal.PlainDate.compare(before, local)).toBe(-1)
      const midnight = local.toPlainDate().toZonedDateTime(rule.timezone)
      expect(local.hour === 0 || midnight.hour !== 0).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('is what one finds by walking through the days one after another', () => {
  fc.assert(
    fc.property(situation(fc.constant(false)), ({ rule, now }) => {
      expect(periodAt(rule, now)).toEqual(byWalkingDays(rule, now))
    }),
    { numRuns: 150 },
  )
})

test('is what one finds by stepping from the reset, a day or a month at a time', () => {
  fc.assert(
    fc.property(situation(fc.constant(true)), ({ rule, now }) => {
      expect(periodAt(rule, now)).toEqual(bySteppingFrom(rule.resetAt!, rule, now))
    }),
    { numRuns: 300 },
  )
})

/** No arithmetic on dates but "the next day": each is asked whether a period begins on it. */
function byWalkingDays(rule: PeriodRule, now: number): Period {
  const { count, isFirstDay } = walkOf(rule)
  const reach = 2 * count * DAY_MS * (/mo/.test(rule.duration!) ? 31 : 1) + 800 * DAY_MS
  const last = zoned(Math.max(now, rule.createdAt) + reach, rule.timezone).toPlainDate()
  let date = zoned(Math.min(now, rule.createdAt) - reach, rule.timezone).toPlainDate()
  const starts: number[] = []
  while (Temporal.PlainDate.compare(date, last) < 0) {
    if (isFirstDay(date)) starts.push(date.toZonedDateTime(rule.timezone).epochMilliseconds)
    date = date.add({ days: 1 })
  }
  const first = starts.findLastIndex((start) => start <= rule.createdAt)
  const periods = starts.filter((_, index) => (index - first) % count === 0)
  const index = periods.findLastIndex((start) => start <= now)
  return { start: periods[index]!, end: periods[index + 1]! }
}

/** On which days periods may begin, and how many such days one period is long. */
function walkOf({ duration, weekStart, dayOfMonth }: PeriodRule) {
  type IsFirstDay = (date: Temporal.PlainDate) => boolean
  const isMonth: IsFirstDay = ({ day, daysInMonth }) => day === Math.min(dayOfMonth, daysInMonth)
  const named: Record<string, IsFirstDay> = {
    daily: () => true,
    weekly: ({ dayOfWeek }) => dayOfWeek === weekStart,
    monthly: isMonth,
    quarterly: (date) => isMonth(date) && [1, 4, 7, 10].includes(date.month),
    yearly: (date) => isMonth(date) && date.month === 1,
  }
  const alias = { '7d': 'weekly', '1w': 'weekly', '30d': 'monthly' }[duration!] ?? duration!
  if (named[alias] !== undefined) return { count: 1, isFirstDay: named[alias] }
  const count = Number.parseInt(alias, 10) * (alias.endsWith('w') ? 7 : 1)
  return { count, isFirstDay: alias.endsWith('mo') ? isMonth : () => true }
}

/** Years, months and days are counted by hand; only the clock of the zone is Temporal's. */
function bySteppingFrom(resetAt: number, { duration, timezone }: PeriodRule, now: number): Period {
  const names = { daily: '1d', weekly: '7d', monthly: '1mo', quarterly: '3mo', yearly: '12mo' }
  const alias = { ...names, '30d': '1mo' }[duration!] ?? duration!
  const count = Number.parseInt(alias, 10) * (alias.endsWith('w') ? 7 : 1)
  const origin = zoned(resetAt, timezone).toPlainDateTime()
  const stepped = (steps: number) => {
    if (steps === 0) return resetAt
    let local: Temporal.PlainDateTime
    if (alias.endsWith('mo')) {
      const months = origin.year * 12 + origin.month - 1 + steps * count
      const first = origin.with({ year: Math.floor(months / 12), month: (months % 12) + 1, day: 1 })
      local = first.with({ day: Math.min(origin.day, first.daysInMonth) })
    } else {
      const midnight = Date.UTC(origin.year, origin.month - 1, origin.day + steps * count)
      const date = new Date(midnight).toISOString().slice(0, 10)
      local = Temporal.PlainDate.from(date).toPlainDateTime(origin.toPlainTime())
    }
    return local.toZonedDateTime(timezone).epochMilliseconds
  }
  let steps = 0
  while (stepped(steps) > now) steps--
  while (stepped(steps + 1) <= now) steps++
  return { start: stepped(steps), end: stepped(steps + 1) }
}
