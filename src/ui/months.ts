/** Calendar months of UTC's, as statements have them. Pure. */

const month = new Intl.DateTimeFormat('en-US', { month: 'long', year: 'numeric', timeZone: 'UTC' })

/** `2026-11` as `November 2026`. */
export const monthName = (text: string): string => month.format(new Date(`${text}-01T00:00:00Z`))

/** The months from the one of `since` to the one of `now`, newest first, at most `most` of them. */
export function monthsSince(since: string, now: number, most: number): readonly string[] {
  const first = since.slice(0, 7)
  const today = new Date(now)
  const [year, current] = [today.getUTCFullYear(), today.getUTCMonth()]
  const months = Array.from({ length: most }, (_, back) =>
    new Date(Date.UTC(year, current - back)).toISOString().slice(0, 7),
  )
  return months.filter((text, index) => index === 0 || text >= first)
}
