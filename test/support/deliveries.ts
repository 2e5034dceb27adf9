import { openDatabase } from '../../src/runtime/sqlite.ts'
import { deliveryTable } from '../../src/store/delivery-table.ts'
import { migrate } from '../../src/store/schema.ts'

export const START = Date.UTC(2026, 0, 15)
/** Of a list: whatever there is. */
export const ANY = {
  status: null,
  receiver: null,
  customerId: null,
  event: null,
  before: null,
  limit: 99,
}

/** The table, on a database in memory. */
export async function openTable(options: Parameters<typeof deliveryTable>[1] = {}) {
  const database = await openDatabase(':memory:', 'readwrite')
  migrate(database)
  return { database, table: deliveryTable(database, options) }
}

/** An event for a receiver. */
export const about = (id: string, customerId: string, receiver: string) => ({
  ...{ id, customerId, receiver },
  name: 'spend_tracked',
  body: `{"id":"${id}"}`,
})
