import { useState } from 'preact/hooks'
import { useRoute } from 'preact-iso'
import { usePlace, useQuery } from '../cursor.ts'
import { plural } from '../format.ts'
import {
  Badge,
  BudgetBar,
  Distance,
  Empty,
  LoadProblem,
  PageHead,
  Section,
  Time,
} from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import type { Column, Order } from '../table.tsx'
import { useData, usePage } from '../use-data.ts'
import { DeleteBudget } from './budget-delete.tsx'
import { EditBudget } from './budget-edit.tsx'
import { MoneyWords } from './budget-money.tsx'
import { type Budget as BudgetData, type Customer, CustomerLink } from './customer-parts.tsx'
import { CustomerTable } from './customer-table.tsx'
import { LimitList } from './limit-list.tsx'

const PAGE_SIZE = 50

/** A tier: its limits, and who is on it. */
export function Budget() {
  const id = useRoute().params['id']!
  return <OneBudget key={id} id={id} />
}

function OneBudget({ id }: { readonly id: string }) {
  const found = useData<readonly BudgetData[]>('/budget/list')
  const [open, setOpen] = useState<'edit' | 'delete' | null>(null)
  const isAdmin = useIsAdmin()
  const budget = found.data?.find(({ budget_id }) => budget_id === id)
  const isGone = found.data !== undefined && budget === undefined
  return (
    <>
      <PageHead title={id}>
        {isAdmin && budget !== undefined && (
          <>
            <button type="button" onClick={() => setOpen('edit')}>
              Edit
            </button>
            <button type="button" class="danger" onClick={() => setOpen('delete')}>
              Delete
            </button>
          </>
        )}
      </PageHead>
      <LoadProblem error={found.error} onRetry={found.reload} />
      {isGone && (
        <Section title="No budget">
          <Empty title="There is no budget of this id.">
            <a href="/ui/budgets">Show all budgets</a>
          </Empty>
        </Section>
      )}
      {budget !== undefined && (
        <>
          <Limits of={budget} />
          <OnIt of={budget} />
        </>
      )}
      {budget !== undefined && open === 'edit' && (
        <EditBudget of={budget} onClose={() => setOpen(null)} onChange={found.reload} />
      )}
      {budget !== undefined && open === 'delete' && (
        <DeleteBudget of={budget} onClose={() => setOpen(null)} />
      )}
    </>
  )
}

const Limits = ({ of }: { readonly of: BudgetData }) => (
  <Section title="Limits">
    <dl class="keyed">
      <dt>Limits</dt>
      <dd>
        <LimitList of={of} />
      </dd>
      <MoneyWords of={of} />
      <dt>Resets</dt>
      <dd>
        {of.budget_reset_at === null ? (
          'never'
        ) : (
          <>
            <Distance to={of.budget_reset_at} />, <Time at={of.budget_reset_at} />
          </>
        )}
      </dd>
      <dt>Last changed</dt>
      <dd>
        <Time at={of.updated_at} />
      </dd>
    </dl>
  </Section>
)

/** The customers of a tier, by what they spent. */
function OnIt({ of: { budget_id: id, max_budget } }: { readonly of: BudgetData }) {
  const { query, change } = useQuery('')
  const { cursor, page, go } = usePlace()
  const order: Order = {
    sort: query['sort'] ?? 'spend',
    order: query['order'] === 'asc' ? 'asc' : 'desc',
  }
  const found = usePage<Customer>('/customer/list', {
    budget_id: id,
    page_size: PAGE_SIZE,
    ...order,
    cursor,
  })
  const total = found.data?.total ?? null
  return (
    <Section
      title="Customers on it"
      actions={total !== null && <span class="muted">{plural(total, 'customer')}</span>}
    >
      <LoadProblem error={found.error} onRetry={found.reload} />
      {found.data !== undefined && found.data.rows.length === 0 && (
        <Empty title="Nobody is on it.">
          <p>
            Put a customer on it on its own page, or make a new one under{' '}
            <a href="/ui/customers">customers</a>.
          </p>
        </Empty>
      )}
      {found.data !== undefined && found.data.rows.length > 0 && (
        <CustomerTable
          label="Customers on it"
          columns={columnsFor(max_budget)}
          of={found.data}
          isLoading={found.isLoading}
          order={order}
          onOrder={(chosen) => change(chosen)}
          page={page}
          go={go}
        />
      )}
    </Section>
  )
}

const columnsFor = (limit: number | null): readonly Column<Customer>[] => [
  {
    name: 'Customer',
    sort: 'user_id',
    cell: (row) => (
      <div class="who">
        <CustomerLink id={row.user_id} alias={row.alias} />
        {row.blocked && <Badge tone="bad">blocked</Badge>}
      </div>
    ),
  },
  {
    name: 'Spend this period',
    sort: 'spend',
    cell: (row) => (
      <BudgetBar
        spend={row.spend}
        held={row.held}
        limit={limit}
        label={`Budget of ${row.user_id}`}
      />
    ),
  },
  { name: 'Since', sort: 'created_at', cell: (row) => <Time at={row.created_at} /> },
]
