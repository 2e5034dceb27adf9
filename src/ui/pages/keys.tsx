import { useEffect, useState } from 'preact/hooks'
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
import { type Column, type Order, Pager, Table } from '../table.tsx'
import { useAddress } from '../use-address.ts'
import { useData, useSettled } from '../use-data.ts'
import { CustomerLink } from './customer-parts.tsx'
import { CreateKey, KeyActs } from './key-acts.tsx'
import { type Key, nameOf } from './key-values.ts'

type Page = {
  readonly keys: readonly Key[]
  readonly total_count: number
  readonly total_pages: number
}

const PAGE_SIZE = 25

/** Virtual keys: what clients are given in place of the master key. */
export function Keys() {
  const { query, set } = useAddress()
  const isAdmin = useIsAdmin()
  const [search, setSearch] = useState(query['search'] ?? '')
  const settled = useSettled(search.trim())
  useEffect(() => {
    if (settled !== (query['search'] ?? '')) set({ search: settled, page: '' })
  }, [settled])
  const page = Math.max(1, Number.parseInt(query['page'] ?? '', 10) || 1)
  const order: Order = {
    sort: query['sort'] ?? 'created_at',
    order: query['order'] === 'asc' ? 'asc' : 'desc',
  }
  const { data, error, isLoading, reload } = useData<Page>('/key/list', {
    return_full_object: true,
    size: PAGE_SIZE,
    page,
    search: query['search'],
    sort_by: order.sort,
    sort_order: order.order,
  })
  return (
    <>
      <PageHead title="Keys">{isAdmin && <CreateKey onChange={reload} />}</PageHead>
      <Section
        title="Virtual keys"
        actions={
          <input
            class="search"
            type="search"
            aria-label="Find keys"
            placeholder="Alias, customer, last characters"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        }
      >
        <LoadProblem error={error} onRetry={reload} />
        {data?.total_count === 0 && <NoKeys search={query['search'] ?? ''} />}
        {data !== undefined && data.total_count > 0 && (
          <Table
            label="Virtual keys"
            columns={isAdmin ? [...COLUMNS, actsColumn(reload)] : COLUMNS}
            rows={data.keys}
            keyOf={({ token }) => token}
            order={order}
            onOrder={(chosen) => set({ ...chosen, page: '' })}
            isLoading={isLoading}
          />
        )}
        {data !== undefined && data.total_count > 0 && (
          <Pager
            page={page}
            hasNext={page < data.total_pages}
            onPage={(next) => set({ page: next })}
          >
            {plural(data.total_count, 'key')}
          </Pager>
        )}
      </Section>
    </>
  )
}

const NoKeys = ({ search }: { readonly search: string }) =>
  search === '' ? (
    <Empty title="There is no virtual key yet.">
      <p>
        Give one to each application, with its own limits, in place of the master key, or bind one
        to a customer, so that all its calls are on that tab.
      </p>
    </Empty>
  ) : (
    <Empty title={`No key has “${search}” in its alias, its customer or its last characters.`} />
  )

const actsColumn = (onChange: () => void): Column<Key> => ({
  name: 'Actions',
  cell: (key) => <KeyActs of={key} onChange={onChange} />,
})

const COLUMNS: readonly Column<Key>[] = [
  { name: 'Key', sort: 'key_alias', cell: (key) => <Name of={key} /> },
  {
    name: 'Customer',
    cell: ({ customer_id: id, key_type }) => {
      if (id !== null) return <CustomerLink id={id} alias={null} />
      return <span class="muted">{key_type === 'read_only' ? '—' : 'named by each call'}</span>
    },
  },
  {
    name: 'Models',
    cell: ({ models, key_type }) => {
      if (key_type === 'read_only') return <span class="muted">—</span>
      return models.length === 0 ? <span class="muted">all</span> : models.join(', ')
    },
  },
  { name: 'Spend', sort: 'spend', cell: (key) => <Spend of={key} /> },
  {
    name: 'Expires',
    cell: ({ expires }) =>
      expires === null ? <span class="muted">never</span> : <Distance to={expires} />,
  },
  { name: 'Made', sort: 'created_at', cell: ({ created_at }) => <Time at={created_at} /> },
]

function Name({ of: key }: { readonly of: Key }) {
  const isOver = key.expires !== null && Date.parse(key.expires) <= Date.now()
  return (
    <div class="where">
      <strong>{nameOf(key)}</strong>
      {key.key_alias !== null && <small class="muted">{key.key_name}</small>}
      <span class="badges">
        <Badge>{key.key_type === 'read_only' ? 'read only' : 'calls'}</Badge>
        {key.blocked && <Badge tone="bad">blocked</Badge>}
        {isOver && <Badge tone="warn">expired</Badge>}
      </span>
    </div>
  )
}

const Spend = ({ of: key }: { readonly of: Key }) => (
  <div class="where">
    <BudgetBar
      spend={key.spend}
      held={key.held}
      limit={key.max_budget}
      label={`Budget of ${nameOf(key)}`}
    />
    {key.budget_id !== null && (
      <small class="muted">
        on <a href={`/ui/budgets/${encodeURIComponent(key.budget_id)}`}>{key.budget_id}</a>
      </small>
    )}
    {key.budget_reset_at !== null && (
      <small class="muted">
        resets <Distance to={key.budget_reset_at} />
      </small>
    )}
  </div>
)
