import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { planEvents } from '../../src/exports/cloud-events.ts'
import { DAY_MS } from '../../src/ledger/day.ts'
import { nanos } from '../../src/ledger/money.ts'
import { prune } from '../../src/store/prune.ts'
import type { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { rowsOf } from '../support/books.ts'
import { charged, openStore, periodOf, sumUp } from '../support/store.ts'

const A = { name: 'a', type: 'cloudevents', since: null }
const B = { name: 'b', type: 'cloudevents', since: null }

const alice = async (store: Store) =>
  (await store.createCustomer({ id: 'alice', profile: {}, limits: null, spent: null })).customer

/** Books some calls, each in a commit of its own; answers their ids. */
async function book(store: Store, calls: number, at = Date.UTC(2026, 0, 15)) {
  const customer = store.findCustomer('alice')?.customer ?? (await alice(store))
  const ids: string[] = []
  for (let n = 0; n < calls; n++) {
    const settlement = charged(customer, { charge: nanos(1), settledAt: at })
    ids.push(settlement.row.id)
    await store.commit(settlement, [])
  }
  return ids
}

/** Puts all that waits into parcels; answers the ids of the rows. */
async function planAll(store: Store, name: string, commits = 3): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const waiting = store.exports.waiting(name, commits)
    if (waiting === null) return ids
    ids.push(...waiting.rows.map(({ record }) => record.id))
    await store.exports.planned(name, waiting, planEvents(waiting.rows, 2))
  }
}

const queued = (path: string) => rowsOf<{ ids: string }>(path, 'SELECT ids FROM export_queue')

const stateOf = (store: Store, name: string) =>
  store.exports.states().find((state) => state.name === name)!

describe('the outbox', () => {
  test('has nothing while nobody is sent rows, and each row once for each who is', async () => {
    const { store, path } = await openStore()
    await book(store, 3)
    expect(queued(path)).toEqual([])
    await store.exports.begin([A, B])
    const ids = await book(store, 7)
    expect(await planAll(store, 'a')).toEqual(ids)
    expect(stateOf(store, 'b').waitingRows).toBe(7)
    expect(await planAll(store, 'b')).toEqual(ids)
    expect(queued(path)).toHaveLength(1)
    expect(stateOf(store, 'a')).toMatchObject({ waitingRows: 0, pendingEvents: 7, sent: 0 })
    store.close()
  })

  test('is what a row is on if and only if it is in the ledger', async () => {
    const { store, path } = await openStore()
    await store.exports.begin([A])
    const [id] = await book(store, 1)
    const customer = store.findCustomer('alice')!.customer
    const twice = charged(customer, { charge: nanos(1), settledAt: 1 })
    const again = { ...twice, row: { ...twice.row, id: id! } }
    const good = store.commit(charged(customer, { charge: nanos(2), settledAt: 1 }), [])
    await expect(store.commit(again, [])).rejects.toThrow()
    await good
    const ids = queued(path).flatMap(({ ids }) => JSON.parse(ids) as string[])
    expect(ids.sort()).toEqual(
      rowsOf<{ id: string }>(path, 'SELECT id FROM ledger')
        .map(({ id }) => id)
        .sort(),
    )
    store.close()
  })

  test('has what an operator corrects', async () => {
    const { store } = await openStore()
    await store.exports.begin([A])
    await alice(store)
    await store.updateCustomer('alice', { profile: {}, limits: {}, spent: nanos(500) })
    const waiting = store.exports.waiting('a', 9)!
    expect(waiting.rows).toMatchObject([{ record: { outcome: 'correction', charge: 500 } }])
    store.close()
  })

  test('a plan for rows that were planned already changes nothing', async () => {
    const { store } = await openStore()
    await store.exports.begin([A])
    await book(store, 2)
    const waiting = store.exports.waiting('a', 9)!
    const plan = planEvents(waiting.rows, 9)
    await Promise.all([1, 2].map(() => store.exports.planned('a', waiting, plan)))
    expect(store.exports.due('a', Number.MAX_SAFE_INTEGER, 9)).toHaveLength(1)
    store.close()
  })

  test('a new one has what settled since, and nobody else has that again', async () => {
    const { store } = await openStore()
    await store.exports.begin([A])
    const at = Date.UTC(2026, 0, 1)
    const [old, young] = [await book(store, 2, at - 1), await book(store, 600, at)]
    expect(await planAll(store, 'a', 200)).toEqual([...old, ...young])
    await store.exports.begin([A, { ...B, since: at }])
    const fresh = await book(store, 2, at - 5)
    expect(await planAll(store, 'b')).toEqual([...young, ...fresh])
    expect(await planAll(store, 'a')).toEqual(fresh)
    store.close()
  }, 20_000)

  test('one of a name is of one type; a discarded one is gone, and the queue with the last', async () => {
    const { store, path } = await openStore()
    await store.exports.begin([A])
    await book(store, 4)
    await expect(store.exports.begin([{ ...A, type: 'csv' }])).rejects.toThrow(
      'of type cloudevents',
    )
    expect(await store.exports.discard('a')).toMatchObject({ waitingRows: 4 })
    await expect(store.exports.discard('a')).rejects.toThrow("No export 'a'")
    await book(store, 2)
    expect(queued(path)).toHaveLength(1)
    await store.exports.begin([A])
    expect(store.exports.waiting('a', 9)).toBeNull()
    store.close()
  })
})

