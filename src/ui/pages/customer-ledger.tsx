import { address } from '../api.ts'
import { usePlace, useQuery } from '../cursor.ts'
import { exactCount } from '../format.ts'
import { Badge, Count, Empty, LoadProblem, Money, Section, Time, type Tone } from '../parts.tsx'
import { type Column, Pager, Table } from '../table.tsx'
import { useChange, useData, usePage } from '../use-data.ts'
import type { OfCustomer } from './customer-parts.tsx'
import { type LedgerRow, RowDetail } from './ledger-row.tsx'

const PAGE_SIZE = 25
const OUTCOMES = ['ok', 'interrupted', 'client_closed', 'upstream_failed', 'correction'] as const
const FILTERS = { model: 'row_model', outcome: 'outcome', from: 'row_from', to: 'row_to' }

/** The rows of the ledger that a customer was charged, a page at a time, and all of them as CSV. */
export function CustomerLedger({ id, spent }: OfCustomer) {
  const { query, change } = useQuery('row_')
  const { cursor, page, go } = usePlace('row_')
  const asked = {
    end_user: id,
    model: query[FILTERS.model],
    outcome: query[FILTERS.outcome],
    start_date: query[FILTERS.from],
    end_date: query[FILTERS.to],
  }
  const found = usePage<LedgerRow>('/spend/logs', {
    ...asked,
    summarize: false,
    page_size: PAGE_SIZE,
    cursor,
  })
  useChange(spent, found.reload)
  const isFiltered = Object.values(FILTERS).some((name) => query[name] !== undefined)
  return (
    <Section
      title="Ledger"
      actions={
        <a
          class="button"
          download
          href={address('/spend/logs/export', { ...asked, format: 'csv' })}
        >
          Download as CSV
        </a>
      }
    >
      <Filters query={query} onChange={change} />
      <LoadProblem error={found.error} onRetry={found.reload} />
      {found.data !== undefined && (
        <>
          {found.data.rows.length === 0 ? (
            <NoRows isFiltered={isFiltered} hasMore={found.data.next !== null} />
          ) : (
            <Table
              label="Ledger"
              columns={COLUMNS}
              rows={found.data.rows}
              keyOf={(row) => row.request_id}
              isLoading={found.isLoading}
              detail={{
                nameOf: (row) => `Details of ${row.request_id}`,
                of: (row) => <RowDetail of={row} />,
              }}
            />
          )}
          {(page > 1 || found.data.next !== null) && (
            <Pager
              label="Pages of the ledger"
              page={page}
              hasNext={found.data.next !== null}
              onPage={(to) => go(to, found.data?.next ?? null)}
            >
              Page {exactCount(page)}, newest first
            </Pager>
          )}
        </>
      )}
    </Section>
  )
}

function Filters({
  query,
  onChange,
}: {
  readonly query: Readonly<Record<string, string>>
  readonly onChange: (change: Record<string, string>) => void
}) {
  const served = useData<{ data: readonly { id: string }[] }>('/models')
  const chosen = query[FILTERS.model] ?? ''
  const models = new Set([...(served.data?.data.map(({ id }) => id) ?? []), chosen])
  models.delete('')
  const date = (name: string, label: string) => (
    <label>
      {label}
      <input
        type="date"
        value={query[name] ?? ''}
        onChange={(event) => onChange({ [name]: event.currentTarget.value })}
      />
    </label>
  )
  return (
    <search class="list-filters">
      <label>
        Model
        <select
          value={chosen}
          onChange={(event) => onChange({ [FILTERS.model]: event.currentTarget.value })}
        >
          <option value="">any</option>
          {[...models].map((model) => (
            <option key={model} value={model}>
              {model}
            </option>
          ))}
        </select>
      </label>
      <label>
        Outcome
        <select
          value={query[FILTERS.outcome] ?? ''}
          onChange={(event) => onChange({ [FILTERS.outcome]: event.currentTarget.value })}
        >
          <option value="">any</option>
          {OUTCOMES.map((outcome) => (
            <option key={outcome} value={outcome}>
              {OUTCOME_WORDS[outcome]}
            </option>
          ))}
        </select>
      </label>
      {date(FILTERS.from, 'From (UTC day)')}
      {date(FILTERS.to, 'To (UTC day)')}
    </search>
  )
}

const OUTCOME_WORDS: Readonly<Record<string, string>> = {
  ok: 'ok',
  interrupted: 'interrupted',
  client_closed: 'client hung up',
  upstream_failed: 'upstream failed',
  correction: 'correction',
}

const OUTCOME_TONES: Readonly<Record<string, Tone>> = {
  ok: 'ok',
  interrupted: 'warn',
  client_closed: 'warn',
  upstream_failed: 'bad',
}

const COLUMNS: readonly Column<LedgerRow>[] = [
  { name: 'Settled', cell: (row) => <Time at={row.endTime} /> },
  { name: 'Model', cell: (row) => row.model || <span class="muted">none</span> },
  {
    name: 'Outcome',
    cell: ({ outcome }) => (
      <Badge tone={OUTCOME_TONES[outcome] ?? 'plain'}>{OUTCOME_WORDS[outcome] ?? outcome}</Badge>
    ),
  },
  { name: 'Tokens read', isNumber: true, cell: (row) => <Count of={row.prompt_tokens} /> },
  { name: 'Tokens written', isNumber: true, cell: (row) => <Count of={row.completion_tokens} /> },
  { name: 'Charge', isNumber: true, cell: (row) => <Money of={row.charge} /> },
]

function NoRows({
  isFiltered,
  hasMore,
}: {
  readonly isFiltered: boolean
  readonly hasMore: boolean
}) {
  if (hasMore) return <Empty title="None of those looked at is like this; the next page goes on." />
  if (isFiltered) return <Empty title="No row of the ledger is like this." />
  return (
    <Empty title="Nothing was charged yet.">
      <p>
        Send a call with this customer's id in “user”, or try one in the{' '}
        <a href="/ui/playground">playground</a>.
      </p>
    </Empty>
  )
}
