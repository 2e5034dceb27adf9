export const HOUR_MS = 3_600_000
export const DAY_HOURS = 24
export const DAY_MS = DAY_HOURS * HOUR_MS

/** Hours have numbers as days have: hours since the epoch. */
export const hourOf = (atMs: number): number => Math.floor(atMs / HOUR_MS)

/** The day that an hour is of. */
export const dayOfHour = (hour: number): number => Math.floor(hour / DAY_HOURS)

/**
 * Days of reports are UTC's, as in LiteLLM, and have numbers: days since the epoch. A call counts
 * on the day on which it settles, as it does in the period in which it settles: so a month of days
 * is the month's spend, and a day that is over does not change any more.
 */
export const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS)

/** When a day begins, milliseconds. */
export const dayStart = (day: number): number => day * DAY_MS

/** `2026-12-01`. */
export const dayText = (day: number): string => new Date(dayStart(day)).toISOString().slice(0, 10)

/** The number of a calendar month, of UTC's as days are. */
export const monthOf = (atMs: number): number => {
  const date = new Date(atMs)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

/** When a month begins, milliseconds. */
export const monthStart = (month: number): number => Date.UTC(Math.floor(month / 12), month % 12)
