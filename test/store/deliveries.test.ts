import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { deliveryTable } from '../../src/store/delivery-table.ts'
import { migrate } from '../../src/store/schema.ts'
import { ANY, about, openTable, START } from '../support/deliveries.ts'
import { charged, newFolder, openStore } from '../support/store.ts'

const DAY_MS = 86_400_000

describe('what is delivered', () => {
  test('is kept for a week, then removed as others are delivered', async () => {
    const { table } = await openTable()
    const finish = (id: string, at: number) => {
      table.add(about(id, 'alice', 'a'), at)
      table.finish(table.due('a', at, 1)[0]!, { status: 'delivered', error: null }, at)
    }
    for (let day = 1; day <= 32; day++) finish(`day ${day}`, START + day * DAY_MS)
    expect(table.list(ANY).map(({ id }) => id)).toEqual(
      [32, 31, 30, 29, 28, 27, 26, 25].map((day) => `day ${day}`),
    )
  })

  test('is bounded in number at each receiver, however their deliveries alternate', async () => {
    const { table } = await openTable({ keptMax: 20 })
    const receivers = ['a', 'b', 'c', 'd']
    for (let n = 0; n < 400; n++) {
      const receiver = receivers[n % 4]!
      table.add(about(String(n), 'alice', receiver), START)
      table.finish(table.due(receiver, START, 1)[0]!, { status: 'delivered', error: null }, START)
    }
    for (const receiver of receivers) expect(table.count(receiver, 'delivered')).toBeWithin(1, 19)
  })

  test('is bounded in number, and the dead are not', async () => {
    const { table } = await openTable({ keptMax: 10 })
    for (let n = 0; n < 100; n++) {
      table.add(about(String(n), 'alice', 'a'), START)
      const status = n % 10 === 0 ? 'dead' : 'delivered'
      table.finish(table.due('a', START, 1)[0]!, { status, error: null }, START)
    }
    expect(table.count('a', 'delivered')).toBeWithin(8, 19)
    expect(table.count('a', 'dead')).toBe(10)
  })

  test('is replayed behind what its customer has waiting, with a fresh day', async () => {
    const { store, clock } = await openStore()
    const { deliveries } = store
    const { customer } = store.findOrOpenCustomer('alice')
    const events = ['1', '2'].map((id) => about(id, 'alice', 'a'))
    await store.commit(charged(customer, { charge: nanos(1), settledAt: clock.now }), events)
    await deliveries.buried(deliveries.due('a', clock.now, 9)[0]!, 'status 410')
    clock.now += 2 * DAY_MS
    expect(await deliveries.replay(['1', '2'], null)).toBe(1)
    const order: string[] = []
    for (let n = 0; n < 2; n++) {
      const [next, ...others] = deliveries.due('a', clock.now, 9)
      expect(others).toEqual([])
      order.push(next!.id)
      if (next!.id === '1') expect(next).toMatchObject({ attempts: 0, queuedAt: clock.now })
      await deliveries.delivered(next!)
    }
    expect(order).toEqual(['2', '1'])
    expect(await deliveries.replay(['1'], 'a')).toBe(1)
    expect(deliveries.due('a', clock.now, 9).map(({ id }) => id)).toEqual(['1'])
    store.close()
  })

  test('an unknown event is refused, and then none is replayed', async () => {
    const { store, clock } = await openStore()
    const { customer } = store.findOrOpenCustomer('alice')
    const settled = charged(customer, { charge: nanos(1), settledAt: clock.now })
    await store.commit(settled, [about('1', 'alice', 'a')])
    await store.deliveries.delivered(store.deliveries.due('a', clock.now, 1)[0]!)
    await expect(store.deliveries.replay(['1', '7'], null)).rejects.toThrow('No event 7;')
    await expect(store.deliveries.replay(['1'], 'b')).rejects.toThrow("No event 1 for receiver 'b'")
    expect(store.deliveries.due('a', clock.now, 1)).toEqual([])
    store.close()
  })

  test('the dead of one receiver are replayed by the thousand, and those of others left', async () => {
    const { store, clock } = await openStore()
    const { customer } = store.findOrOpenCustomer('alice')
    const { deliveries } = store
    const events = Array.from({ length: 1_201 }, (_, n) => about(`e${n}`, `c${n}`, 'a'))
    const settled = charged(customer, { charge: nanos(1), settledAt: clock.now })
    await store.commit(settled, [...events, about('x', 'alice', 'b')])
    for (const receiver of ['a', 'b']) {
      const due = deliveries.due(receiver, clock.now, 9_999)
      await Promise.all(due.map((delivery) => deliveries.buried(delivery, 'status 410')))
    }
    expect(await deliveries.replayDead('a')).toBe(1_201)
    expect([deliveries.count('a', 'pending'), deliveries.count('a', 'dead')]).toEqual([1_201, 0])
    expect(deliveries.count('b', 'dead')).toBe(1)
    expect(deliveries.count('a', 'pending', 1_000)).toBe(1_000)
    store.close()
  })
})

