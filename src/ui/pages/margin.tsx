import { address } from '../api.ts'
import { type Charted, SpendChart } from '../chart.tsx'
import { useQuery } from '../cursor.ts'
import { exactCount } from '../format.ts'
import { Count, Empty, Figure, LoadProblem, Money, PageHead, Section } from '../parts.tsx'
import { RangeFields, readRange } from '../range.tsx'
import { type Column, Pager, Table } from '../table.tsx'
import { type Loaded, useData } from '../use-data.ts'
import { CustomerLink } from './customer-parts.tsx'

type Sums = {
  readonly calls: number
  readonly cost: number
  readonly charge: number
  readonly margin: number
  /** Of the charge; null: nothing was charged. */
  readonly margin_percent: number | null
}

type Line = Sums & { readonly group: string }

/** `GET /margin`. */
type Report = {
  readonly results: readonly Line[]
  /** Of all lines, on every page. */
  readonly total: Sums
  readonly total_pages: number
}

const PATH = '/margin'
const PAGE_SIZE = 25

/** The report has at most so many days, and all of them are on one page. */
const DAYS_MAX = 1_000

/** What is charged beside what it costs: in all, by day, by model and by customer. */
export function Margin() {
  const { query, change } = useQuery('model_', 'customer_')
  const { from, to, ...range } = readRange(query)
  const days = { start_date: from, end_date: to }
  const byDay = useData<Report>(PATH, { ...days, group_by: 'day', page_size: DAYS_MAX })
  return (
    <>
      <PageHead title="Margin">
        <RangeFields range={{ from, to, ...range }} isDaily onRange={change} />
      </PageHead>
      <LoadProblem error={byDay.error} onRetry={byDay.reload} />
      {byDay.data !== undefined && <InAll of={byDay.data.total} />}
      <Section title="By day" actions={<Csv days={days} by="day" />}>
        {byDay.data !== undefined && <Days of={byDay.data} />}
      </Section>
      <Lines by="model" days={days} />
      <Lines by="customer" days={days} />
    </>
  )
}

type Days = { readonly start_date: string; readonly end_date: string }

const Csv = ({ days, by }: { readonly days: Days; readonly by: string }) => (
  <a class="button" download href={address(PATH, { ...days, group_by: by, format: 'csv' })}>
    CSV <span class="unseen">by {by}</span>
  </a>
)

const InAll = ({ of }: { readonly of: Sums }) => (
  <dl class="figures">
    <Figure name="Charge" note="on customers' tabs">
      <Money of={of.charge} />
    </Figure>
    <Figure name="Cost" note="asked by upstreams">
      <Money of={of.cost} />
    </Figure>
    <Figure name="Margin" note={`${percentText(of)} of the charge`}>
      <Money of={of.margin} />
    </Figure>
    <Figure name="Calls">
      <Count of={of.calls} />
    </Figure>
  </dl>
)

const percentText = ({ margin_percent: percent }: Sums): string =>
  percent === null ? '–' : `${Math.round(percent * 10) / 10}%`.replace('-', '−')

function Days({ of }: { readonly of: Report }) {
  const { calls, cost, charge } = of.total
  if (calls === 0 && cost === 0 && charge === 0) return <Empty title="No calls in this time." />
  return (
    <>
      <SpendChart of={chartOf(of)} label="Charge as cost and margin, by day" />
      <p class="hint">
        A bar is what was charged: what that cost, and the margin on top of it. A day that cost more
        than was charged has its cost alone; the table below it has the loss.
      </p>
      <details>
        <summary>Day by day</summary>
        <Table label="Margin by day" columns={columnsOf('day')} rows={of.results} keyOf={keyOf} />
      </details>
    </>
  )
}

/** Bars cannot stand below zero on top of others: a loss is in the tables. */
function chartOf({ results, total }: Report): Charted {
  const seriesOf = (name: string, sum: number, amount: (line: Line) => number) => ({
    name,
    total: { spend: sum },
    points: results.map((line) => ({ at: `${line.group}T00:00:00Z`, spend: amount(line) })),
  })
  return {
    step: 'day',
    series: [
      seriesOf('cost', total.cost, ({ cost }) => cost),
      seriesOf('margin', total.margin, ({ margin }) => Math.max(0, margin)),
    ],
  }
}

type By = 'model' | 'customer'

/** A table by model or by customer, those that bring the least first, a page at a time. */
function Lines({ by, days }: { readonly by: By; readonly days: Days }) {
  const { query, change } = useQuery()
  const name = `${by}_page`
  const page = Math.max(1, Math.floor(Number(query[name])) || 1)
  const found = useData<Report>(PATH, { ...days, group_by: by, page, page_size: PAGE_SIZE })
  return (
    <Section title={`By ${by}`} actions={<Csv days={days} by={by} />}>
      <LoadProblem error={found.error} onRetry={found.reload} />
      <Rows
        by={by}
        of={found}
        page={page}
        onPage={(to) => change({ [name]: to === 1 ? '' : String(to) })}
      />
    </Section>
  )
}

function Rows({
  by,
  of: { data, isLoading },
  page,
  onPage,
}: {
  readonly by: By
  readonly of: Loaded<Report>
  readonly page: number
  readonly onPage: (page: number) => void
}) {
  if (data === undefined) return null
  if (data.results.length === 0 && page === 1) return <Empty title="Nothing in this time." />
  return (
    <>
      <Table
        label={`Margin by ${by}`}
        columns={columnsOf(by)}
        rows={data.results}
        keyOf={keyOf}
        isLoading={isLoading}
      />
      {(data.total_pages > 1 || page > 1) && (
        <Pager
          label={`Pages of the margin by ${by}`}
          page={page}
          hasNext={page < data.total_pages}
          onPage={onPage}
        >
          Page {exactCount(page)} of {exactCount(data.total_pages)}, the least margin first
        </Pager>
      )}
    </>
  )
}

const keyOf = ({ group }: Line) => group

const NAMES = { day: 'Day (UTC)', model: 'Model', customer: 'Customer' } as const

const columnsOf = (by: keyof typeof NAMES): readonly Column<Line>[] => [
  { name: NAMES[by], cell: ({ group }) => <Group of={group} by={by} /> },
  { name: 'Calls', isNumber: true, cell: ({ calls }) => <Count of={calls} /> },
  { name: 'Charge', isNumber: true, cell: ({ charge }) => <Money of={charge} /> },
  { name: 'Cost', isNumber: true, cell: ({ cost }) => <Money of={cost} /> },
  { name: 'Margin', isNumber: true, cell: ({ margin }) => <Money of={margin} /> },
  { name: 'Of the charge', isNumber: true, cell: percentText },
]

function Group({ of, by }: { readonly of: string; readonly by: keyof typeof NAMES }) {
  if (of === '') {
    return <span class="muted">{by === 'model' ? 'corrections' : 'no customer'}</span>
  }
  return by === 'customer' ? <CustomerLink id={of} alias={null} /> : <span>{of}</span>
}
