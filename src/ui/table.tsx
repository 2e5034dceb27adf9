import type { ComponentChildren } from 'preact'

export type Column<Row> = {
  readonly name: string
  /** What the server sorts by; none: not to be sorted by. */
  readonly sort?: string
  readonly isNumber?: boolean
  readonly cell: (row: Row) => ComponentChildren
}

export type Order = { readonly sort: string; readonly order: 'asc' | 'desc' }

/** A table that becomes a list of cards on a phone, sorted by the server. */
export function Table<Row>({
  label,
  columns,
  rows,
  keyOf,
  order,
  onOrder,
  isLoading = false,
}: {
  /** For screen readers: what the rows are. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly order?: Order
  readonly onOrder?: (order: Order) => void
  readonly isLoading?: boolean
}) {
  return (
    <div class="table" aria-busy={isLoading}>
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.name} column={column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, isNumber, cell }) => (
                <td key={name} data-name={name} class={isNumber ? 'right' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const ARROWS = { asc: ' ↑', desc: ' ↓', none: '' }

function Head<Row>({
  column: { name, sort, isNumber },
  order,
  onOrder,
}: {
  readonly column: Column<Row>
  readonly order: Order | undefined
  readonly onOrder: ((order: Order) => void) | undefined
}) {
  const align = isNumber ? 'right' : undefined
  if (sort === undefined || onOrder === undefined) {
    return (
      <th scope="col" class={align}>
        {name}
      </th>
    )
  }
  const current = order?.sort === sort ? order.order : null
  const next = current === 'desc' ? 'asc' : 'desc'
  const sorted = { asc: 'ascending', desc: 'descending' } as const
  return (
    <th scope="col" class={align} aria-sort={current === null ? 'none' : sorted[current]}>
      <button type="button" class="sort" onClick={() => onOrder({ sort, order: next })}>
        {name}
        <span aria-hidden="true">{ARROWS[current ?? 'none']}</span>
      </button>
    </th>
  )
}

/** The way to other pages of a list that goes by cursors. */
export const Pager = ({
  page,
  hasNext,
  onPage,
  children,
}: {
  /** From 1. */
  readonly page: number
  readonly hasNext: boolean
  readonly onPage: (page: number) => void
  readonly children?: ComponentChildren
}) => (
  <nav class="pager" aria-label="Pages">
    <span class="muted" aria-live="polite">
      {children}
    </span>
    <span>
      <button type="button" disabled={page === 1} onClick={() => onPage(page - 1)}>
        Previous
      </button>
      <button type="button" disabled={!hasNext} onClick={() => onPage(page + 1)}>
        Next
      </button>
    </span>
  </nav>
)
