import { type ComponentChildren, render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ApiError } from './api.ts'
import { SpendChart } from './chart.tsx'
import {
  Badge,
  BudgetBar,
  Count,
  Distance,
  Empty,
  Figure,
  LoadProblem,
  Money,
  PageHead,
  Section,
  Time,
} from './parts.tsx'
import { CreditLeft } from './portal-credit.tsx'
import { chartOf, expiryOf, type ModelUsage, type Summary, type UsageRange } from './portal-data.ts'
import { LimitList } from './portal-limits.tsx'
import { Statements } from './portal-statements.tsx'
import { Table } from './table.tsx'
import { useData, useEvery } from './use-data.ts'

/** A customer's own page, at `/portal#TOKEN`: to read only, and of this customer alone. */

const REFRESH_MS = 30_000
const DAY_MS = 86_400_000
const SPANS = [7, 30, 90] as const

/** The HTML has it, so that it is there before any link was looked at. */
const operator = document.title

/** The token of the link, which may be replaced while the page stays. */
function useToken(): string {
  const [token, setToken] = useState(() => location.hash.slice(1))
  useEffect(() => {
    const follow = () => setToken(location.hash.slice(1))
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return token
}

function Portal() {
  const token = useToken()
  if (token !== '') return <Shown key={token} token={token} />
  return <Over title="This page opens by a link">Ask {operator} for one of your own.</Over>
}

/** In place of the figures: why there are none, and what to do. */
const Over = ({
  title,
  children,
}: {
  readonly title: string
  readonly children: ComponentChildren
}) => (
  <>
    <PageHead title={title} />
    <p>{children}</p>
  </>
)

/** The server's no, with its time in the viewer's zone. */
function Refused({ error, token }: { readonly error: ApiError; readonly token: string }) {
  const expiresAt = expiryOf(token)
  if (error.type !== 'expired_key' || expiresAt === null) {
    return <Over title="This link shows nothing">{error.message}</Over>
  }
  return (
    <Over title="This link has expired">
      It was good until <Time at={expiresAt} />. Ask {operator} for a new one.
    </Over>
  )
}

function Shown({ token }: { readonly token: string }) {
  const { data, error, reload } = useData<Summary>('portal/summary', {}, token)
  const [round, setRound] = useState(0)
  useEvery(REFRESH_MS, () => {
    reload()
    setRound((before) => before + 1)
  })
  const name = data === undefined ? null : (data.alias ?? data.user_id)
  useEffect(() => {
    document.title = name === null ? operator : `${name} · ${operator}`
  }, [name])

  if (error instanceof ApiError && (error.status === 401 || error.status === 404)) {
    return <Refused error={error} token={token} />
  }
  return (
    <>
      <LoadProblem error={error} onRetry={reload} />
      {data === undefined ? (
        error === null && <p class="muted">Loading…</p>
      ) : (
        <div class="usage">
          <Figures of={data} />
          {data.credit !== null && <CreditLeft of={data.credit} />}
          <UsageIn token={token} round={round} />
          <Section title="Limits">
            <LimitList of={data.limits} />
          </Section>
          <Statements token={token} since={data.created_at} />
          <p class="foot">
            Days are in UTC, other times in your own zone. This link is good until{' '}
            <Time at={data.expires_at} />.
          </p>
        </div>
      )}
    </>
  )
}

function Figures({ of }: { readonly of: Summary }) {
  const { spend, pending, total_spend, budget_reset_at, usage, limits } = of
  const { max_budget: limit } = limits
  const isUsedUp = limit !== null && spend >= limit
  const inPeriod = of.period_start === null ? 'in all' : 'in this period'
  return (
    <>
      <PageHead title={of.alias ?? of.user_id}>
        {of.blocked && <Badge tone="bad">paused</Badge>}
        {isUsedUp && <Badge tone="bad">limit reached</Badge>}
      </PageHead>
      {of.blocked && (
        <p class="notice">
          {operator} has paused this account: its calls are refused. What was used is shown all the
          same.
        </p>
      )}
      <section class="card allowance" aria-label="Spent of the limit">
        {limit === null ? (
          <p class="sum">
            <Money of={spend} />
          </p>
        ) : (
          <BudgetBar spend={spend} held={pending} limit={limit} label="Limit" />
        )}
        <p class="muted">
          Spent {inPeriod}
          {limit === null && ', without a limit'}
          {of.period_start !== null && (
            <>
              , which began <Time at={of.period_start} />
            </>
          )}
          .{' '}
          {budget_reset_at !== null && (
            <>
              Resets <Distance to={budget_reset_at} />, on <Time at={budget_reset_at} />.
            </>
          )}
        </p>
      </section>
      <dl class="figures">
        {limit !== null && (
          <Figure name="Left" note={pending > 0 ? 'without what is pending' : undefined}>
            <Money of={Math.max(0, limit - spend - pending)} />
          </Figure>
        )}
        <Figure name="Pending" note="for calls under way">
          <Money of={pending} />
        </Figure>
        <Figure
          name="Calls"
          note={usage.failed_calls > 0 ? `${usage.failed_calls} of them failed` : inPeriod}
        >
          <Count of={usage.calls} />
        </Figure>
        <Figure name="Tokens" note={inPeriod}>
          <Count of={usage.total_tokens} />
        </Figure>
        {of.period_start !== null && (
          <Figure name="Spent in all">
            <Money of={total_spend} />
          </Figure>
        )}
      </dl>
    </>
  )
}

/** The usage of the last days. `round` goes up whenever it is to be asked anew. */
function UsageIn({ token, round }: { readonly token: string; readonly round: number }) {
  const [days, setDays] = useState<number>(30)
  const date = (at: number) => new Date(at).toISOString().slice(0, 10)
  const now = Date.now()
  const range = { start_date: date(now - (days - 1) * DAY_MS), end_date: date(now) }
  const { data, error, reload } = useData<UsageRange>('portal/usage', range, token)
  useEffect(() => {
    if (round > 0) reload()
  }, [round, reload])
  const choice = (
    <label>
      <span class="unseen">Time</span>
      <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
        {SPANS.map((span) => (
          <option key={span} value={span}>
            Last {span} days
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <Section title="Usage" actions={choice}>
      <LoadProblem error={error} onRetry={reload} />
      {data !== undefined && <UsageOf of={data} />}
    </Section>
  )
}

function UsageOf({ of }: { readonly of: UsageRange }) {
  if (of.models.length === 0) {
    return (
      <Empty title="Nothing was used in this time.">
        <p>What you use from now on is here a moment later.</p>
      </Empty>
    )
  }
  const { spend, calls, total_tokens } = of.total
  return (
    <>
      <p>
        <Money of={spend} /> for <Count of={calls} /> {calls === 1 ? 'call' : 'calls'} and{' '}
        <Count of={total_tokens} /> tokens.
      </p>
      {of.total.calls > 0 && <SpendChart of={chartOf(of)} label="Spent by day and model" />}
      <h3>By model</h3>
      <Table
        label="Usage by model"
        rows={of.models}
        keyOf={({ model }) => model}
        columns={COLUMNS}
      />
    </>
  )
}

const COLUMNS = [
  { name: 'Model', cell: ({ model }: ModelUsage) => (model === '' ? 'Corrections' : model) },
  { name: 'Calls', isNumber: true, cell: ({ calls }: ModelUsage) => <Count of={calls} /> },
  {
    name: 'Tokens in',
    isNumber: true,
    cell: ({ prompt_tokens }: ModelUsage) => <Count of={prompt_tokens} />,
  },
  {
    name: 'Tokens out',
    isNumber: true,
    cell: ({ completion_tokens }: ModelUsage) => <Count of={completion_tokens} />,
  },
  { name: 'Spent', isNumber: true, cell: ({ spend }: ModelUsage) => <Money of={spend} /> },
]

/** A page that holds this one may say which theme it has. */
const theme = new URLSearchParams(location.search).get('theme')
if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme

render(<Portal />, document.getElementById('app')!)
