import { Refusal } from '../errors.ts'
import type { Delivery, DeliveryQuery, DeliveryStatus, DeliveryTable } from './delivery-table.ts'
import type { Flush } from './flush.ts'

/** Replayed in one transaction; between two, charges get their turn. */
const REPLAYED_AT_ONCE = 100

/** What the rest may ask of the events that receivers are told: reads at once, writes by flush. */
export type Deliveries = ReturnType<typeof deliveries>

export function deliveries(parts: {
  readonly table: DeliveryTable
  readonly flush: Flush
  readonly now: () => number
}) {
  const { table, flush, now } = parts
  const end = (
    delivery: Pick<Delivery, 'place' | 'receiver' | 'customerId'>,
    status: 'delivered' | 'dead',
    error: string | null,
  ) => flush.enqueue(() => table.finish(delivery, { status, error }, now()))

  return {
    due: (receiver: string, at: number, limit: number) => table.due(receiver, at, limit),
    nextDueAfter: (receiver: string, at: number) => table.nextDueAfter(receiver, at),
    delivered: (delivery: Delivery) => end(delivery, 'delivered', null),
    buried: (delivery: Delivery, error: string) => end(delivery, 'dead', error),
    postponed: (delivery: Delivery, dueAt: number, error: string) =>
      flush.enqueue(() => table.postpone(delivery.place, dueAt, error)),

    list: (query: DeliveryQuery): readonly Delivery[] => table.list(query),
    /** Those for whom something is pending, whether the config knows them or not. */
    receivers: (): readonly string[] => table.receivers(),
    count: (receiver: string, status: DeliveryStatus, most?: number) =>
      table.count(receiver, status, most),

    /**
     * Queues events anew, at each receiver that has had them or given them up, or at one. Answers
     * how many deliveries that makes. Throws `not_found` for an unknown one; then none is queued.
     */
    replay: (ids: readonly string[], receiver: string | null): Promise<number> =>
      flush.attempt(() => {
        const found = ids.map((id) => {
          const all = table.ofEvent(id)
          return all.filter((delivery) => delivery.receiver === (receiver ?? delivery.receiver))
        })
        const unknown = ids.filter((_, index) => found[index]!.length === 0)
        if (unknown.length > 0) throw eventsNotFound(unknown, receiver)
        const finished = found.flat().filter(({ status }) => status !== 'pending')
        for (const { place } of finished.sort(byPlace)) table.requeue(place, now())
        return finished.length
      }),

    /** Queues all that a receiver was given up for. Answers how many. */
    async replayDead(receiver: string): Promise<number> {
      const last = table.lastPlace()
      let replayed = 0
      for (;;) {
        const some = await flush.attempt(() => {
          const places = table.dead(receiver, last, REPLAYED_AT_ONCE)
          for (const place of places) table.requeue(place, now())
          return places.length
        })
        replayed += some
        if (some < REPLAYED_AT_ONCE) return replayed
      }
    },
  }
}

const byPlace = (a: Delivery, b: Delivery) => a.place - b.place

export function eventsNotFound(ids: readonly string[], receiver: string | null): Refusal {
  const [some, more] = [ids.slice(0, 3).join(', '), ids.length > 3 ? ' and others' : '']
  const at = receiver === null ? '' : ` for receiver '${receiver}'`
  const message =
    `No event ${some}${more}${at}; GET /webhook/events lists what is kept. ` +
    'Nothing was replayed.'
  return new Refusal('not_found', message, { param: 'event_ids' })
}
