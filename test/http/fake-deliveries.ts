import { sampleEvent } from '../../src/events/events.ts'
import type { Receiver } from '../../src/events/receiver.ts'
import type { Delivery } from '../../src/http/delivery-json.ts'
import type { WebhookParts } from '../../src/http/webhooks.ts'
import { NOW } from './fake-store.ts'

export const RECEIVERS: readonly Receiver[] = [
  { name: 'default', url: 'https://example.com/a/secret?k=v', secrets: [], events: null },
  {
    name: 'crm',
    url: 'http://127.0.0.1:9000/hook',
    secrets: ['whsec_secret'],
    events: ['budget_crossed'],
  },
]

export const delivery = (place: number, more: Partial<Delivery> = {}): Delivery => ({
  place,
  id: `event ${place}`,
  receiver: 'default',
  customerId: 'alice',
  name: 'spend_tracked',
  status: 'pending',
  attempts: 0,
  dueAt: NOW,
  finishedAt: null,
  lastError: null,
  body: `{"id":"event ${place}"}`,
  ...more,
})

/** Deliveries in memory, and receivers that answer what they are told to. */
export function fakeWebhooks(
  kept: readonly Delivery[] = [],
  { receivers = RECEIVERS, error = null as string | null } = {},
) {
  const did: string[] = []
  const parts: WebhookParts = {
    deliveries: {
      list(query) {
        did.push(JSON.stringify(query))
        return kept
          .filter(({ place }) => query.before === null || place < query.before)
          .slice(0, query.limit)
      },
      count: (_, status) => kept.filter((one) => one.status === status).length,
      async replay(ids, receiver) {
        did.push(`replay ${ids} at ${receiver}`)
        return ids.length
      },
      async replayDead(receiver) {
        did.push(`replay the dead of ${receiver}`)
        return 7
      },
    },
    outbox: {
      receivers,
      receptionOf: (name) => ({
        deliveredAt: name === 'crm' ? NOW : null,
        lastFailure: name === 'crm' ? null : { at: NOW, error: 'status 500' },
      }),
      async trySample(name) {
        const sample = sampleEvent('budget_crossed', { newId: () => '01A', now: NOW })
        const to = receivers.filter((receiver) => name === null || receiver.name === name)
        const status = error === null ? 200 : 500
        const answer = { status, ms: 3, error, retryAfterMs: null }
        return { sample, answers: to.map((one) => ({ receiver: one.name, ...answer })) }
      },
      wake: () => void did.push('wake'),
    },
  }
  return { parts, did }
}
