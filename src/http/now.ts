import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Measures } from '../ledger/record.ts'
import { Dollars, Time, timeText } from './fields.ts'
import type { Live } from './live.ts'
import { MeasuresSchema, measuresJson } from './measures.ts'
import { operation } from './operation.ts'

/** How things are at a moment. */
export type Now = {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Since the day and the month began, in UTC. */
  readonly today: Measures
  readonly month: Measures
  /** Nano-dollars held for calls in flight. */
  readonly held: number
  readonly callsInFlight: number
  readonly customers: number
  readonly customersBlocked: number
  readonly eventsPending: number
  readonly eventsDead: number
}

export type NowParts = {
  present(): Now
  readonly live: Live
  /** Tells the runtime that a request may last. */
  mayTakeTime(request: Request, may: boolean): void
}

const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })

const Answer = Type.Object(
  {
    at: Time({ description: 'When this was so.', examples: ['2026-11-01T09:30:00.000Z'] }),
    today: MeasuresSchema,
    month: MeasuresSchema,
    held: Dollars({ description: 'Dollars held for calls in flight.', examples: [0] }),
    calls_in_flight: count('Calls that are not settled yet.', 0),
    customers: count('Customers.', 250),
    customers_blocked: count('Of these, blocked ones.', 2),
    events_pending: count('Events that wait for a receiver, counted up to 100,000 of each.', 0),
    events_dead: count('Events given up and still kept, counted likewise.', 0),
  },
  { additionalProperties: false },
)

export const nowJson = (now: Now): Type.Static<typeof Answer> => ({
  at: timeText(now.at),
  today: measuresJson(now.today),
  month: measuresJson(now.month),
  held: now.held / 1e9,
  calls_in_flight: now.callsInFlight,
  customers: now.customers,
  customers_blocked: now.customersBlocked,
  events_pending: now.eventsPending,
  events_dead: now.eventsDead,
})

export const tooManyListeners = (most: number) =>
  new Refusal(
    'overloaded',
    `${most} listeners are connected to /spend/live, as many as may be. ` +
      'Close one of them, or ask /spend/now from time to time',
  )

export function nowRoutes({ present, live, mayTakeTime }: NowParts) {
  return new Elysia({ normalize: false })
    .get('/spend/now', () => nowJson(present()), {
      detail: operation({
        tag: 'Spend',
        summary: 'How things are right now',
        description:
          'What was used today and this month, in UTC, what is held for calls in flight, and ' +
          'how many customers and waiting events there are. Nothing of it is counted anew, so it ' +
          'costs the same however long the ledger is.',
        answer: { description: 'How things are.', schema: Answer },
      }),
    })
    .get(
      '/spend/live',
      ({ request }) => {
        if (live.isFull) throw tooManyListeners(live.most)
        mayTakeTime(request, true)
        return new Response(live.listen(), {
          headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
        })
      },
      {
        detail: operation({
          tag: 'Spend',
          summary: 'How things are, whenever that changes',
          description:
            'Server-sent events named `now`, whose data is what `/spend/now` answers: one at ' +
            'once, then one a second at most, and none while nothing changes. A comment every 15 ' +
            'seconds keeps the connection open. A listener that does not read misses some.',
          answer: {
            description: 'The events.',
            schema: Type.String({ examples: ['event: now\ndata: {"held": 0}\n\n'] }),
            contentTypes: ['text/event-stream'],
          },
          refusals: [tooManyListeners(64)],
        }),
      },
    )
}
