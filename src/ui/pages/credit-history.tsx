import { address } from '../api.ts'
import { usePlace } from '../cursor.ts'
import { exactCount } from '../format.ts'
import { Badge, LoadProblem, Money, Time } from '../parts.tsx'
import { type Column, Pager, Table } from '../table.tsx'
import { useChange, usePage } from '../use-data.ts'

/** One of `GET /customer/credit/history`. */
type Entry = {
  readonly id: number
  readonly type: 'grant' | 'draw' | 'expiry' | 'refund' | 'adjustment'
  readonly amount: number
  readonly balance: number
  readonly grant_id: string | null
  readonly call_id: string | null
  readonly reason: string | null
  readonly created_at: string
}

const PATH = '/customer/credit/history'
const PAGE_SIZE = 10

/** What the server gives at most at once: as a file, the newest of them. */
const FILE_SIZE = 1_000

/** Every movement of a wallet, newest first; asked anew when its balance is another. */
export function CreditHistory({ id, balance }: { readonly id: string; readonly balance: number }) {
  const { cursor, page, go } = usePlace('credit_')
  const found = usePage<Entry>(PATH, { end_user_id: id, page_size: PAGE_SIZE, cursor })
  useChange(balance, found.reload)
  const { rows, next } = found.data ?? { rows: [], next: null }
  const file = address(PATH, { end_user_id: id, page_size: FILE_SIZE, format: 'csv' })
  return (
    <>
      <h3>History</h3>
      <LoadProblem error={found.error} onRetry={found.reload} />
      {found.data !== undefined && rows.length === 0 && <p class="muted">Nothing moved yet.</p>}
      {rows.length > 0 && (
        <>
          <Table
            label="History of the credit"
            columns={COLUMNS}
            rows={rows}
            keyOf={({ id }) => String(id)}
            isLoading={found.isLoading}
          />
          <Pager
            label="Pages of the history"
            page={page}
            hasNext={next !== null}
            onPage={(to) => go(to, next)}
          >
            Page {exactCount(page)}, newest first ·{' '}
            <a download href={file}>
              the last {exactCount(FILE_SIZE)} as CSV
            </a>
          </Pager>
        </>
      )}
    </>
  )
}

const COLUMNS: readonly Column<Entry>[] = [
  { name: 'When', cell: ({ created_at: at }) => <Time at={at} /> },
  {
    name: 'What',
    cell: ({ type }) => <Badge tone={type === 'grant' ? 'ok' : 'plain'}>{type}</Badge>,
  },
  { name: 'Amount', isNumber: true, cell: ({ amount }) => <Money of={amount} /> },
  { name: 'Balance', isNumber: true, cell: ({ balance }) => <Money of={balance} /> },
  {
    name: 'Why',
    cell: ({ reason, call_id: call, grant_id: grant }) =>
      reason ?? <code>{call ?? grant ?? ''}</code>,
  },
]
