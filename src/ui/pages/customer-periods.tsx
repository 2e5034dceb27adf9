import { Empty, LoadProblem, Money, Section, Time } from '../parts.tsx'
import { type Column, Table } from '../table.tsx'
import { useChange, useData } from '../use-data.ts'
import type { Customer } from './customer-parts.tsx'

/** One of `GET /customer/periods`. */
type Period = { readonly start: string; readonly end: string | null; readonly spend: number }

/** What a customer spent in each period of its budget. */
export function CustomerPeriods({ of }: { readonly of: Customer }) {
  const periods = useData<readonly Period[]>('/customer/periods', {
    end_user_id: of.user_id,
    limit: 12,
  })
  useChange(`${of.budget_reset_at} ${of.spend}`, periods.reload)
  const isEndless = periods.data?.length === 1 && periods.data[0]!.end === null
  return (
    <Section title="Periods">
      <LoadProblem error={periods.error} onRetry={periods.reload} />
      {isEndless ? (
        <Empty title="It has one period without end.">
          <p>Give its budget a period, such as 30d, and its spend begins anew each time.</p>
        </Empty>
      ) : (
        periods.data !== undefined && (
          <Table
            label="Periods"
            columns={COLUMNS}
            rows={periods.data}
            keyOf={({ start }) => start}
          />
        )
      )}
    </Section>
  )
}

const COLUMNS: readonly Column<Period>[] = [
  { name: 'From', cell: ({ start }) => <Time at={start} /> },
  { name: 'To', cell: ({ end }) => (end === null ? 'no end' : <Time at={end} />) },
  { name: 'Spend', isNumber: true, cell: ({ spend }) => <Money of={spend} /> },
]
