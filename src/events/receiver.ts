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
