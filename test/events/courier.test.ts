import { expect, test } from 'bun:test'
import { Courier } from '../../src/events/courier.ts'
import { ZERO } from '../../src/ledger/money.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { charged, openStore } from '../support/store.ts'

/** A courier over a real store, with an event for each of these customers. */
async function courierTo(receiver: Receiver, customers: readonly string[]) {
  const { store, clock } = await openStore({ now: Date.now() })
  const { customer } = store.findOrOpenCustomer('alice')
  const events = customers.map((customerId, index) => ({
    id: `event ${index}`,
    receiver: 'r',
    name: 'spend_tracked',
    customerId,
    body: JSON.stringify({ event: 'spend_tracked', customer_id: customerId }),
  }))
  await store.commit(charged(customer, { charge: ZERO, settledAt: clock.now }), events)
  const to = { name: 'r', url: receiver.url, secrets: [], events: null }
  const courier = new Courier(to, {
    store: store.deliveries,
    now: Date.now,
    random: () => 0,
  })
  courier.wake()
  return {
    courier,
    pending: () => store.deliveries.count('r', 'pending'),
    async [Symbol.asyncDispose]() {
      const stopped = courier.stop()
      await receiver.stop()
      await stopped
      store.close()
    },
  }
}

const customerOf = (event: unknown) => (event as { customer_id: string }).customer_id

test('no more than sixteen deliveries are under way, of each customer one', async () => {
  await using receiver = await startReceiver()
  const gate = new Gate()
  receiver.holdAt(gate)
  const customers = Array.from({ length: 60 }, (_, index) => `customer ${index % 30}`)
  await using under = await courierTo(receiver, customers)
  await eventually(() => expect(gate.waiting).toBe(16))
  under.courier.wake()
  await new Promise(setImmediate)
  expect(receiver.requests).toHaveLength(16)
  expect(new Set(receiver.requests.map(({ json }) => customerOf(json))).size).toBe(16)
  gate.open()
  await eventually(() => expect(receiver.accepted).toHaveLength(60))
  await eventually(() => expect(under.pending()).toBe(0))
})

test('an event falls due and goes out while another customer’s is still under way', async () => {
  await using receiver = await startReceiver()
  receiver.holdAt(new Gate(), 'slow')
  receiver.fail(2)
  await using _courier = await courierTo(receiver, ['quick', 'slow'])
  await eventually(() => expect(receiver.accepted.map(customerOf)).toEqual(['quick']))
})
