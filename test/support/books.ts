import { Database } from 'bun:sqlite'

/** Reads a database beside the server that has it. */
export function rowsOf<Row>(path: string, sql: string, ...values: string[]): Row[] {
  const database = new Database(path, { readonly: true })
  try {
    return database.query(sql).all(...values) as Row[]
  } finally {
    database.close()
  }
}

/** A row of the ledger, as far as tests look at it. */
export type BookedRow = {
  readonly id: string
  readonly customer_id: string | null
  readonly model: string
  readonly deployment: string
  readonly outcome: string
  readonly usage_source: string
  readonly input: number
  readonly output: number
  /** Nano-dollars. */
  readonly cost: number
  readonly charge: number
}

/** What is booked on the tab of a customer, in the order of its calls. */
export const bookedOn = (path: string, customerId: string): BookedRow[] =>
  rowsOf(path, 'SELECT * FROM ledger WHERE customer_id = ?1 ORDER BY id', customerId)