/** Whatever order things come in, a row is in one parcel, and each parcel is in one state. */
test('rows are waiting, pending, dead or sent: once each, after every step', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('book' as const), calls: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constantFrom('plan', 'take', 'bury', 'split', 'replay', 'late') }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { store } = await openStore()
      await store.exports.begin([A])
      let booked = 0
      for (const step of steps) {
        const [first] = store.exports.due('a', Number.MAX_SAFE_INTEGER, 1)
        if (step.kind === 'book') {
          booked += (await book(store, (step as { calls: number }).calls)).length
        } else if (step.kind === 'plan') {
          await planAll(store, 'a')
        } else if (step.kind === 'replay') {
          await store.exports.replay('a', null)
        } else if (first !== undefined) {
          if (step.kind === 'take') await store.exports.taken('a', first)
          if (step.kind === 'bury') await store.exports.buried(first.id, 'bad')
          if (step.kind === 'late') {
            await store.exports.postponed(first.id, { dueAt: 1, error: 'x', unsureSince: 2 })
          }
          if (step.kind === 'split' && first.events > 1) {
            const rows = store.exports.rowsOf(JSON.parse(first.content))
            await store.exports.split('a', first.id, planEvents(rows, 1).parcels)
          }
        }
        const { waitingRows, pendingEvents, sent } = stateOf(store, 'a')
        const dead = store.exports
          .dead({ exporter: 'a', before: null, limit: 999 })
          .reduce((sum, { events }) => sum + events, 0)
        expect(waitingRows + pendingEvents + dead + sent).toBe(booked)
      }
      store.close()
    }),
    { numRuns: 25 },
  )
}, 20_000)

test('nothing is pruned that is still to be sent, in the queue, pending or dead', async () => {
  const NOW = Date.UTC(2026, 5, 15, 12)
  const { store, path } = await openStore({ now: NOW })
  const order = {
    ...{ path, before: NOW - 10 * DAY_MS, now: NOW, periodOf: () => periodOf },
    archive: () => Promise.resolve(),
  }
  await store.exports.begin([A])
  for (const day of [40, 30, 20]) await book(store, 1, NOW - day * DAY_MS)
  await sumUp(store)
  const dayBefore = (days: number) => Math.floor((NOW - days * DAY_MS) / DAY_MS) * DAY_MS
  expect(await prune(order)).toEqual({ before: dayBefore(40), rows: 0, heldBackBy: 'export' })

  const waiting = store.exports.waiting('a', 9)!
  await store.exports.planned('a', waiting, planEvents(waiting.rows, 1))
  const [first, second, third] = store.exports.due('a', NOW, 9)
  await store.exports.taken('a', first!)
  expect(await prune(order)).toEqual({ before: dayBefore(30), rows: 1, heldBackBy: 'export' })
  await store.exports.buried(second!.id, 'bad')
  await store.exports.taken('a', third!)
  expect(await prune(order)).toMatchObject({ rows: 0, heldBackBy: 'export' })
  await store.exports.discardDead('a')
  expect(await prune(order)).toMatchObject({ rows: 2, heldBackBy: null })
  store.close()
  expect((await verify(path)).faults).toEqual([])
})
