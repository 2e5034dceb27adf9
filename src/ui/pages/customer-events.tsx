import { usePlace } from '../cursor.ts'
import { exactCount } from '../format.ts'
import { Badge, Empty, LoadProblem, Section, Time, type Tone } from '../parts.tsx'
import { type Column, Pager, Table } from '../table.tsx'
import { useChange, useData } from '../use-data.ts'
import type { OfCustomer } from './customer-parts.tsx'

/** One of `GET /webhook/events`, as far as it is shown here. */
type Delivery = {
  readonly event_id: string
  readonly receiver: string
  readonly event: string
  readonly status: string
  readonly attempts: number
  readonly last_error: string | null
  readonly payload: { readonly created_at?: string; readonly event_message?: string }
}

type Answer = { readonly events: readonly Delivery[]; readonly next_cursor: number | null }

const PAGE_SIZE = 10
const TONES: Readonly<Record<string, Tone>> = { delivered: 'ok', pending: 'warn', dead: 'bad' }

/** What the webhooks were told of a customer. */
export function CustomerEvents({ id, spent }: OfCustomer) {
  const { cursor, page, go } = usePlace('event_')
  const found = useData<Answer>('/webhook/events', {
    customer_id: id,
    page_size: PAGE_SIZE,
    cursor,
  })
  useChange(spent, found.reload)
  const { events = [], next_cursor: next = null } = found.data ?? {}
  return (
    <Section title="Events sent about it" actions={<a href="/ui/webhooks">All webhooks</a>}>
      <LoadProblem error={found.error} onRetry={found.reload} />
      {found.data !== undefined && events.length === 0 && (
        <Empty title="No event was sent about it.">
          <p>
            Receivers of events are in the config, under <code>tollgate_settings.webhooks</code>.
          </p>
        </Empty>
      )}
      {events.length > 0 && (
        <Table
          label="Events"
          columns={COLUMNS}
          rows={events}
          keyOf={({ event_id, receiver }) => `${event_id} ${receiver}`}
          isLoading={found.isLoading}
          detail={{
            nameOf: ({ event_id }) => `What was sent as ${event_id}`,
            of: ({ payload }) => <pre>{JSON.stringify(payload, null, 2)}</pre>,
          }}
        />
      )}
      {(page > 1 || next !== null) && (
        <Pager
          label="Pages of events"
          page={page}
          hasNext={next !== null}
          onPage={(to) => go(to, next === null ? null : String(next))}
        >
          Page {exactCount(page)}, newest first
        </Pager>
      )}
    </Section>
  )
}

const COLUMNS: readonly Column<Delivery>[] = [
  {
    name: 'Made',
    cell: ({ payload: { created_at: at } }) => (at === undefined ? '' : <Time at={at} />),
  },
  { name: 'Event', cell: ({ event }) => event.replaceAll('_', ' ') },
  { name: 'Receiver', cell: ({ receiver }) => receiver },
  {
    name: 'Delivery',
    cell: ({ status, attempts, last_error: error }) => (
      <>
        <Badge tone={TONES[status] ?? 'plain'}>{status}</Badge>
        {attempts > 0 && error !== null && <div class="hint">{error}</div>}
      </>
    ),
  },
]
