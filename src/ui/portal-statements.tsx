import { respond } from './api.ts'
import { Problem, useAct } from './form.tsx'
import { monthName, monthsSince } from './months.ts'
import { Section } from './parts.tsx'

const MONTHS_MAX = 12

const FORMATS = [
  ['html', 'To print'],
  ['csv', 'CSV'],
] as const

/**
 * A customer's statements by month, as files: one that is opened would need the token in its
 * address, where logs have it, or run under this page's policy, which lets no style in.
 */
export function Statements({ token, since }: { readonly token: string; readonly since: string }) {
  const act = useAct()
  const months = monthsSince(since, Date.now(), MONTHS_MAX)
  return (
    <Section title="Statements">
      <ul class="statements">
        {months.map((period, index) => (
          <li key={period}>
            <span>
              {monthName(period)}
              {index === 0 && <span class="muted"> so far</span>}
            </span>
            {FORMATS.map(([format, text]) => (
              <button
                key={format}
                type="button"
                aria-label={`${text}: ${monthName(period)}`}
                disabled={act.isBusy}
                onClick={() => act.run(() => download({ token, period, format }))}
              >
                {text}
              </button>
            ))}
          </li>
        ))}
      </ul>
      <Problem text={act.problem} />
    </Section>
  )
}

async function download({
  token,
  period,
  format,
}: {
  readonly token: string
  readonly period: string
  readonly format: string
}) {
  const response = await respond('portal/statement', {
    query: { period, format },
    headers: { authorization: `Bearer ${token}` },
  })
  const url = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = `statement-${period}.${format}`
  link.click()
  URL.revokeObjectURL(url)
}
