import { logWarning } from '../log.ts'
import type { CustomerEvent } from './events.ts'

/** What the deliveries need of the store. */
export type OutboxStore = {
  /** Events that may be sent now, of each customer only the first that waits. */
  dueEvents(limit: number): readonly (CustomerEvent & { readonly attempts: number })[]
  /** Milliseconds since the epoch; null: none waits. */
  nextEventDueAt(): number | null
  removeEvent(event: CustomerEvent): Promise<void>
  postponeEvent(event: CustomerEvent, dueAt: number): Promise<void>
}

/** Deliveries under way at once. */
const DELIVERIES_MAX = 16
const TIMEOUT_MS = 10_000
const BACKOFF_MS = 1_000
const BACKOFF_MS_MAX = 5 * 60_000

/**
 * Delivers the events of the outbox, off every call's path: at least once each, those of one
 * customer in their order, a failed one again after a growing pause. What was not delivered is in
 * the database, and goes on after a restart.
 */
export class Outbox {
  readonly #store: OutboxStore
  readonly #url: string
  readonly #now: () => number
  /** Customers whose first event is under way. */
  readonly #busy = new Set<string>()
  readonly #sending = new Set<Promise<void>>()
  #timer: ReturnType<typeof setTimeout> | null = null
  #awake = false
  #stopped = false

  constructor(parts: { store: OutboxStore; url: string; now: () => number }) {
    this.#store = parts.store
    this.#url = parts.url
    this.#now = parts.now
  }

  /** Looks for what is due, soon: called after a commit that added events, and at the start. */
  wake() {
    if (this.#awake || this.#stopped) return
    this.#awake = true
    setImmediate(() => {
      this.#awake = false
      this.#sendDue()
    })
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

  #sendDue() {
    if (this.#stopped) return
    try {
      if (this.#busy.size < DELIVERIES_MAX) {
        // The busy ones are due as well, so as many more are asked for.
        for (const event of this.#store.dueEvents(DELIVERIES_MAX * 2)) {
          if (this.#busy.size >= DELIVERIES_MAX) break
          if (!this.#busy.has(event.customerId)) this.#start(event)
        }
      }
      this.#sleep()
    } catch (error) {
      // The database could not be read: the events are still there, and the server goes on.
      logWarning('the outbox could not be read', { failure: (error as Error).message })
      this.#timer = setTimeout(() => this.wake(), BACKOFF_MS_MAX)
    }
  }

  /** Wakes up when a postponed event is due; the end of a delivery wakes by itself. */
  #sleep() {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const dueAt = this.#busy.size > 0 ? null : this.#store.nextEventDueAt()
    if (dueAt === null) return
    this.#timer = setTimeout(() => this.wake(), Math.max(1, dueAt - this.#now()))
  }

  #start(event: CustomerEvent & { readonly attempts: number }) {
    const sending = this.#send(event).finally(() => this.#sending.delete(sending))
    this.#sending.add(sending)
  }

  async #send(event: CustomerEvent & { readonly attempts: number }): Promise<void> {
    this.#busy.add(event.customerId)
    try {
      const failure = await this.#post(event.body)
      if (this.#stopped && failure !== null) return
      if (failure === null) {
        await this.#store.removeEvent(event)
      } else {
        const pauseMs = Math.min(BACKOFF_MS * 2 ** event.attempts, BACKOFF_MS_MAX)
        logWarning('a webhook was not delivered', { event: event.id, failure, again_ms: pauseMs })
        await this.#store.postponeEvent(event, this.#now() + pauseMs)
      }
    } catch {
      // The store is closed: the event is still in the outbox and goes out after the next start.
    } finally {
      this.#busy.delete(event.customerId)
      this.wake()
    }
  }

  /** Null when the receiver took it, else why not. */
  async #post(body: string): Promise<string | null> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'tollgate' },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.body?.cancel()
      return response.ok ? null : `status ${response.status}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
