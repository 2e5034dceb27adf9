import type { Database, SqlRow } from '../runtime/sqlite.ts'

/** An event that a receiver is to be told of. */
export type NewDelivery = {
  readonly receiver: string
  /** The event's id. */
  readonly id: string
  readonly name: string
  readonly customerId: string
  /** The JSON that is POSTed. */
  readonly body: string
}

const STATUSES = ['pending', 'delivered', 'dead'] as const
export type DeliveryStatus = (typeof STATUSES)[number]

export type Delivery = NewDelivery & {
  /** In the queue. An event that is replayed gets a new one, at the end. */
  readonly place: number
  readonly status: DeliveryStatus
  /** Tries since it was queued. */
  readonly attempts: number
  /** Made, or replayed, milliseconds. */
  readonly queuedAt: number
  /** Null: it is not pending, or an earlier event of its customer is. */
  readonly dueAt: number | null
  /** When it was delivered or given up. */
  readonly finishedAt: number | null
  /** Of the last try that failed. */
  readonly lastError: string | null
}

/** Which deliveries; null: any. */
export type DeliveryQuery = {
  readonly status: DeliveryStatus | null
  readonly receiver: string | null
  readonly customerId: string | null
  readonly event: string | null
  /** Only those whose place is below. */
  readonly before: number | null
  readonly limit: number
}

/** What is delivered is kept for so long, and until so many came after it, to be replayed. */
const KEPT_MS = 7 * 86_400_000
const KEPT_MAX = 100_000

/** Of a receiver's, one in so many removes old ones, twice as many: what has piled up gets less. */
const PRUNE_EVERY = 8
const PRUNED_AT_ONCE = 2 * PRUNE_EVERY

/** A row for each event and receiver. What writes is called inside a transaction. */
export type DeliveryTable = {
  add(delivery: NewDelivery, now: number): void
  /** What may be sent now, longest due first; of each customer only the first that waits. */
  due(receiver: string, now: number, limit: number): Delivery[]
  nextDueAfter(receiver: string, now: number): number | null
  postpone(place: number, dueAt: number, error: string): void
  /** Done with; the customer's next is due at once. What was finished long ago is removed. */
  finish(
    delivery: Pick<Delivery, 'place' | 'receiver' | 'customerId'>,
    end: { readonly status: 'delivered' | 'dead'; readonly error: string | null },
    now: number,
  ): void
  /** Queues a finished one anew, behind what its customer has waiting. */
  requeue(place: number, now: number): void
  /** Newest first. */
  list(query: DeliveryQuery): Delivery[]
  ofEvent(id: string): Delivery[]
  /** Places of the dead of a receiver, oldest first, up to one. */
  dead(receiver: string, upTo: number, limit: number): number[]
  /** `most`: it is not counted further, for a million takes the time of many calls. */
  count(receiver: string, status: DeliveryStatus, most?: number): number
  /** Those for whom something is pending. */
  receivers(): string[]
  lastPlace(): number
}

