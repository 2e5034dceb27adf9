import { describe, expect, test } from 'bun:test'
import {
  laterBy,
  type PeriodRule,
  parseDuration,
  periodAt,
  WHOLE_LIFE,
} from '../../src/ledger/period.ts'

/** A date alone is its midnight in UTC. */
const at = (text: string) => Date.parse(text)
const text = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** A budget of Wednesday 10 January 2024, 12:00 UTC. */
const rule: PeriodRule = {
  duration: '1mo',
  resetAt: null,
  createdAt: at('2024-01-10T12:00Z'),
  timezone: 'UTC',
  weekStart: 1,
  dayOfMonth: 1,
}

describe('parseDuration', () => {
  test.each<[string, string, string]>([
    ['daily', '1d', 'a day'],
    ['weekly', '7d', 'seven days are a week for LiteLLM'],
    ['weekly', '1w', 'a week'],
    ['monthly', '30d', 'thirty days are a month for LiteLLM'],
    ['monthly', '1mo', 'a month'],
    ['2w', '14d', 'weeks are days'],
    ['60s', '1m', 'minutes are seconds'],
    ['24h', '86400s', 'hours are seconds'],
    ['5d', '05d', 'a leading zero changes nothing'],
  ])('%s is %s: %s', (one, other) => {
    expect(parseDuration(one)).not.toBeNull()
    expect(parseDuration(one)).toEqual(parseDuration(other))
  })

  test.each<[string, string, string]>([
    ['1d', '24h', 'a local day may have 23 hours'],
    ['30d', '720h', 'thirty days are a month, 720 hours are not'],
    ['quarterly', '3mo', 'a quarter begins in January, three months at the creation'],
    ['yearly', '12mo', 'a year begins in January, twelve months at the creation'],
  ])('%s is not %s: %s', (one, other) => {
    expect(parseDuration(one)).not.toEqual(parseDuration(other))
  })

  test.each<[string, string]>([
    ['', 'nothing'],
    ['30', 'no unit'],
    ['d', 'no number'],
    ['0d', 'an empty period'],
    ['-1d', 'a negative one'],
    ['1.5d', 'a fraction'],
    ['1 d', 'a space'],
    ['1M', 'a month or a minute?'],
    ['1month', 'LiteLLM itself reads it in two ways'],
    ['30d ', 'something after it'],
    ['1d\n', 'a line break after it'],
    ['constructor', 'what every object has'],
    ['36526d', 'more than a hundred years of days'],
    ['1201mo', 'more than a hundred years of months'],
    ['999999999999999999999h', 'more than a number holds'],
    [`${'9'.repeat(400)}s`, 'infinitely many'],
  ])('%j is none: %s', (wrong) => {
    expect(parseDuration(wrong)).toBeNull()
  })

  test('a hundred years are the longest, in each unit', () => {
    for (const longest of ['36525d', '5217w', '1200mo', '876600h', '3155760000s']) {
      expect(parseDuration(longest), longest).not.toBeNull()
    }
  })
})

