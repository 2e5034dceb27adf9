import { Courier, type CourierParts, type Reception } from './courier.ts'
import { type CustomerEvent, sampleEvent } from './events.ts'
import type { Answer } from './post.ts'
import { type AddressedEvent, addressed, type Receiver } from './receiver.ts'

/** All receivers, each with a courier of its own: a deaf one delays none of the others. */
export class Outbox {
  readonly receivers: readonly Receiver[]
  readonly #couriers: readonly Courier[]
  readonly #newId: () => string
  readonly #now: () => number

  constructor(
    receivers: readonly Receiver[],
    parts: CourierParts & { readonly newId: () => string },
  ) {
    this.receivers = receivers
    this.#couriers = receivers.map((receiver) => new Courier(receiver, parts))
    this.#newId = parts.newId
    this.#now = parts.now
  }

  /** Each event once for each receiver that wants it: what goes into the charge's transaction. */
  address(events: readonly CustomerEvent[]): AddressedEvent[] {
    return addressed(events, this.receivers)
  }

  /** Looks for what is due, soon: called after a commit that added events, and at the start. */
  wake() {
    for (const courier of this.#couriers) courier.wake()
  }

  /** How a receiver has taken its events; not the samples. */
  receptionOf(receiver: string): Reception {
    return this.#couriers.find((courier) => courier.receiver.name === receiver)!.reception
  }

  async stop(): Promise<void> {
    await Promise.all(this.#couriers.map((courier) => courier.stop()))
  }

  /** Sends a sample, once, to all receivers or to one; answers it, and what each made of it. */
  async trySample(receiver: string | null) {
    const to = this.#couriers.filter(({ receiver: { name } }) => name === (receiver ?? name))
    const [first] = to[0]?.receiver.events ?? []
    const sample = sampleEvent(first ?? 'spend_tracked', { newId: this.#newId, now: this.#now() })
    const tries = to.map(async (courier) => {
      const answer: Answer = await courier.try(sample)
      return { receiver: courier.receiver.name, ...answer }
    })
    return { sample, answers: await Promise.all(tries) }
  }
}
