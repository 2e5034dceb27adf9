import { exactCount } from '../format.ts'
import { type Column, type Order, Pager, Table } from '../table.tsx'
import type { Page } from '../use-data.ts'
import type { Customer } from './customer-parts.tsx'

/** A page of customers, with the way to the others. */
export const CustomerTable = ({
  label,
  columns,
  of: { rows, next },
  isLoading,
  order,
  onOrder,
  page,
  go,
}: {
  readonly label: string
  readonly columns: readonly Column<Customer>[]
  readonly of: Page<Customer>
  readonly isLoading: boolean
  readonly order: Order
  readonly onOrder: (order: Order) => void
  /** From 1. */
  readonly page: number
  /** Goes to a page, by the cursor of the next one. */
  readonly go: (page: number, next: string | null) => void
}) => (
  <>
    <Table
      label={label}
      columns={columns}
      rows={rows}
      keyOf={(row) => row.user_id}
      order={order}
      onOrder={onOrder}
      isLoading={isLoading}
    />
    <Pager page={page} hasNext={next !== null} onPage={(to) => go(to, next)}>
      Page {exactCount(page)}
    </Pager>
  </>
)