// A row is a rule (what differs from the one above), a moment, and the period that holds it.
test.each<[string, Partial<PeriodRule>, string, string, string]>([
  ['a day', { duration: '1d' }, '2026-03-05T10:00Z', '2026-03-05', '2026-03-06'],
  ['a week from Monday', { duration: '7d' }, '2026-11-24T10:00Z', '2026-11-23', '2026-11-30'],
  ['a week on its Monday', { duration: '1w' }, '2026-11-23', '2026-11-23', '2026-11-30'],
  [
    'a week just before its Monday',
    { duration: '1w' },
    '2026-11-22T23:59:59.999Z',
    '2026-11-16',
    '2026-11-23',
  ],
  [
    'a week from Sunday',
    { duration: 'weekly', weekStart: 7 },
    '2026-11-24T10:00Z',
    '2026-11-22',
    '2026-11-29',
  ],
  ['a week over the year end', { duration: '1w' }, '2025-01-01', '2024-12-30', '2025-01-06'],
  ['thirty days are the month', { duration: '30d' }, '2026-02-14', '2026-02-01', '2026-03-01'],
  ['a month over the year end', {}, '2026-12-31T23:59Z', '2026-12-01', '2027-01-01'],
  ['February of a leap year', {}, '2024-02-29T23:00Z', '2024-02-01', '2024-03-01'],
  [
    'months from the 15th, before it',
    { dayOfMonth: 15 },
    '2026-01-14T23:00Z',
    '2025-12-15',
    '2026-01-15',
  ],
  [
    'months from the 31st, into February',
    { dayOfMonth: 31 },
    '2026-02-10',
    '2026-01-31',
    '2026-02-28',
  ],
  [
    'months from the 31st, out of a leap February',
    { dayOfMonth: 31 },
    '2024-02-29',
    '2024-02-29',
    '2024-03-31',
  ],
  [
    'months from the 31st, into April',
    { dayOfMonth: 31 },
    '2026-04-29',
    '2026-03-31',
    '2026-04-30',
  ],
  ['a quarter', { duration: 'quarterly' }, '2026-05-31', '2026-04-01', '2026-07-01'],
  ['a year', { duration: 'yearly' }, '2026-12-31T23:00Z', '2026-01-01', '2027-01-01'],
  [
    'ten days from the day of creation',
    { duration: '10d' },
    '2024-01-20',
    '2024-01-20',
    '2024-01-30',
  ],
  [
    'two weeks from the day of creation, a Wednesday',
    { duration: '2w' },
    '2024-02-06',
    '2024-01-24',
    '2024-02-07',
  ],
  [
    'ten days, at the creation',
    { duration: '10d' },
    '2024-01-10T12:00Z',
    '2024-01-10',
    '2024-01-20',
  ],
  [
    'ten days, before the creation',
    { duration: '10d' },
    '2024-01-09T23:00Z',
    '2023-12-31',
    '2024-01-10',
  ],
  [
    'three months from the month of creation',
    { duration: '3mo' },
    '2024-05-01',
    '2024-04-01',
    '2024-07-01',
  ],
  [
    'three months from the 15th before the creation',
    { duration: '3mo', dayOfMonth: 15 },
    '2024-02-01',
    '2023-12-15',
    '2024-03-15',
  ],
  [
    'hours from the creation',
    { duration: '30h' },
    '2024-01-11T18:00Z',
    '2024-01-11T18:00Z',
    '2024-01-13',
  ],
  [
    'seconds before the creation',
    { duration: '30s' },
    '2024-01-10T11:59:59Z',
    '2024-01-10T11:59:30Z',
    '2024-01-10T12:00Z',
  ],
  [
    'a reset in the future, periods before it',
    { resetAt: at('2030-01-31T09:00Z') },
    '2026-02-28T08:59Z',
    '2026-01-31T09:00Z',
    '2026-02-28T09:00Z',
  ],
  [
    'the 31st comes back after a short month',
    { resetAt: at('2026-01-31T09:00Z') },
    '2026-03-01',
    '2026-02-28T09:00Z',
    '2026-03-31T09:00Z',
  ],
  [
    '29 February, in other years the 28th',
    { duration: 'yearly', resetAt: at('2024-02-29T09:00Z') },
    '2028-02-29T08:00Z',
    '2027-02-28T09:00Z',
    '2028-02-29T09:00Z',
  ],
  [
    'a week from a reset ignores the week’s first day',
    { duration: '1w', resetAt: at('2026-11-26T09:00Z') },
    '2026-11-24T10:00Z',
    '2026-11-19T09:00Z',
    '2026-11-26T09:00Z',
  ],
  [
    'hours from a reset',
    { duration: '10h', resetAt: at('2026-11-26T09:00Z') },
    '2026-11-26T08:00Z',
    '2026-11-25T23:00Z',
    '2026-11-26T09:00Z',
  ],
  ['the longest period', { duration: '1200mo' }, '2026-01-01', '2024-01-01', '2124-01-01'],
])('%s', (_reason, part, now, start, end) => {
  const period = periodAt({ ...rule, ...part }, at(now))
  expect([text(period.start), text(period.end)]).toEqual([text(at(start)), text(at(end))])
})

describe('a rule without a duration', () => {
  test('is one period without end', () => {
    expect(periodAt({ ...rule, duration: null }, at('2026-01-01'))).toEqual(WHOLE_LIFE)
  })

  test('resets once when a reset is set, and never again', () => {
    const resetAt = at('2026-01-01')
    const once = { ...rule, duration: null, resetAt }
    expect(periodAt(once, resetAt - 1)).toEqual({ start: 0, end: resetAt })
    expect(periodAt(once, resetAt)).toEqual({ start: resetAt, end: null })
  })
})

test('a duration or a zone that is none is our bug, and says which', () => {
  expect(() => periodAt({ ...rule, duration: '1month' }, 0)).toThrow(/1month/)
  expect(() => periodAt({ ...rule, timezone: 'Mars/Olympus' }, 0)).toThrow(RangeError)
})

describe('laterBy', () => {
  test.each<[string, string | null, string]>([
    ['1s', '2024-01-31T12:00:01.000Z', 'a second'],
    ['90m', '2024-01-31T13:30:00.000Z', 'minutes'],
    ['24h', '2024-02-01T12:00:00.000Z', 'hours'],
    ['1d', '2024-02-01T12:00:00.000Z', 'a day is 24 hours, and ends at no midnight'],
    ['30d', '2024-03-01T12:00:00.000Z', 'thirty days are no month here'],
    ['2w', '2024-02-14T12:00:00.000Z', 'weeks'],
    ['1mo', '2024-02-29T12:00:00.000Z', 'a month of the calendar, ending with it'],
    ['13mo', '2025-02-28T12:00:00.000Z', 'months'],
    ['0d', null, 'nothing'],
    ['-1d', null, 'less than nothing'],
    ['1.5h', null, 'no whole number'],
    ['monthly', null, 'a period has no length of its own'],
    ['101000w', null, 'over a hundred years'],
    ['', null, 'no text'],
  ])('%s after noon of 31 January 2024 is %s: %s', (duration, expected) => {
    expect(text(laterBy(duration, at('2024-01-31T12:00Z')))).toBe(expected)
  })
})
