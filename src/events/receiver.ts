import type { EventName } from '../ledger/event-name.ts'
import type { CustomerEvent } from './events.ts'

/** Who is told of events. */
export type Receiver = {
  readonly name: string
  readonly url: string
  /** `whsec_…`: each signs. Empty: it is told unsigned. */
  readonly secrets: readonly string[]
  /** Null: all. */
  readonly events: readonly EventName[] | null
}

/** An event for one receiver. */
export type AddressedEvent = CustomerEvent & { readonly receiver: string }

export const wants = ({ events }: Receiver, name: EventName): boolean =>
  events === null || events.includes(name)

/** Each event once for each receiver that wants it. */
export const addressed = (
  events: readonly CustomerEvent[],
  receivers: readonly Receiver[],
): AddressedEvent[] =>
  events.flatMap((event) =>
    receivers
      .filter((receiver) => wants(receiver, event.name))
      .map(({ name }) => ({ ...event, receiver: name })),
  )

/** What an operator should know at the start; `waitedFor` are those for whom events wait. */
export function receiverWarnings(
  receivers: readonly Receiver[],
  waitedFor: readonly string[],
): string[] {
  const unsigned = receivers.filter(({ secrets }) => secrets.length === 0)
  const unknown = waitedFor.filter((name) => receivers.every((receiver) => receiver.name !== name))
  return [
    ...unsigned.map(
      ({ name }) =>
        `the webhook receiver ${name} has no secret: what it is sent is not signed, and anybody ` +
        'could send the like. Set WEBHOOK_SECRET, or the secret of its entry in webhooks',
    ),
    ...unknown.map(
      (name) =>
        `events wait for the webhook receiver ${name}, which the config does not have any more: ` +
        'they are sent when it has one of that name again',
    ),
  ]
}