export function deliveryTable(
  database: Database,
  { keptMax = KEPT_MAX }: { readonly keptMax?: number } = {},
): DeliveryTable {
  // One that waits behind another of its customer has no due time.
  const DUE = `CASE WHEN EXISTS (SELECT 1 FROM deliveries
      WHERE customer_id = ?1 AND receiver = ?2 AND status = 'pending') THEN NULL ELSE ?3 END`
  const add = database.prepare(`
    INSERT INTO deliveries
      (customer_id, receiver, queued_at, due_at, event_id, event, body, status, attempts)
    VALUES (?1, ?2, ?3, ${DUE}, ?4, ?5, ?6, 'pending', 0)`)
  const due = database.prepare(`
    SELECT * FROM deliveries WHERE receiver = ?1 AND due_at <= ?2 ORDER BY due_at, place LIMIT ?3`)
  const next = database.prepare(
    'SELECT min(due_at) AS at FROM deliveries WHERE receiver = ?1 AND due_at > ?2',
  )
  const postpone = database.prepare(`
    UPDATE deliveries SET attempts = attempts + 1, due_at = ?2, last_error = ?3 WHERE place = ?1`)
  const finish = database.prepare(`
    UPDATE deliveries SET status = ?2, finished_at = ?3, due_at = NULL,
      attempts = attempts + 1, last_error = coalesce(?4, last_error)
    WHERE place = ?1`)
  const release = database.prepare(`
    UPDATE deliveries SET due_at = ?3 WHERE place = (
      SELECT min(place) FROM deliveries
      WHERE customer_id = ?1 AND receiver = ?2 AND status = 'pending')`)
  const prune = database.prepare(`
    DELETE FROM deliveries WHERE place IN (
      SELECT place FROM deliveries WHERE receiver = ?1 AND status = ?2
      ORDER BY place LIMIT ${PRUNED_AT_ONCE})
    AND (finished_at < ?3 OR place <= ?4)`)
  const find = database.prepare('SELECT * FROM deliveries WHERE place = ?1')
  const requeue = database.prepare(`
    UPDATE deliveries SET place = (SELECT max(place) + 1 FROM deliveries), status = 'pending',
      attempts = 0, queued_at = ?3, finished_at = NULL, due_at = ${DUE}
    WHERE place = ?4`)
  const ofEvent = database.prepare('SELECT * FROM deliveries WHERE event_id = ?1 ORDER BY place')
  const dead = database.prepare(`
    SELECT place FROM deliveries WHERE receiver = ?1 AND status = 'dead' AND place <= ?2
    ORDER BY place LIMIT ?3`)
  // A limit below zero is none: https://sqlite.org/lang_select.html#limitoffset
  const count = database.prepare(`
    SELECT count(*) AS n FROM (
      SELECT 1 FROM deliveries WHERE receiver = ?1 AND status = ?2 LIMIT ?3)`)
  // Whoever has something pending has a first one, and that has a due time.
  const receivers = database.prepare(
    'SELECT DISTINCT receiver FROM deliveries WHERE due_at IS NOT NULL ORDER BY receiver',
  )
  const finishedOf = new Map<string, number>()
  const isPruneDue = (receiver: string): boolean => {
    const finished = (finishedOf.get(receiver) ?? 0) + 1
    finishedOf.set(receiver, finished)
    return finished % PRUNE_EVERY === 0
  }
  const last = database.prepare('SELECT max(place) AS place FROM deliveries')
  const lastPlace = () => (last.get()?.['place'] as number | null) ?? 0
  return {
    add: ({ customerId, receiver, id, name, body }, now) =>
      add.run(customerId, receiver, now, id, name, body),
    due: (receiver, now, limit) => due.all(receiver, now, limit).map(fromRow),
    nextDueAfter: (receiver, now) => (next.get(receiver, now)?.['at'] as number | null) ?? null,
    postpone: (place, dueAt, error) => postpone.run(place, dueAt, error),
    finish({ place, receiver, customerId }, { status, error }, now) {
      finish.run(place, status, now, error)
      release.run(customerId, receiver, now)
      if (!isPruneDue(receiver)) return
      // The dead have only time against them: nobody has had them yet.
      prune.run(receiver, 'delivered', now - KEPT_MS, lastPlace() - keptMax)
      prune.run(receiver, 'dead', now - KEPT_MS, 0)
    },
    requeue(place, now) {
      const row = find.get(place)
      if (row === null) return
      const { customerId, receiver } = fromRow(row)
      requeue.run(customerId, receiver, now, place)
    },
    list(query) {
      // Of one receiver, each status by itself is in order in the index, and all together are not.
      const isMerged = query.receiver !== null && query.status === null
      const pages = isMerged ? STATUSES.map((status) => ({ ...query, status })) : [query]
      const found = pages.flatMap((page) => readPage(database, page))
      return found.sort((a, b) => b.place - a.place).slice(0, query.limit)
    },
    ofEvent: (id) => ofEvent.all(id).map(fromRow),
    dead: (receiver, upTo, limit) =>
      dead.all(receiver, upTo, limit).map((row) => row['place'] as number),
    count: (receiver, status, most = -1) => Number(count.get(receiver, status, most)?.['n']),
    receivers: () => receivers.all().map((row) => row['receiver'] as string),
    lastPlace,
  }
}

/**
 * Newest first. The places are found in an index, and only then the rows with their bodies, so that
 * a page costs little however many are kept; only events of a rare name are searched for in rows.
 */
function readPage(database: Database, query: DeliveryQuery): Delivery[] {
  // An index on the customer has its deliveries in order, so the others must not be chosen there.
  const index = query.customerId === null ? '' : '+'
  const given = [
    ['customer_id =', query.customerId],
    [`${index}status =`, query.status],
    [`${index}receiver =`, query.receiver],
    ['event =', query.event],
    ['place <', query.before],
  ] as const
  const asked = given.filter(([, value]) => value !== null)
  const clauses = asked.map(([clause], at) => `${clause} ?${at + 1}`)
  const where = clauses.length === 0 ? '' : `WHERE ${clauses.join(' AND ')}`
  const places = `SELECT place FROM deliveries ${where} ORDER BY place DESC LIMIT ${query.limit}`
  return database
    .prepare(`SELECT * FROM deliveries WHERE place IN (${places})`)
    .all(...asked.map(([, value]) => value))
    .map(fromRow)
}

const fromRow = (row: SqlRow): Delivery => ({
  place: row['place'] as number,
  receiver: row['receiver'] as string,
  id: row['event_id'] as string,
  name: row['event'] as string,
  customerId: row['customer_id'] as string,
  body: row['body'] as string,
  status: row['status'] as DeliveryStatus,
  attempts: row['attempts'] as number,
  queuedAt: row['queued_at'] as number,
  dueAt: row['due_at'] as number | null,
  finishedAt: row['finished_at'] as number | null,
  lastError: row['last_error'] as string | null,
})
