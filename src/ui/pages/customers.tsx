import { useEffect, useRef, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { usePlace, useQuery } from '../cursor.ts'
import { plural } from '../format.ts'
import {
  Badge,
  BudgetBar,
  Copy,
  Empty,
  LoadProblem,
  Money,
  PageHead,
  Section,
  Time,
} from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import type { Column, Order } from '../table.tsx'
import { type Page, useData, usePage, useSettled } from '../use-data.ts'
import { NewCustomer } from './customer-new.tsx'
import {
  type Budget,
  type Customer,
  CustomerLink,
  customerAddress,
  TierName,
} from './customer-parts.tsx'
import { CustomerTable } from './customer-table.tsx'

const PAGE_SIZE = 50

/** All customers, as many as there may be: the server searches, sorts and pages. */
export function Customers() {
  const { route } = useLocation()
  const { query, change } = useQuery('')
  const { cursor, page, go } = usePlace()
  const isAdmin = useIsAdmin()
  const [isMaking, setMaking] = useState(false)
  const order: Order = {
    sort: query['sort'] ?? 'spend',
    order: query['order'] === 'asc' ? 'asc' : 'desc',
  }
  const found = usePage<Customer>('/customer/list', {
    page_size: PAGE_SIZE,
    ...order,
    search: query['search'],
    budget_id: query['budget_id'],
    blocked: query['blocked'],
    cursor,
  })
  const tiers = useData<readonly Budget[]>('/budget/list')
  const names = new Set(tiers.data?.map(({ budget_id }) => budget_id))
  const isFiltered = ['search', 'budget_id', 'blocked'].some((name) => query[name] !== undefined)

  return (
    <>
      <PageHead title="Customers">
        {isAdmin && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New customer
          </button>
        )}
      </PageHead>
      <Section title="All customers" actions={<Found of={found.data} isFiltered={isFiltered} />}>
        <Filters tiers={tiers.data ?? []} query={query} onChange={change} />
        <LoadProblem error={found.error} onRetry={found.reload} />
        {found.data !== undefined && found.data.rows.length === 0 && (
          <NoCustomers isFiltered={isFiltered} isFirst={page === 1} />
        )}
        {found.data !== undefined && found.data.rows.length > 0 && (
          <CustomerTable
            label="Customers"
            columns={columnsFor(names)}
            of={found.data}
            isLoading={found.isLoading}
            order={order}
            onOrder={(chosen) => change(chosen)}
            page={page}
            go={go}
          />
        )}
      </Section>
      {isMaking && (
        <NewCustomer
          tiers={tiers.data ?? []}
          onClose={() => setMaking(false)}
          onMade={(id) => route(customerAddress(id))}
        />
      )}
    </>
  )
}

function Found({
  of,
  isFiltered,
}: {
  readonly of: Page<Customer> | undefined
  readonly isFiltered: boolean
}) {
  if (of === undefined) return null
  const { total, totalAtLeast } = of
  const known = total ?? totalAtLeast
  return (
    <span class="muted" aria-live="polite">
      {known === null ? '' : plural(known, 'customer')}
      {total === null && known !== null && ' or more'}
      {isFiltered && known !== null && ' found'}
    </span>
  )
}

function Filters({
  tiers,
  query,
  onChange,
}: {
  readonly tiers: readonly Budget[]
  readonly query: Readonly<Record<string, string>>
  readonly onChange: (change: Record<string, string>) => void
}) {
  const asked = query['search'] ?? ''
  const [search, setSearch] = useState(asked)
  const settled = useSettled(search.trim())
  const known = useRef(asked)
  useEffect(() => {
    if (settled === known.current) return
    known.current = settled
    onChange({ search: settled })
  }, [settled])
  // The address was changed by something else than typing.
  useEffect(() => {
    if (asked === known.current) return
    known.current = asked
    setSearch(asked)
  }, [asked])
  return (
    <search class="list-filters">
      <label class="wide">
        Search
        <input
          type="search"
          placeholder="a part of an id or an alias"
          spellcheck={false}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </label>
      <label>
        Tier
        <select
          value={query['budget_id'] ?? ''}
          onChange={(event) => onChange({ budget_id: event.currentTarget.value })}
        >
          <option value="">any</option>
          {tiers.map(({ budget_id: id }) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
      <label>
        Blocked
        <select
          value={query['blocked'] ?? ''}
          onChange={(event) => onChange({ blocked: event.currentTarget.value })}
        >
          <option value="">either</option>
          <option value="true">blocked</option>
          <option value="false">not blocked</option>
        </select>
      </label>
    </search>
  )
}

const columnsFor = (tiers: ReadonlySet<string>): readonly Column<Customer>[] => [
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
        limit={row.litellm_budget_table?.max_budget ?? null}
        label={`Budget of ${row.user_id}`}
      />
    ),
  },
  { name: 'Budget', cell: (row) => <TierName of={row} tiers={tiers} /> },
  {
    name: 'Spend in all',
    sort: 'total_spend',
    isNumber: true,
    cell: (row) => <Money of={row.total_spend} />,
  },
  { name: 'Since', sort: 'created_at', cell: (row) => <Time at={row.created_at} /> },
]

function NoCustomers({
  isFiltered,
  isFirst,
}: {
  readonly isFiltered: boolean
  readonly isFirst: boolean
}) {
  if (!isFirst) return <Empty title="There are no more customers." />
  if (isFiltered) {
    return (
      <Empty title="No customer is like this.">
        <a href="/ui/customers">Show all customers</a>
      </Empty>
    )
  }
  return (
    <Empty title="There are no customers yet.">
      <p>A tab is opened by the first call that names a customer in “user”, or by this:</p>
      <Copy label="A command that makes a customer" text={curl()} />
    </Empty>
  )
}

const curl = () =>
  `curl ${location.origin}/customer/new -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" -d '{"user_id": "alice", "max_budget": 10}'`
