import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { nextTryAt } from '../../src/events/schedule.ts'
import type { Delivery } from '../../src/store/delivery-table.ts'
import { ANY, about, openTable, START } from '../support/deliveries.ts'

const DAY_MS = 86_400_000

/**
 * The promise of the outbox. Customers are charged, receivers fail in any way, the server dies and
 * restarts, time passes. Then each receiver has taken every event of a customer at least once, or
 * it is among the dead after a day and three tries; and what it took came in the customer's order.
 */
test('whatever fails, no event is lost and each customer’s come in order', async () => {
  const { database, table } = await openTable()
  const receivers = ['a', 'b']
  let outlived = 0
  const pick = fc.nat(5)
  const step = fc.oneof(
    fc.record({ kind: fc.constant('charge' as const), customer: fc.nat(1) }),
    fc.record({ kind: fc.constant('start' as const), receiver: fc.nat(1), which: pick }),
    fc.record({ kind: fc.constant('take' as const), which: pick }),
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('fail' as const),
        which: pick,
        retryAfterMs: fc.nat(DAY_MS),
      }),
    },
    fc.record({ kind: fc.constant('gone' as const), which: pick }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(DAY_MS) }),
    fc.constant({ kind: 'crash' as const }),
  )
  const run = (steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[]) => {
    database.exec('DELETE FROM deliveries')
    let now = START
    let made = 0
    const told = new Map<string, string[]>()
    const taken = new Map<string, string[]>()
    const buried = new Set<string>()
    let underWay: Delivery[] = []
    const of = (map: Map<string, string[]>, key: string) =>
      map.get(key) ?? map.set(key, []).get(key)!

    const start = (receiver: string, which: number) => {
      const isBusy = (delivery: Delivery) =>
        underWay.some((one) => one.receiver === receiver && one.customerId === delivery.customerId)
      const due = table.due(receiver, now, 32).filter((delivery) => !isBusy(delivery))
      if (due.length > 0) underWay.push(due[which % due.length]!)
    }
    const fail = (delivery: Delivery, retryAfterMs: number | null, isGone: boolean) => {
      const { place, queuedAt } = delivery
      const attempts = delivery.attempts + 1
      const failed = { attempts, queuedAt, now, retryAfterMs, isGone, chance: 0.5 }
      const at = nextTryAt(failed)
      if (at !== null) return table.postpone(place, at, 'no')
      if (!isGone) {
        expect(attempts).toBeGreaterThanOrEqual(3)
        expect(now - queuedAt).toBeGreaterThanOrEqual(DAY_MS)
        outlived++
      }
      buried.add(`${delivery.receiver} ${delivery.customerId} ${delivery.id}`)
      table.finish(delivery, { status: 'dead', error: 'no' }, now)
    }
    const take = (delivery: Delivery) => {
      of(taken, `${delivery.receiver} ${delivery.customerId}`).push(delivery.id)
      table.finish(delivery, { status: 'delivered', error: null }, now)
    }
    const oneOf = (which: number) => underWay.splice(which % underWay.length, 1)[0]!
    const end = (which: number, how: (delivery: Delivery) => void) => {
      if (underWay.length === 0) start(receivers[which % 2]!, which)
      if (underWay.length > 0) how(oneOf(which))
    }

    for (const step of steps) {
      if (step.kind === 'charge') {
        const customer = `customer ${step.customer}`
        const id = String(++made)
        for (const receiver of receivers) {
          table.add(about(id, customer, receiver), now)
          of(told, `${receiver} ${customer}`).push(id)
        }
      } else if (step.kind === 'start') start(receivers[step.receiver]!, step.which)
      else if (step.kind === 'wait') now += step.ms
      else if (step.kind === 'crash') underWay = []
      else if (step.kind === 'take') end(step.which, take)
      else if (step.kind === 'gone') end(step.which, (delivery) => fail(delivery, null, true))
      else end(step.which, (delivery) => fail(delivery, step.retryAfterMs, false))
    }

    // The receivers are well again: all that waits is taken, in bounded time and without a nudge.
    for (let round = 0; round < 1_000; round++) {
      for (const receiver of receivers) start(receiver, 0)
      if (underWay.length > 0) take(oneOf(0))
      else {
        const next = receivers.map((receiver) => table.nextDueAfter(receiver, now))
        const soonest = next.filter((at) => at !== null).toSorted((a, b) => a - b)[0]
        if (soonest === undefined) break
        now = soonest
      }
    }
    expect(table.list({ ...ANY, status: 'pending' })).toEqual([])
    for (const [key, ids] of told) {
      expect(of(taken, key)).toEqual(ids.filter((id) => !buried.has(`${key} ${id}`)))
    }
  }
  fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), run), { numRuns: 200 })
  expect(outlived).toBeGreaterThan(0)
})
