import { useEffect, useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Problem, useAct } from '../form.tsx'
import { plural } from '../format.ts'
import { Badge, Distance, Empty, LoadProblem, Section, Time, type Tone } from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { Pager } from '../table.tsx'
import { useAddress } from '../use-address.ts'
import { useData, useEvery, useSettled } from '../use-data.ts'
import { CustomerInput } from './customer-input.tsx'
import { CustomerLink } from './customer-parts.tsx'

/** `GET /webhook/events`, each of its `events`. */
type Delivery = {
  readonly event_id: string
  readonly receiver: string
  readonly customer_id: string
  readonly event: string
  readonly status: 'pending' | 'delivered' | 'dead'
  readonly attempts: number
  readonly last_error: string | null
  readonly next_try_at: string | null
  readonly finished_at: string | null
  readonly payload: Readonly<Record<string, unknown>>
}

type Page = { readonly events: readonly Delivery[]; readonly next_cursor: number | null }

const PAGE_SIZE = 25
const REFRESH_MS = 5_000

/** As the address has them, and the server. */
const FILTERS = ['receiver', 'status', 'event', 'customer_id'] as const

/** Each event for each receiver, newest first, with what became of it. */
export function Deliveries({
  receivers,
  events,
  changes,
  onChange,
}: {
  readonly receivers: readonly string[]
  /** The names of those that anybody is told of. */
  readonly events: readonly string[]
  /** Counts what was changed elsewhere: then the list is asked for anew. */
  readonly changes: number
  readonly onChange: () => void
}) {
  const { query, set } = useAddress()
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name]]))
  // Of each page the cursor of it: the first has none.
  const [cursors, setCursors] = useState<readonly number[]>([])
  const { data, error, isLoading, reload } = useData<Page>('/webhook/events', {
    ...filters,
    page_size: PAGE_SIZE,
    cursor: cursors.at(-1),
  })
  useEvery(REFRESH_MS, reload)
  useEffect(() => {
    if (changes > 0) reload()
  }, [changes, reload])
  const filter = (change: Record<string, string>) => {
    setCursors([])
    set(change)
  }
  const next = data?.next_cursor ?? null
  return (
    <Section title="Deliveries">
      <Filters receivers={receivers} events={events} query={query} onFilter={filter} />
      <LoadProblem error={error} onRetry={reload} />
      {data?.events.length === 0 && (
        <NoDeliveries isFiltered={FILTERS.some((name) => query[name])} />
      )}
      {data !== undefined && data.events.length > 0 && (
        <ul class="deliveries" aria-busy={isLoading}>
          {data.events.map((delivery) => (
            <DeliveryItem
              key={`${delivery.event_id} ${delivery.receiver}`}
              of={delivery}
              onChange={onChange}
            />
          ))}
        </ul>
      )}
      {(next !== null || cursors.length > 0) && (
        <Pager
          page={cursors.length + 1}
          hasNext={next !== null}
          onPage={(page) =>
            setCursors(page > cursors.length + 1 ? [...cursors, next!] : cursors.slice(0, -1))
          }
        >
          Page {cursors.length + 1}
        </Pager>
      )}
    </Section>
  )
}

const NoDeliveries = ({ isFiltered }: { readonly isFiltered: boolean }) => (
  <Empty title={isFiltered ? 'No delivery is like that.' : 'There is no event yet.'}>
    <p>
      {isFiltered
        ? 'Those that were taken or given up are kept for seven days.'
        : 'The first comes with the first call of a customer, if a receiver wants spend_tracked.'}
    </p>
  </Empty>
)

const STATUSES = {
  pending: 'waiting',
  delivered: 'taken',
  dead: 'given up',
} as const
const TONES: Readonly<Record<Delivery['status'], Tone>> = {
  pending: 'warn',
  delivered: 'ok',
  dead: 'bad',
}

function Filters({
  receivers,
  events,
  query,
  onFilter,
}: {
  readonly receivers: readonly string[]
  readonly events: readonly string[]
  readonly query: Readonly<Record<string, string>>
  readonly onFilter: (change: Record<string, string>) => void
}) {
  const [customer, setCustomer] = useState(query['customer_id'] ?? '')
  const settled = useSettled(customer.trim())
  useEffect(() => {
    if (settled !== (query['customer_id'] ?? '')) onFilter({ customer_id: settled })
  }, [settled])
  return (
    <div class="actions filters">
      <Choice
        label="Receiver"
        value={query['receiver']}
        options={receivers.map((name) => [name, name])}
        onValue={(receiver) => onFilter({ receiver })}
      />
      <Choice
        label="Status"
        value={query['status']}
        options={Object.entries(STATUSES)}
        onValue={(status) => onFilter({ status })}
      />
      <Choice
        label="Event"
        value={query['event']}
        options={events.map((name) => [name, name])}
        onValue={(event) => onFilter({ event })}
      />
      <CustomerInput
        aria-label="Customer"
        placeholder="any customer"
        value={customer}
        onValue={setCustomer}
      />
    </div>
  )
}

const Choice = ({
  label,
  value = '',
  options,
  onValue,
}: {
  readonly label: string
  readonly value: string | undefined
  readonly options: readonly (readonly [string, string])[]
  readonly onValue: (value: string) => void
}) => (
  <label>
    {label}{' '}
    <select value={value} onChange={(event) => onValue(event.currentTarget.value)}>
      <option value="">all</option>
      {options.map(([name, text]) => (
        <option key={name} value={name}>
          {text}
        </option>
      ))}
    </select>
  </label>
)

function DeliveryItem({
  of: delivery,
  onChange,
}: {
  readonly of: Delivery
  readonly onChange: () => void
}) {
  const { event_id: id, receiver, status, payload } = delivery
  const at = payload['created_at']
  const isAdmin = useIsAdmin()
  const { isBusy, problem, run } = useAct()
  const replay = async () => {
    await post('/webhook/replay', { event_ids: [id], receiver })
    onChange()
  }
  return (
    <li>
      <details>
        <summary>
          <span class="name">{delivery.event}</span>
          <span>{delivery.customer_id}</span>
          <span>{receiver}</span>
          <span>{typeof at === 'string' && <Time at={at} />}</span>
          <Badge tone={TONES[status]}>{STATUSES[status]}</Badge>
        </summary>
        <div class="stack">
          <p class="where">
            <span>
              About <CustomerLink id={delivery.customer_id} alias={null} />
            </span>
            <Tries of={delivery} />
            <small class="muted">Event {id}</small>
          </p>
          <pre>{JSON.stringify(payload, null, 2)}</pre>
          {isAdmin && status !== 'pending' && (
            <div>
              <button type="button" disabled={isBusy} onClick={() => run(replay)}>
                Replay
              </button>
            </div>
          )}
          <Problem text={problem} />
        </div>
      </details>
    </li>
  )
}

function Tries({ of }: { readonly of: Delivery }) {
  const { status, attempts, last_error: error, next_try_at: next, finished_at: finished } = of
  return (
    <>
      <span>
        {attempts === 0 ? 'Not tried yet' : plural(attempts, 'try').replace('trys', 'tries')}
        {error !== null && `; the last that failed: ${error}`}
      </span>
      {status === 'pending' && (
        <span>
          {next === null ? (
            'Waits until the earlier events of its customer are done with'
          ) : (
            <>
              Is tried next <Distance to={next} />
            </>
          )}
        </span>
      )}
      {finished !== null && (
        <span>
          {status === 'dead' ? 'Given up' : 'Taken'} at <Time at={finished} />
        </span>
      )}
    </>
  )
}
