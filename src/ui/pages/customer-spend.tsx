import { type Series, SpendChart, seriesName } from '../chart.tsx'
import { useQuery } from '../cursor.ts'
import { Count, Empty, LoadProblem, Money, Section } from '../parts.tsx'
import { RangeFields, readRange } from '../range.tsx'
import { type Column, Table } from '../table.tsx'
import { useChange, useData } from '../use-data.ts'
import type { OfCustomer } from './customer-parts.tsx'

type Part = Series['series'][number]

/** What a customer spent over time, and on which models. */
export function CustomerSpend({ id, spent }: OfCustomer) {
  const { query, change } = useQuery()
  const range = readRange(query)
  const found = useData<Series>('/spend/series', { ...range.query, by: 'model', end_user: id })
  useChange(spent, found.reload)
  return (
    <Section
      title="Spend over time"
      actions={
        <div class="actions">
          <RangeFields range={range} onRange={change} />
        </div>
      }
    >
      <LoadProblem error={found.error} onRetry={found.reload} />
      {found.data !== undefined &&
        (found.data.series.length === 0 ? (
          <Empty title="Nothing was charged in this time." />
        ) : (
          <>
            <SpendChart of={found.data} label="Spend in this time, by model" />
            <Table
              label="Spend by model"
              columns={columnsOf(found.data)}
              rows={found.data.series}
              keyOf={({ name }) => name ?? 'null'}
            />
          </>
        ))}
    </Section>
  )
}

const columnsOf = ({ by }: Series): readonly Column<Part>[] => [
  { name: 'Model', cell: ({ name }) => seriesName(name, by) },
  { name: 'Calls', isNumber: true, cell: ({ total }) => <Count of={total.calls} /> },
  { name: 'Failed', isNumber: true, cell: ({ total }) => <Count of={total.failed_calls} /> },
  { name: 'Tokens read', isNumber: true, cell: ({ total }) => <Count of={total.prompt_tokens} /> },
  {
    name: 'Tokens written',
    isNumber: true,
    cell: ({ total }) => <Count of={total.completion_tokens} />,
  },
  { name: 'Spend', isNumber: true, cell: ({ total }) => <Money of={total.spend} /> },
]
