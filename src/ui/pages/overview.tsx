import { useState } from 'preact/hooks'
import { type Series, SpendChart, seriesName } from '../chart.tsx'
import { useQuery } from '../cursor.ts'
import { useLive } from '../live.ts'
import {
  Badge,
  BudgetBar,
  Count,
  Empty,
  Figure,
  LoadProblem,
  Money,
  PageHead,
  Section,
} from '../parts.tsx'
import { RangeFields, readRange } from '../range.tsx'
import { useData, useEvery } from '../use-data.ts'
import { type Customer, CustomerLink } from './customer-parts.tsx'

/** While something changes, charts and lists are asked anew this often. */
const REFRESH_MS = 5_000

/** How things stand, and how they came to be so. */
export function Overview() {
  const { query, change: go } = useQuery()
  const range = readRange(query)
  const by = query['by'] === 'customer' ? 'customer' : 'model'
  const { now, isLive } = useLive()
  const spent = useData<Series>('/spend/series', { ...range.query, by })
  const top = useData<Series>('/spend/series', { ...range.query, step: 'day', by: 'customer' })
  const near = useData<readonly (Customer & { share_used: number })[]>('/customer/near_limit', {
    limit: 8,
  })
  const [seen, setSeen] = useState<number | undefined>(undefined)
  useEvery(REFRESH_MS, () => {
    if (now === null || now.today.calls === seen) return
    setSeen(now.today.calls)
    for (const { reload } of [spent, top, near]) reload()
  })

  return (
    <>
      <PageHead title="Overview">
        <Badge tone={isLive ? 'ok' : 'warn'}>{isLive ? 'live' : 'not connected'}</Badge>
      </PageHead>
      <dl class="figures">
        <Figure name="Spend today" note="since midnight UTC">
          {now === null ? '…' : <Money of={now.today.spend} />}
        </Figure>
        <Figure name="This month">{now === null ? '…' : <Money of={now.month.spend} />}</Figure>
        <Figure
          name="Held right now"
          note={now === null ? '' : `${now.calls_in_flight} calls in flight`}
        >
          {now === null ? '…' : <Money of={now.held} />}
        </Figure>
        <Figure
          name="Calls today"
          note={now === null ? '' : `${now.today.failed_calls} of them failed`}
        >
          {now === null ? '…' : <Count of={now.today.calls} />}
        </Figure>
        <Figure name="Tokens today">
          {now === null ? '…' : <Count of={now.today.total_tokens} />}
        </Figure>
        <Figure name="Customers">{now === null ? '…' : <Count of={now.customers} />}</Figure>
      </dl>
      <Section
        title="Spend over time"
        actions={
          <div class="actions">
            <RangeFields range={range} onRange={go} />
            <label>
              By{' '}
              <select value={by} onChange={(event) => go({ by: event.currentTarget.value })}>
                <option value="model">model</option>
                <option value="customer">customer</option>
              </select>
            </label>
          </div>
        }
      >
        <LoadProblem error={spent.error} onRetry={spent.reload} />
        {spent.data !== undefined && <SpendIn of={spent.data} />}
      </Section>
      <div class="columns">
        <Section title="Top customers">
          <LoadProblem error={top.error} onRetry={top.reload} />
          {top.data !== undefined && <TopCustomers of={top.data} />}
        </Section>
        <Section title="Near their limit">
          <LoadProblem error={near.error} onRetry={near.reload} />
          {near.data !== undefined && <NearLimit of={near.data} />}
        </Section>
      </div>
    </>
  )
}

function SpendIn({ of }: { readonly of: Series }) {
  if (of.total.calls === 0) {
    return (
      <Empty title="No calls in this time.">
        <p>
          Point an OpenAI client at this server, or send a call from the{' '}
          <a href="/ui/playground">playground</a>.
        </p>
      </Empty>
    )
  }
  const { spend, calls, failed_calls, total_tokens } = of.total
  return (
    <>
      <p>
        <Money of={spend} /> for <Count of={calls} /> calls and <Count of={total_tokens} /> tokens
        {failed_calls > 0 && (
          <>
            ; <Count of={failed_calls} /> calls failed
          </>
        )}
        .
      </p>
      <SpendChart of={of} label="Spend in this time" />
    </>
  )
}

function TopCustomers({ of }: { readonly of: Series }) {
  const named = of.series.filter(({ name }) => name !== null)
  if (named.length === 0) return <Empty title="Nobody has spent anything in this time." />
  const most = Math.max(...named.map(({ total }) => total.spend))
  return (
    <ol class="ranking">
      {named.map(({ name, alias, total }) => (
        <li key={name}>
          {name === null || name === '' ? (
            seriesName(name, of.by)
          ) : (
            <CustomerLink id={name} alias={alias ?? null} />
          )}
          <Money of={total.spend} />
          <span class="bar" aria-hidden="true">
            <span
              class="spent"
              style={{ width: `${most > 0 ? (total.spend / most) * 100 : 0}%` }}
            />
          </span>
        </li>
      ))}
    </ol>
  )
}

function NearLimit({ of }: { readonly of: readonly (Customer & { share_used: number })[] }) {
  if (of.length === 0) {
    return <Empty title="Nobody has used 80% of a budget." />
  }
  return (
    <ul class="ranking">
      {of.map((customer) => (
        <li key={customer.user_id}>
          <CustomerLink id={customer.user_id} alias={customer.alias} />
          <BudgetBar
            spend={customer.spend}
            held={customer.held}
            limit={customer.litellm_budget_table?.max_budget ?? null}
            label={`Budget of ${customer.user_id}`}
          />
        </li>
      ))}
    </ul>
  )
}
