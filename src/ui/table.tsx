import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'

export type Column<Row> = {
  readonly name: string
  /** What the server sorts by; none: not to be sorted by. */
  readonly sort?: string
  readonly isNumber?: boolean
  readonly cell: (row: Row) => ComponentChildren
}

/** What a row shows beneath it when it is opened, and what is opened then, for screen readers. */
export type Detail<Row> = {
  readonly nameOf: (row: Row) => string
  readonly of: (row: Row) => ComponentChildren
}

export type Order = { readonly sort: string; readonly order: 'asc' | 'desc' }

/** A table that becomes a list of cards on a phone, sorted by the server. */
export function Table<Of>({
  label,
  columns,
  rows,
  keyOf,
  order,
  onOrder,
  isLoading = false,
  detail,
}: {
  /** For screen readers: what the rows are. */
  readonly label: string
  readonly columns: readonly Column<Of>[]
  readonly rows: readonly Of[]
  readonly keyOf: (row: Of) => string
  readonly order?: Order
  readonly onOrder?: (order: Order) => void
  readonly isLoading?: boolean
  readonly detail?: Detail<Of>
}) {
  const [opened, setOpened] = useState<string | null>(null)
  return (
    <div class="table" aria-busy={isLoading}>
      {onOrder !== undefined && <OrderField columns={columns} order={order} onOrder={onOrder} />}
      <table aria-label={label}>
        <thead>
          <tr>
            {detail !== undefined && (
              <th scope="col" class="opener">
                <span class="unseen">More</span>
              </th>
            )}
            {columns.map((column) => (
              <Head key={column.name} column={column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = keyOf(row)
            const isOpen = key === opened
            const toggle = () => setOpened(isOpen ? null : key)
            return <Row key={key} row={row} {...{ columns, detail, isOpen, toggle }} />
          })}
        </tbody>
      </table>
    </div>
  )
}

function Row<Of>({
  row,
  columns,
  detail,
  isOpen,
  toggle,
}: {
  readonly row: Of
  readonly columns: readonly Column<Of>[]
  readonly detail: Detail<Of> | undefined
  readonly isOpen: boolean
  readonly toggle: () => void
}) {
  return (
    <>
      <tr>
        {detail !== undefined && (
          <td class="opener">
            <button
              type="button"
              class="quiet"
              aria-expanded={isOpen}
              aria-label={detail.nameOf(row)}
              onClick={toggle}
            >
              <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span>
            </button>
          </td>
        )}
        {columns.map(({ name, isNumber, cell }) => (
          <td key={name} data-name={name} class={isNumber ? 'right' : undefined}>
            {cell(row)}
          </td>
        ))}
      </tr>
      {isOpen && (
        <tr class="opened">
          <td colSpan={columns.length + 1}>{detail?.of(row)}</td>
        </tr>
      )}
    </>
  )
}

/** The choice of an order where there is no head to press on: on a phone. */
function OrderField<Row>({
  columns,
  order,
  onOrder,
}: {
  readonly columns: readonly Column<Row>[]
  readonly order: Order | undefined
  readonly onOrder: (order: Order) => void
}) {
  const choose = (chosen: string) => {
    const [sort, direction] = chosen.split(' ')
    onOrder({ sort: sort!, order: direction === 'asc' ? 'asc' : 'desc' })
  }
  return (
    <label class="order">
      Sort by{' '}
      <select
        value={order === undefined ? '' : `${order.sort} ${order.order}`}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {columns.flatMap(({ name, sort }) =>
          sort === undefined
            ? []
            : (['desc', 'asc'] as const).map((direction) => (
                <option key={`${sort} ${direction}`} value={`${sort} ${direction}`}>
                  {name}
                  {ARROWS[direction]}
                </option>
              )),
        )}
      </select>
    </label>
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
  label = 'Pages',
  page,
  hasNext,
  onPage,
  children,
}: {
  /** For screen readers, where there are several on a page. */
  readonly label?: string
  /** From 1. */
  readonly page: number
  readonly hasNext: boolean
  readonly onPage: (page: number) => void
  readonly children?: ComponentChildren
}) => (
  <nav class="pager" aria-label={label}>
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
