import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { EVENT_NAMES, type EventName } from '../ledger/event-name.ts'
import { Id, NextCursor, NullableFailure, NullableText, timeText } from './fields.ts'
import { checked } from './schema.ts'

const STATUSES = ['pending', 'delivered', 'dead'] as const
const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 1_000
const CURSOR_MAX = Number.MAX_SAFE_INTEGER

/** An event for one receiver, as the store has it; times in milliseconds. */
export type Delivery = {
  readonly place: number
  readonly id: string
  readonly receiver: string
  readonly customerId: string
  readonly name: string
  readonly status: (typeof STATUSES)[number]
  readonly attempts: number
  readonly dueAt: number | null
  readonly finishedAt: number | null
  readonly lastError: string | null
  readonly body: string
}

/** Which deliveries, newest first; null: any. */
export type DeliveryQuery = {
  readonly status: (typeof STATUSES)[number] | null
  readonly receiver: string | null
  readonly customerId: string | null
  readonly event: EventName | null
  readonly before: number | null
  readonly limit: number
}

export const receiverField = (description: string) =>
  Id({ description: `The name of a receiver. ${description}`, examples: ['default'] })

const EventsFields = Type.Object(
  {
    status: Type.Optional(
      Type.Enum([...STATUSES], {
        type: 'string',
        description: 'Only those that wait, that were taken, or that were given up.',
        examples: ['dead'],
      }),
    ),
    receiver: Type.Optional(receiverField('Only its deliveries.')),
    customer_id: Type.Optional(
      Id({ description: 'Only events about this customer.', examples: ['alice'] }),
    ),
    event: Type.Optional(
      Type.Enum([...EVENT_NAMES], {
        type: 'string',
        description: 'Only events of this name.',
        examples: ['budget_crossed'],
      }),
    ),
    page_size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PAGE_SIZE_MAX,
        description: `Deliveries on a page, ${PAGE_SIZE} by default.`,
        examples: [PAGE_SIZE],
      }),
    ),
    cursor: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: CURSOR_MAX,
        description: 'The `next_cursor` of the page before.',
        examples: [1_000_000],
      }),
    ),
  },
  { additionalProperties: false },
)

/** The query of `/webhook/events`. */
export const EventsQuery = checked(EventsFields)

export const readEventsQuery = (fields: Type.Static<typeof EventsFields>) => ({
  status: fields.status ?? null,
  receiver: fields.receiver ?? null,
  customerId: fields.customer_id ?? null,
  event: fields.event ?? null,
  before: fields.cursor ?? null,
  pageSize: fields.page_size ?? PAGE_SIZE,
})

const NullableTime = (about: { description: string; examples: readonly unknown[] }) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], ...about })

const DeliverySchema = Type.Object(
  {
    event_id: Type.String({
      description: 'The same at every receiver and at every try: `webhook-id`.',
      examples: ['01M85YX12J9XZEJ9BVTRXF62MV'],
    }),
    receiver: Type.String({ description: 'Who is told.', examples: ['default'] }),
    customer_id: Type.String({ description: 'About whom.', examples: ['alice'] }),
    event: Type.String({ description: 'What is told.', examples: ['spend_tracked'] }),
    status: Type.String({
      description: '`pending`, `delivered`, or `dead`: given up, and sent only by a replay.',
      examples: ['pending'],
    }),
    attempts: Type.Integer({
      description: 'Tries since it was made or replayed.',
      examples: [3],
    }),
    last_error: NullableText({
      description: 'Why the last failed try failed.',
      examples: ['status 500'],
    }),
    next_try_at: NullableTime({
      description: 'Null: never, or when the earlier events of its customer are done with.',
      examples: ['2026-12-01T00:00:00.000Z'],
    }),
    finished_at: NullableTime({
      description: 'When it was delivered or given up.',
      examples: [null],
    }),
    payload: Type.Unknown({ description: 'The event as it is sent.', examples: [{ spend: 0.01 }] }),
  },
  { additionalProperties: false },
)

export const answerEvents = {
  description: 'A page of deliveries, newest first.',
  schema: Type.Object(
    {
      events: Type.Array(DeliverySchema),
      next_cursor: NextCursor,
    },
    { additionalProperties: false },
  ),
}

/** Of one more than a page has, if there is one: so it is known whether another page follows. */
export function pageJson(deliveries: readonly Delivery[], pageSize: number) {
  const page = deliveries.slice(0, pageSize)
  const isLast = page.length === deliveries.length
  return {
    events: page.map(deliveryJson),
    next_cursor: isLast ? null : page.at(-1)!.place,
  }
}

const deliveryJson = (delivery: Delivery) => ({
  event_id: delivery.id,
  receiver: delivery.receiver,
  customer_id: delivery.customerId,
  event: delivery.name,
  status: delivery.status,
  attempts: delivery.attempts,
  last_error: delivery.lastError,
  next_try_at: delivery.dueAt === null ? null : timeText(delivery.dueAt),
  finished_at: delivery.finishedAt === null ? null : timeText(delivery.finishedAt),
  payload: JSON.parse(delivery.body) as unknown,
})

export const receiverNotFound = (name: string, names: readonly string[]) => {
  const there = names.length === 0 ? 'the config has none' : `there are ${names.join(', ')}`
  return new Refusal('not_found', `No receiver '${name}'; ${there}.`, { param: 'receiver' })
}

export const ReceiverSchema = Type.Object(
  {
    name: Type.String({ description: 'Its name in the config.', examples: ['default'] }),
    url: Type.String({
      description: 'Where events are POSTed, without the path, which may hold a secret.',
      examples: ['https://example.com/…'],
    }),
    events: Type.Array(Type.String({ description: 'An event.', examples: ['spend_tracked'] }), {
      description: 'What it is told of.',
      examples: [['budget_crossed']],
    }),
    signed: Type.Boolean({ description: 'Whether it has a secret.', examples: [true] }),
    pending: Type.Integer({ description: 'Events that wait for it.', examples: [0] }),
    dead: Type.Integer({ description: 'Events given up and still kept.', examples: [0] }),
    last_delivered_at: NullableTime({
      description: 'When it took an event last. Null: none since the server started.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
    last_failure: NullableFailure('a delivery'),
  },
  { additionalProperties: false },
)

export const TrySchema = Type.Object(
  {
    receiver: Type.String({ description: 'Who was tried.', examples: ['default'] }),
    delivered: Type.Boolean({ description: 'Whether it took the sample.', examples: [true] }),
    status: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'The HTTP status of its answer. Null: none came.',
      examples: [200],
    }),
    ms: Type.Integer({ description: 'Milliseconds until it answered.', examples: [12] }),
    error: NullableText({ description: 'Why not.', examples: [null] }),
    event: Type.Unknown({ description: 'The sample, as it was sent.', examples: [{ spend: 0 }] }),
  },
  { additionalProperties: false },
)
