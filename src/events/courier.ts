import { logError, logInfo, logWarning } from '../log.ts'
import { type Answer, post } from './post.ts'
import type { Receiver } from './receiver.ts'
import { nextTryAt } from './schedule.ts'
import { headersOf, type Message } from './signature.ts'

/** An event that waits for one receiver. */
export type Waiting = Message & {
  /** Names it in the store. */
  readonly place: number
  readonly customerId: string
  /** Tries since it was queued. */
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly queuedAt: number
}

/** What the deliveries need of the store. */
export type CourierStore = {
  /** What may be sent now, longest due first; of each customer only the first that waits. */
  due(receiver: string, now: number, limit: number): readonly Waiting[]
  /** When the next falls due after a moment, milliseconds; null: none. */
  nextDueAfter(receiver: string, now: number): number | null
  /** Keeps that it was taken; the customer's next is due at once. */
  delivered(event: Waiting): Promise<void>
  postponed(event: Waiting, dueAt: number, error: string): Promise<void>
  /** Keeps it as dead; the customer's next is due at once. */
  buried(event: Waiting, error: string): Promise<void>
}

/** How a receiver has taken its events since the start; times in milliseconds since the epoch. */
export type Reception = {
  /** Null: it has taken none. */
  readonly deliveredAt: number | null
  /** Null: none. */
  readonly lastFailure: { readonly at: number; readonly error: string } | null
}

export type CourierParts = {
  readonly store: CourierStore
  readonly now: () => number
  /** From 0 up to 1. */
  readonly random: () => number
  /** Told of each try, when it is known what becomes of the event. */
  readonly tried?: (receiver: string, result: 'delivered' | 'failed' | 'dead') => void
}

/** Deliveries under way at once, to one receiver. */
const UNDER_WAY_MAX = 16
const RETRY_READ_MS = 1_000
/** Somebody may set the clock meanwhile. */
const SLEEP_MS_MAX = 3_600_000
const GONE = 410

/**
 * Delivers the events of one receiver, off every call's path and beside the other receivers: at
 * least once each, those of one customer in their order, a failed one again by `nextTryAt`. What
 * waits is in the database, and goes on after a restart.
 *
 * An event that is given up does not hold back its customer's later ones: it is dead, they go on.
 */
export class Courier {
  readonly receiver: Receiver
  readonly #parts: CourierParts
  readonly #sign: ReturnType<typeof headersOf>
  /** Customers whose first event is under way. */
  readonly #busy = new Set<string>()
  readonly #sending = new Set<Promise<void>>()
  #timer: ReturnType<typeof setTimeout> | null = null
  #awake = false
  #stopped = false
  #failing = false
  #reception: Reception = { deliveredAt: null, lastFailure: null }

  constructor(receiver: Receiver, parts: CourierParts) {
    this.receiver = receiver
    this.#parts = parts
    this.#sign = headersOf(receiver.secrets)
  }

  get reception(): Reception {
    return this.#reception
  }

  /** Looks for what is due, soon: called after a commit that added events, and at the start. */
  wake() {
    if (this.#awake || this.#stopped) return
    this.#awake = true
    setImmediate(() => {
      this.#awake = false
      this.#look()
    })
  }

  /** Sends once, now, whatever is said of it; nothing of it is kept. */
  try({ id, body }: Message): Promise<Answer> {
    const { now } = this.#parts
    const headers = this.#sign({ id, body }, now())
    return post({ url: this.receiver.url, headers }, body, { now })
  }

  /**
   * Starts no further delivery. Resolves when those under way are done with; who does not wait for
   * that may see one of them sent again after the next start.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await Promise.all(this.#sending)
  }

  #look() {
    if (this.#stopped) return
    try {
      this.#sendDue()
    } catch (error) {
      logError(`the events for ${this.receiver.name} could not be read; trying on`, error)
      this.#sleep(RETRY_READ_MS)
    }
  }

  /** A full courier needs no timer: the end of each delivery wakes it. */
  #sendDue() {
    if (this.#busy.size >= UNDER_WAY_MAX) return
    const { store, now } = this.#parts
    const { name } = this.receiver
    const at = now()
    // Those under way are due as well, one for each busy customer: so this many fill what is free.
    for (const event of store.due(name, at, UNDER_WAY_MAX)) {
      if (this.#busy.size >= UNDER_WAY_MAX) return
      if (!this.#busy.has(event.customerId)) this.#start(event)
    }
    const dueAt = store.nextDueAfter(name, at)
    if (dueAt !== null) this.#sleep(dueAt - at)
  }

  #sleep(ms: number) {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(1, ms), SLEEP_MS_MAX))
  }

  #start(event: Waiting) {
    this.#busy.add(event.customerId)
    const sending = this.#deliver(event).finally(() => {
      this.#sending.delete(sending)
      this.#busy.delete(event.customerId)
      this.wake()
    })
    this.#sending.add(sending)
  }

  async #deliver(event: Waiting): Promise<void> {
    const answer = await this.try(event)
    // A failure while we stop may be our own; the next start tries at once.
    if (this.#stopped && answer.error !== null) return
    try {
      await this.#keep(event, answer)
    } catch {
      // The store is closed: the event still waits, and goes out after the next start.
    }
  }

  #keep(event: Waiting, { error, status, retryAfterMs }: Answer): Promise<void> {
    const { store, now, random, tried } = this.#parts
    const { name } = this.receiver
    this.#tell(error)
    const at = now()
    this.#reception =
      error === null
        ? { ...this.#reception, deliveredAt: at }
        : { ...this.#reception, lastFailure: { at, error } }
    if (error === null) {
      tried?.(name, 'delivered')
      return store.delivered(event)
    }
    const dueAt = nextTryAt({
      attempts: event.attempts + 1,
      queuedAt: event.queuedAt,
      now: at,
      retryAfterMs,
      isGone: status === GONE,
      chance: random(),
    })
    tried?.(name, dueAt === null ? 'dead' : 'failed')
    if (dueAt !== null) return store.postponed(event, dueAt, error)
    const facts = { receiver: name, event: event.id, error }
    logWarning('an event is given up; POST /webhook/replay sends it again', facts)
    return store.buried(event, error)
  }

  /** A line when a receiver begins to fail and when it recovers, not one for each of its events. */
  #tell(error: string | null) {
    const failing = error !== null
    if (failing === this.#failing) return
    this.#failing = failing
    const { name: receiver } = this.receiver
    if (failing) logWarning('a receiver does not take events; trying on', { receiver, error })
    else logInfo('a receiver takes events again', { receiver })
  }
}
