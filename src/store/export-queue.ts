import type { LedgerRow } from '../ledger/settlement.ts'
import type { Database } from '../runtime/sqlite.ts'

/**
 * The outbox of exports: notes the rows of a transaction, in it, for whoever is sent rows. One
 * small row a commit, and nothing at all while nobody is.
 */
export type ExportQueue = {
  /** To be called inside the transaction. */
  readonly add: (rows: readonly Pick<LedgerRow, 'id' | 'settledAt'>[]) => void
  /** Looks whether anybody is sent rows. To be called when that may have changed. */
  readonly look: () => void
  /** Told, inside the transaction, that something was added. */
  added: () => void
}

export function exportQueue(database: Database): ExportQueue {
  const insert = database.prepare(
    'INSERT INTO export_queue (ids, rows, settled_at) VALUES (?1, ?2, ?3)',
  )
  const isAnybody = database.prepare('SELECT EXISTS (SELECT 1 FROM exports) AS is_anybody')
  let isOn = false
  const queue: ExportQueue = {
    add(rows) {
      if (!isOn) return
      insert.run(JSON.stringify(rows.map(({ id }) => id)), rows.length, rows[0]!.settledAt)
      queue.added()
    },
    look: () => {
      isOn = isAnybody.get()!['is_anybody'] === 1
    },
    added: () => {},
  }
  queue.look()
  return queue
}
