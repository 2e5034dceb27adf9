import { useRoute } from 'preact-iso'
import { ApiError } from '../api.ts'
import {
  Badge,
  BudgetBar,
  Distance,
  Empty,
  Figure,
  LoadProblem,
  Money,
  PageHead,
  Section,
  Time,
} from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { type Loaded, useData, useEvery } from '../use-data.ts'
import { CustomerActs } from './customer-acts.tsx'
import { CustomerBilling } from './customer-billing.tsx'
import { CustomerBudget } from './customer-budget.tsx'
import { CustomerCredit } from './customer-credit.tsx'
import { CustomerEvents } from './customer-events.tsx'
import { CustomerLedger } from './customer-ledger.tsx'
import type { Budget, Customer as CustomerData } from './customer-parts.tsx'
import { CustomerPeriods } from './customer-periods.tsx'
import { CustomerSpend } from './customer-spend.tsx'

/** Its figures move with its calls. */
const REFRESH_MS = 5_000

/** All that there is to know of one customer, and to do with it. */
export function Customer() {
  const id = useRoute().params['id']!
  return <OneCustomer key={id} id={id} />
}

function OneCustomer({ id }: { readonly id: string }) {
  const found = useData<CustomerData>('/customer/info', { end_user_id: id })
  const tiers = useData<readonly Budget[]>('/budget/list')
  const isAdmin = useIsAdmin()
  useEvery(REFRESH_MS, found.reload)
  if (found.error instanceof ApiError && found.error.status === 404) return <NoCustomer id={id} />
  const customer = found.data
  if (customer === undefined) return <Loading id={id} of={found} />
  return (
    <>
      <PageHead
        title={
          <>
            {customer.alias ?? id} {customer.blocked && <Badge tone="bad">blocked</Badge>}
          </>
        }
      >
        {isAdmin && <CustomerActs of={customer} onChange={found.reload} />}
      </PageHead>
      {customer.alias !== null && (
        <p class="muted">
          Its id is <code>{id}</code>
        </p>
      )}
      <LoadProblem error={found.error} onRetry={found.reload} />
      <Figures of={customer} />
      <CustomerSpend id={id} spent={customer.total_spend} />
      <div class="columns">
        <CustomerBudget of={customer} tiers={tiers.data ?? null} onChange={found.reload} />
        <CustomerPeriods of={customer} />
      </div>
      <CustomerCredit of={customer} onChange={found.reload} />
      <CustomerBilling of={customer} onChange={found.reload} />
      <CustomerLedger id={id} spent={customer.total_spend} />
      <CustomerEvents id={id} spent={customer.total_spend} />
    </>
  )
}

const Loading = ({ id, of }: { readonly id: string; readonly of: Loaded<CustomerData> }) => (
  <>
    <PageHead title={id} />
    <LoadProblem error={of.error} onRetry={of.reload} />
    {of.error === null && (
      <p class="muted" aria-busy="true">
        Loading…
      </p>
    )}
  </>
)

function NoCustomer({ id }: { readonly id: string }) {
  return (
    <>
      <PageHead title={id} />
      <Section title="No tab">
        <Empty title="There is no customer of this id.">
          <p>
            It was deleted, or never made. What a deleted one was charged is in the ledger, below.
          </p>
          <a href="/ui/customers">Show all customers</a>
        </Empty>
      </Section>
      <CustomerLedger id={id} spent={null} />
    </>
  )
}

function Figures({ of }: { readonly of: CustomerData }) {
  const limit = of.litellm_budget_table?.max_budget ?? null
  const left = limit === null ? null : limit - of.spend - of.held
  return (
    <dl class="figures">
      <Figure
        name="Spend this period"
        note={
          <BudgetBar
            spend={of.spend}
            held={of.held}
            limit={limit}
            label={`Budget of ${of.user_id}`}
          />
        }
      >
        <Money of={of.spend} />
      </Figure>
      <Figure name="Left" note={left === null ? 'it has no limit' : 'of its budget'}>
        {left === null ? '∞' : <Money of={Math.max(0, left)} />}
      </Figure>
      <Figure name="Held right now" note="for calls in flight">
        <Money of={of.held} />
      </Figure>
      <Figure
        name="Resets"
        note={of.budget_reset_at === null ? '' : <Time at={of.budget_reset_at} />}
      >
        {of.budget_reset_at === null ? 'never' : <Distance to={of.budget_reset_at} />}
      </Figure>
      <Figure
        name="Spend in all"
        note={
          <>
            since <Time at={of.created_at} />
          </>
        }
      >
        <Money of={of.total_spend} />
      </Figure>
    </dl>
  )
}
