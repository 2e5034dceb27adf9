import type { Database, SqlRow } from '../runtime/sqlite.ts'

/** An event that is still to be delivered. */
export type OutboxEvent = {
  /** ULID: events of one customer are delivered in the order of their ids. */
  readonly id: string
  readonly customerId: string
  /** The JSON that is POSTed. */
  readonly body: string
}

export type DueEvent = OutboxEvent & { readonly attempts: number }

/** Events not yet delivered. What writes is called inside a transaction of the flush loop. */
export type OutboxTable = {
  add(event: OutboxEvent, now: number): void
  /** What may be sent now: of each customer only the first that waits. */
  due(now: number, limit: number): DueEvent[]
  /** When the next one is due, milliseconds; null: none waits. */
  nextDueAt(): number | null
  /** Takes out an event that is done with; the next of its customer is due at once. */
  remove(event: OutboxEvent, now: number): void
  postpone(event: OutboxEvent, dueAt: number): void
}

export function outboxTable(database: Database): OutboxTable {
  const add = database.prepare(`
    INSERT INTO outbox VALUES (?1, ?2, ?3, 0,
      CASE WHEN EXISTS (SELECT 1 FROM outbox WHERE customer_id = ?2) THEN NULL ELSE ?4 END)`)
  const due = database.prepare(
    'SELECT * FROM outbox WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2',
  )
  const next = database.prepare('SELECT min(due_at) AS at FROM outbox WHERE due_at IS NOT NULL')
  const remove = database.prepare('DELETE FROM outbox WHERE id = ?1')
  const release = database.prepare(`
    UPDATE outbox SET due_at = ?2
    WHERE id = (SELECT id FROM outbox WHERE customer_id = ?1 ORDER BY id LIMIT 1)`)
  const postpone = database.prepare(
    'UPDATE outbox SET attempts = attempts + 1, due_at = ?2 WHERE id = ?1',
  )
  return {
    add: ({ id, customerId, body }, now) => add.run(id, customerId, body, now),
    due: (now, limit) => due.all(now, limit).map(fromRow),
    nextDueAt: () => next.get()?.['at'] as number | null,
    remove({ id, customerId }, now) {
      remove.run(id)
      release.run(customerId, now)
    },
    postpone: ({ id }, dueAt) => postpone.run(id, dueAt),
  }
}

const fromRow = (row: SqlRow): DueEvent => ({
  id: row['id'] as string,
  customerId: row['customer_id'] as string,
  body: row['body'] as string,
  attempts: row['attempts'] as number,
})
