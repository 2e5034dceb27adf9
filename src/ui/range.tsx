/** The time that a page looks at. It is in the address, so that a link shows the same. */
export type Range = {
  /** One of `SPANS`, or `custom`. */
  readonly span: string
  /** Dates as `YYYY-MM-DD`, UTC's; both included. */
  readonly from: string
  readonly to: string
  readonly step: 'day' | 'hour'
  /** What `/spend/series` is asked. */
  readonly query: { readonly start_date: string; readonly end_date: string; readonly step: string }
}

const DAY_MS = 86_400_000

const SPANS = {
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  '90d': 'Last 90 days',
  month: 'This month',
} as const

const DEFAULT = '30d'

const dayText = (at: number) => new Date(at).toISOString().slice(0, 10)
const DATE = /^\d{4}-\d\d-\d\d$/

/** What an address says: `range`, or `from` and `to`; and `step`. What is no time is ignored. */
export function readRange(query: Readonly<Record<string, string>>, now = Date.now()): Range {
  const { from, to } = query
  if (from !== undefined && to !== undefined && DATE.test(from) && DATE.test(to) && from <= to) {
    return range('custom', { from, to, step: query['step'] })
  }
  const asked = query['range'] ?? DEFAULT
  const span = asked in SPANS ? asked : DEFAULT
  const today = dayText(now)
  if (span === '24h') {
    const hour = Math.floor(now / 3_600_000) * 3_600_000
    const [start, end] = [hour - 23 * 3_600_000, hour + 3_600_000 - 1].map((at) =>
      new Date(at!).toISOString(),
    )
    return {
      span,
      from: dayText(now - DAY_MS),
      to: today,
      step: 'hour',
      query: { start_date: start!, end_date: end!, step: 'hour' },
    }
  }
  const first =
    span === 'month'
      ? `${today.slice(0, 8)}01`
      : dayText(now - (Number.parseInt(span, 10) - 1) * DAY_MS)
  return range(span, { from: first, to: today, step: query['step'] })
}

/** Hours are too many to be seen in a longer time than this, days. */
const HOURLY_DAYS_MAX = 7

function range(
  span: string,
  { from, to, step }: { from: string; to: string; step: string | undefined },
): Range {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1
  const chosen = step === 'hour' && days <= HOURLY_DAYS_MAX ? 'hour' : 'day'
  const query = { start_date: from, end_date: to, step: chosen }
  return { span, from, to, step: chosen, query }
}

/** Chooses the time, and whether it is shown by days or hours. */
export function RangeFields({
  range: { span, from, to, step },
  isDaily = false,
  onRange,
}: {
  readonly range: Range
  /** Whether there are whole days alone. */
  readonly isDaily?: boolean
  readonly onRange: (change: Record<string, string>) => void
}) {
  const choose = (chosen: string) =>
    onRange(chosen === 'custom' ? { range: '', from, to } : { range: chosen, from: '', to: '' })
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1
  return (
    <>
      <label>
        <span class="unseen">Time</span>
        <select value={span} onChange={(event) => choose(event.currentTarget.value)}>
          {Object.entries(SPANS)
            .filter(([name]) => !(isDaily && name === '24h'))
            .map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          <option value="custom">From … to …</option>
        </select>
      </label>
      {span === 'custom' && (
        <>
          <DateField name="From" value={from} onDate={(date) => onRange({ from: date, to })} />
          <DateField name="To" value={to} onDate={(date) => onRange({ from, to: date })} />
        </>
      )}
      {!isDaily && span !== '24h' && days <= HOURLY_DAYS_MAX && (
        <label>
          per{' '}
          <select value={step} onChange={(event) => onRange({ step: event.currentTarget.value })}>
            <option value="day">day</option>
            <option value="hour">hour</option>
          </select>
        </label>
      )}
    </>
  )
}

const DateField = ({
  name,
  value,
  onDate,
}: {
  readonly name: string
  readonly value: string
  readonly onDate: (date: string) => void
}) => (
  <label>
    {name}{' '}
    <input
      type="date"
      value={value}
      onChange={(event) => event.currentTarget.value !== '' && onDate(event.currentTarget.value)}
    />
  </label>
)
