import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Outbox } from '../events/outbox.ts'
import type { Receiver } from '../events/receiver.ts'
import { EVENT_NAMES } from '../ledger/event-name.ts'
import {
  answerEvents,
  type Delivery,
  type DeliveryQuery,
  EventsQuery,
  pageJson,
  ReceiverSchema,
  readEventsQuery,
  receiverField,
  receiverNotFound,
  TrySchema,
} from './delivery-json.ts'
import { failureJson, Id, timeText } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'

/** What these routes need of the store. */
export type DeliveryStore = {
  list(query: DeliveryQuery): readonly Delivery[]
  count(receiver: string, status: 'pending' | 'dead'): number
  /** Throws `not_found` for an unknown event; then none is queued. */
  replay(ids: readonly string[], receiver: string | null): Promise<number>
  replayDead(receiver: string): Promise<number>
}

export type WebhookParts = {
  readonly deliveries: DeliveryStore
  readonly outbox: Pick<Outbox, 'receivers' | 'receptionOf' | 'trySample' | 'wake'>
}

const tag = 'Webhooks'
const IDS_MAX = 1_000
const closed = { additionalProperties: false }

const Replay = checked(
  Type.Object(
    {
      event_ids: Type.Optional(
        Type.Array(Id({ description: 'An event.', examples: ['01M85YX12J9XZEJ9BVTRXF62MV'] }), {
          minItems: 1,
          maxItems: IDS_MAX,
          description: 'The events, delivered or dead.',
          examples: [['01M85YX12J9XZEJ9BVTRXF62MV']],
        }),
      ),
      receiver: Type.Optional(
        receiverField('Without `event_ids`: all of its dead ones. With them: only at this one.'),
      ),
    },
    { ...closed, examples: [{ receiver: 'default' }] },
  ),
)
const Test = checked(
  Type.Object(
    { receiver: receiverField('It is sent a sample.') },
    { ...closed, examples: [{ receiver: 'default' }] },
  ),
)
const Service = checked(
  Type.Object(
    {
      service: Type.Enum(['webhook'], {
        type: 'string',
        description: 'What to try.',
        examples: ['webhook'],
      }),
    },
    closed,
  ),
)

const Replayed = Type.Object(
  {
    replayed: Type.Integer({
      description: 'Deliveries queued anew. What still waits is not counted.',
      examples: [2],
    }),
  },
  closed,
)

const nothingNamed = new Refusal(
  'invalid_request',
  'event_ids or receiver is required: which events, or the receiver whose dead ones to replay',
  { param: 'event_ids' },
)
const noReceivers = new Refusal(
  'unprocessable',
  '"webhook" not in proxy config: general_settings. Unable to test this. ' +
    'Add alerting: ["webhook"] and set WEBHOOK_URL, or add tollgate_settings.webhooks.',
)
const notTaken = (receiver: string, error: string) =>
  new Refusal('upstream_failed', `Receiver ${receiver} has not taken the sample: ${error}`)

export function webhookRoutes({ deliveries, outbox }: WebhookParts) {
  const names = outbox.receivers.map(({ name }) => name)
  const requireReceiver = (name: string) => {
    if (!names.includes(name)) throw receiverNotFound(name, names)
  }

  const receiverJson = (receiver: Receiver) => {
    const { name, url, events, secrets } = receiver
    const { deliveredAt, lastFailure } = outbox.receptionOf(name)
    return {
      name,
      url: `${new URL(url).origin}/…`,
      events: events ?? EVENT_NAMES,
      signed: secrets.length > 0,
      pending: deliveries.count(name, 'pending'),
      dead: deliveries.count(name, 'dead'),
      last_delivered_at: deliveredAt === null ? null : timeText(deliveredAt),
      last_failure: failureJson(lastFailure),
    }
  }

  return new Elysia({ normalize: false })
    .get('/webhook/receivers', () => outbox.receivers.map(receiverJson), {
      detail: operation({
        tag,
        summary: 'List the receivers',
        description: 'Those of the config, and how much waits for each. Never a secret.',
        answer: { description: 'The receivers.', schema: Type.Array(ReceiverSchema) },
      }),
    })
    .get(
      '/webhook/events',
      ({ query }) => {
        const { pageSize, ...asked } = readEventsQuery(query)
        return pageJson(deliveries.list({ ...asked, limit: pageSize + 1 }), pageSize)
      },
      {
        transform: plainQuery,
        query: EventsQuery,
        detail: operation({
          tag,
          summary: 'List events and their deliveries',
          description:
            'One entry for each event and receiver, newest first. Delivered and dead ones are ' +
            'kept for seven days, of the delivered at most the last 100,000.',
          answer: answerEvents,
        }),
      },
    )
    .post(
      '/webhook/replay',
      async ({ body: { event_ids: ids, receiver } }) => {
        if (receiver !== undefined) requireReceiver(receiver)
        if (ids === undefined && receiver === undefined) throw nothingNamed
        const replayed =
          ids === undefined
            ? await deliveries.replayDead(receiver!)
            : await deliveries.replay([...new Set(ids)], receiver ?? null)
        outbox.wake()
        return { replayed }
      },
      {
        parse: JSON_BODY,
        body: Replay,
        detail: operation({
          tag,
          summary: 'Send events again',
          description:
            'Under their ids, behind what their customers have waiting, with a fresh day of tries.',
          answer: { description: 'How many.', schema: Replayed },
          refusals: [nothingNamed, receiverNotFound('crm', ['default'])],
        }),
      },
    )
    .post(
      '/webhook/test',
      async ({ body: { receiver } }) => {
        requireReceiver(receiver)
        const { sample, answers } = await outbox.trySample(receiver)
        const { status, ms, error } = answers[0]!
        const event = JSON.parse(sample.body) as unknown
        return { receiver, delivered: error === null, status, ms, error, event }
      },
      {
        parse: JSON_BODY,
        body: Test,
        detail: operation({
          tag,
          summary: 'Try a receiver',
          description: 'Sends it a sample, once, signed like any event, and says how it went.',
          answer: { description: 'What came back.', schema: TrySchema },
          refusals: [receiverNotFound('crm', ['default'])],
        }),
      },
    )
    .get(
      '/health/services',
      async () => {
        if (names.length === 0) throw noReceivers
        const { sample, answers } = await outbox.trySample(null)
        for (const { receiver, error } of answers) {
          if (error !== null) throw notTaken(receiver, error)
        }
        return new Response(sample.body, { headers: { 'content-type': 'application/json' } })
      },
      {
        transform: plainQuery,
        query: Service,
        detail: operation({
          tag: 'Health',
          summary: 'Whether the receivers of webhooks take events',
          description: 'As LiteLLM: sends a sample to each of them, and answers it.',
          answer: {
            description: 'The sample that all of them took.',
            schema: Type.Unknown({ description: 'An event.', examples: [{ spend: 0 }] }),
          },
          refusals: [noReceivers, notTaken('default', 'status 500')],
        }),
      },
    )
}
