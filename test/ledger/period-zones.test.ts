import { expect, test } from 'bun:test'
import { type PeriodRule, periodAt } from '../../src/ledger/period.ts'

const at = (text: string) => Date.parse(text)

/** A budget of Wednesday 10 January 2024, 12:00 UTC, that resets daily. */
const daily: Omit<PeriodRule, 'timezone'> = {
  duration: '1d',
  resetAt: null,
  createdAt: at('2024-01-10T12:00Z'),
  weekStart: 1,
  dayOfMonth: 1,
}

// A row is a zone with what differs from the rule above, a moment, and the period that holds it.
test.each<[string, Partial<PeriodRule> & { timezone: string }, string, string, string]>([
  [
    'the day of the zone, not of UTC',
    { timezone: 'Asia/Tokyo' },
    '2026-03-05T16:00Z',
    '2026-03-05T15:00Z',
    '2026-03-06T15:00Z',
  ],
  [
    'the day of creation is the zone’s, too',
    { duration: '10d', timezone: 'Asia/Tokyo', createdAt: at('2024-01-10T16:00Z') },
    '2024-01-20T15:00Z',
    '2024-01-20T15:00Z',
    '2024-01-30T15:00Z',
  ],
  [
    'a day of 23 hours',
    { timezone: 'Europe/Berlin' },
    '2026-03-29T12:00Z',
    '2026-03-28T23:00Z',
    '2026-03-29T22:00Z',
  ],
  [
    'a day of 25 hours',
    { timezone: 'Europe/Berlin' },
    '2026-10-25T12:00Z',
    '2026-10-24T22:00Z',
    '2026-10-25T23:00Z',
  ],
  [
    'no midnight in São Paulo: the day begins at one',
    { timezone: 'America/Sao_Paulo' },
    '2018-11-04T03:00Z',
    '2018-11-04T03:00Z',
    '2018-11-05T02:00Z',
  ],
  [
    'no midnight in Beirut: the day before ends there',
    { timezone: 'Asia/Beirut' },
    '2022-03-26T21:59:59Z',
    '2022-03-25T22:00Z',
    '2022-03-26T22:00Z',
  ],
  [
    'no midnight in Cairo',
    { timezone: 'Africa/Cairo' },
    '2024-04-26T10:00Z',
    '2024-04-25T22:00Z',
    '2024-04-26T21:00Z',
  ],
  [
    'from half past eleven to half past midnight in Toronto, 1919',
    { timezone: 'America/Toronto' },
    '1919-03-31T04:30Z',
    '1919-03-31T04:30Z',
    '1919-04-01T04:00Z',
  ],
  [
    'two midnights in Havana: the first begins the day',
    { timezone: 'America/Havana' },
    '2025-11-02T05:30Z',
    '2025-11-02T04:00Z',
    '2025-11-03T05:00Z',
  ],
  [
    'back to yesterday a minute past midnight',
    { timezone: 'America/St_Johns' },
    '2010-11-07T02:45Z',
    '2010-11-07T02:30Z',
    '2010-11-08T03:30Z',
  ],
  [
    'no 30 December 2011 in Samoa',
    { timezone: 'Pacific/Apia' },
    '2011-12-30T09:59Z',
    '2011-12-29T10:00Z',
    '2011-12-30T10:00Z',
  ],
  [
    'the day after the one that Samoa skipped',
    { timezone: 'Pacific/Apia' },
    '2011-12-30T10:00Z',
    '2011-12-30T10:00Z',
    '2011-12-31T10:00Z',
  ],
  [
    'a reset keeps its local hour over a clock change',
    { resetAt: at('2026-03-27T08:00Z'), timezone: 'Europe/Berlin' },
    '2026-03-29T12:00Z',
    '2026-03-29T07:00Z',
    '2026-03-30T07:00Z',
  ],
  [
    'a reset at an hour that a night lacks',
    { resetAt: at('2026-03-28T01:30Z'), timezone: 'Europe/Berlin' },
    '2026-03-29T01:30Z',
    '2026-03-29T01:30Z',
    '2026-03-30T00:30Z',
  ],
  [
    'a reset in the second of two equal hours',
    { resetAt: at('2026-10-25T01:30Z'), timezone: 'Europe/Berlin' },
    '2026-10-25T01:29Z',
    '2026-10-24T00:30Z',
    '2026-10-25T01:30Z',
  ],
])('%s', (_reason, rule, now, start, end) => {
  const period = periodAt({ ...daily, ...rule }, at(now))
  const found = [period.start, period.end!].map((ms) => new Date(ms).toISOString())
  expect(found).toEqual([start, end].map((text) => new Date(text).toISOString()))
})