test('a charge and its events are committed together or not at all', async () => {
  const { store, clock } = await openStore()
  const { customer } = store.findOrOpenCustomer('alice')
  const settled = () => charged(customer, { charge: nanos(7), settledAt: clock.now })
  const spoilt = { ...about('2', 'alice', 'a'), body: null as unknown as string }
  const kept = store.commit(settled(), [about('1', 'alice', 'a')])
  await expect(store.commit(settled(), [about('3', 'alice', 'b'), spoilt])).rejects.toThrow()
  await kept
  expect(store.findCustomer('alice')?.customer.totalSpent).toBe(nanos(7))
  expect(store.deliveries.list(ANY).map(({ id }) => id)).toEqual(['1'])
  store.close()
})

test('what is due, next and to be pruned is found by an index, whatever is queued', async () => {
  const { database } = await openTable()
  const plan = (sql: string) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail']))
      .join('; ')
  const from = "FROM deliveries WHERE receiver = 'a'"
  expect(plan(`SELECT * ${from} AND due_at <= 9 ORDER BY due_at, place LIMIT 9`)).toBe(
    'SEARCH deliveries USING INDEX deliveries_by_due (receiver=? AND due_at<?)',
  )
  expect(plan(`SELECT min(due_at) ${from} AND due_at > 9`)).toContain('(receiver=? AND due_at>?)')
  const oldest = plan(`SELECT place ${from} AND status = 'dead' ORDER BY place LIMIT 9`)
  expect(oldest).toContain('COVERING INDEX deliveries_by_status (status=? AND receiver=?)')
  const first = "customer_id = 'alice' AND receiver = 'a' AND status = 'pending'"
  const head = plan(`SELECT min(place) FROM deliveries WHERE ${first}`)
  expect(head).toContain('COVERING INDEX deliveries_pending (receiver=? AND customer_id=?)')
  expect([oldest, head].join()).not.toContain('TEMP B-TREE')
})

test('a list is the newest of those asked for, page by page, whatever the filters', async () => {
  const { table } = await openTable()
  const all = Array.from({ length: 60 }, (_, n) => ({
    ...about(`e${n}`, `customer ${n % 3}`, `r${n % 4}`),
    name: n % 5 === 0 ? 'budget_crossed' : 'spend_tracked',
  }))
  for (const delivery of all) table.add(delivery, START)
  for (let n = 0; n < 30; n++) {
    const [due] = table.due(`r${n % 4}`, START, 1)
    if (due === undefined) continue
    table.finish(due, { status: n % 3 === 0 ? 'dead' : 'delivered', error: null }, START)
  }
  const kept = table.list({ ...ANY, limit: 999 })
  expect(kept.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toReversed())
  const orNull = <Value>(...values: Value[]) => fc.option(fc.constantFrom(...values))
  const filters = fc.record({
    status: orNull('pending' as const, 'delivered' as const, 'dead' as const),
    receiver: orNull('r0', 'r1', 'r9'),
    customerId: orNull('customer 0', 'customer 1'),
    event: orNull('budget_crossed', 'moon'),
    before: fc.option(fc.integer({ min: 1, max: 61 })),
    limit: fc.integer({ min: 1, max: 70 }),
  })
  const isAsked = (asked: string | null, value: string) => asked === null || asked === value
  fc.assert(
    fc.property(filters, (query) => {
      const expected = kept.filter(
        (one) =>
          isAsked(query.status, one.status) &&
          isAsked(query.receiver, one.receiver) &&
          isAsked(query.customerId, one.customerId) &&
          isAsked(query.event, one.name) &&
          one.place < (query.before ?? 99),
      )
      expect(table.list(query)).toEqual(expected.slice(0, query.limit))
    }),
  )
})

test('the outbox of an older version becomes the deliveries of the default receiver', async () => {
  const path = join(newFolder(), 'old.db')
  const old = await openDatabase(path, 'readwrite')
  migrate(old, 1)
  old.exec(`
    INSERT INTO outbox VALUES
      ('2', 'alice', '{"event":"budget_crossed"}', 0, NULL),
      ('1', 'alice', '{"event":"spend_tracked"}', 3, 5),
      ('3', 'bob', '{"event":"spend_tracked"}', 0, 4)`)
  migrate(old)
  const table = deliveryTable(old)
  expect(table.due('default', 9, 9).map(({ id, attempts }) => [id, attempts])).toEqual([
    ['3', 0],
    ['1', 3],
  ])
  expect(table.list({ ...ANY, customerId: 'alice' }).map(({ id, name }) => [id, name])).toEqual([
    ['2', 'budget_crossed'],
    ['1', 'spend_tracked'],
  ])
  old.close()
})
