import { pauseAfter } from '../events/schedule.ts'
import type { NewParcel, Parcel, Plan, Waiting } from '../ledger/parcel.ts'
import { logError } from '../log.ts'
import { COMMITS_AT_ONCE, type Exporter, GATHER_MS, type Tries } from './exporter.ts'
import { Pace } from './pace.ts'
import type { Receipt, Wire } from './receipt.ts'
import { Telling } from './trouble.ts'

/** What a sender needs of the store. */
export type SenderStore = {
  /** Rows that are in no parcel of an exporter yet: of so many commits. Null: none. */
  waiting(name: string, commits: number): (Waiting & { readonly from: number }) | null
  due(name: string, now: number, limit: number): readonly Parcel[]
  nextDueAfter(name: string, now: number): number | null
  /** How many parcels wait, counted up to a number. */
  pendingParcels(name: string, most: number): number
  planned(name: string, by: { from: number; upTo: number }, plan: Plan): Promise<void>
  taken(name: string, parcel: Pick<Parcel, 'id' | 'events'>): Promise<void>
  postponed(
    id: number,
    by: { dueAt: number; error: string; unsureSince: number | null },
  ): Promise<void>
  buried(id: number, error: string): Promise<void>
  split(name: string, id: number, parts: readonly NewParcel[]): Promise<void>
}

export type SenderParts = {
  readonly store: SenderStore
  readonly now: () => number
  /** From 0 up to 1. */
  readonly random: () => number
}

/** While so many wait, no more are made: what comes meanwhile will be in larger ones. */
const PARCELS_MAX = 1_000
const RETRY_MS_MAX = 300_000
const RETRY_READ_MS = 1_000
const SLEEP_MS_MAX = 3_600_000

/**
 * Puts the ledger's rows into parcels and sends those, off every call's path and beside the other
 * exporters. A parcel is on disk, and its identifiers with it, before it is sent first, and until
 * it was taken: so it goes out after a restart as it would have before, and a receiver that has it
 * already knows it by them. No order is kept but within a lane.
 */
export class Sender implements Exporter {
  readonly name: string
  readonly #wire: Wire
  readonly #plan: (rows: Waiting['rows']) => Plan
  readonly #parts: SenderParts
  readonly #pace: Pace
  readonly #telling: Telling
  /** Read from disk, and not begun yet. */
  #ready: Parcel[] = []
  #isStale = true
  readonly #underWay = new Map<number, Promise<void>>()
  readonly #lanes = new Set<string>()
  #timer: { readonly handle: ReturnType<typeof setTimeout>; readonly at: number } | null = null
  #planning: Promise<void> | null = null
  #stopped = false
  readonly #tries = { taken: 0, failed: 0, dead: 0 }

  constructor(
    { name }: { readonly name: string },
    by: { readonly wire: Wire; readonly plan: (rows: Waiting['rows']) => Plan },
    parts: SenderParts,
  ) {
    this.name = name
    this.#wire = by.wire
    this.#plan = by.plan
    this.#parts = parts
    this.#pace = new Pace(by.wire)
    this.#telling = new Telling(name)
  }

  get tries(): Tries {
    return this.#tries
  }

  get lastFailure() {
    return this.#telling.lastFailure
  }

  wake() {
    this.#isStale = true
    this.#sleep(GATHER_MS)
  }

  async drain() {
    while (!this.#stopped) {
      this.#look()
      await this.#planning
      await Promise.allSettled(this.#underWay.values())
      const { store, now } = this.#parts
      const isPlanned = store.waiting(this.name, 1) === null
      if (isPlanned && store.due(this.name, now(), 1).length === 0) return
      await new Promise((resolve) => setTimeout(resolve, this.#pace.waitMs(now())))
    }
  }

  async stop() {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer.handle)
    await this.#planning
    await Promise.allSettled(this.#underWay.values())
  }

  /** The sooner of two times counts. */
  #sleep(ms: number) {
    const at = performance.now() + ms
    if (this.#stopped || (this.#timer !== null && this.#timer.at <= at)) return
    if (this.#timer !== null) clearTimeout(this.#timer.handle)
    const look = () => {
      this.#timer = null
      this.#look()
    }
    this.#timer = { handle: setTimeout(look, Math.min(Math.max(1, ms), SLEEP_MS_MAX)), at }
  }

  #look() {
    if (this.#stopped) return
    try {
      this.#planning ??= this.#planAll().finally(() => {
        this.#planning = null
      })
      this.#sendDue()
    } catch (error) {
      logError(`what waits for the export ${this.name} could not be read; trying on`, error)
      this.#sleep(RETRY_READ_MS)
    }
  }

  async #planAll() {
    const { store } = this.#parts
    try {
      while (!this.#stopped && store.pendingParcels(this.name, PARCELS_MAX) < PARCELS_MAX) {
        const waiting = store.waiting(this.name, COMMITS_AT_ONCE)
        if (waiting === null) return
        await store.planned(this.name, waiting, this.#plan(waiting.rows))
        this.#isStale = true
        this.#sendDue()
      }
      // Full: looked at again when parcels have gone out.
      if (!this.#stopped) this.#sleep(GATHER_MS)
    } catch (error) {
      if (this.#stopped) return
      logError(`rows for the export ${this.name} could not be read; trying on`, error)
      this.#sleep(RETRY_READ_MS)
    }
  }

  #sendDue() {
    if (this.#stopped) return
    const now = this.#parts.now()
    let room = this.#pace.room(this.#underWay.size, now)
    if (room > 0) this.#refill(now)
    const left: Parcel[] = []
    for (const parcel of this.#ready) {
      const isFree = parcel.lane === null || !this.#lanes.has(parcel.lane)
      if (room > 0 && isFree) {
        room--
        this.#start(parcel)
      } else left.push(parcel)
    }
    this.#ready = left
    // What is under way looks further when it is done.
    if (left.length > 0 && this.#underWay.size === 0) this.#sleep(this.#pace.waitMs(now))
    else if (left.length > 0 && room === 0) this.#sleep(this.#pace.waitMs(now))
    const dueAt = this.#parts.store.nextDueAfter(this.name, now)
    if (dueAt !== null) this.#sleep(dueAt - now)
  }

  /** Reads what is due; of those on disk, the ones under way are left out. */
  #refill(now: number) {
    if (!this.#isStale && this.#ready.length > 0) return
    this.#isStale = false
    const due = this.#parts.store.due(this.name, now, PARCELS_MAX + this.#underWay.size)
    this.#ready = due.filter(({ id }) => !this.#underWay.has(id))
  }

  #start(parcel: Parcel) {
    const { id, lane } = parcel
    if (lane !== null) this.#lanes.add(lane)
    this.#pace.began()
    const sending = this.#send(parcel).finally(() => {
      this.#underWay.delete(id)
      if (lane !== null) this.#lanes.delete(lane)
      this.#lookOn()
    })
    this.#underWay.set(id, sending)
  }

  #lookOn() {
    if (this.#stopped) return
    try {
      this.#sendDue()
    } catch {
      this.#sleep(RETRY_READ_MS)
    }
  }

  async #send(parcel: Parcel): Promise<void> {
    try {
      const receipt = await this.#wire.send(parcel)
      // A failure while we stop may be our own; the next start tries at once.
      if (this.#stopped && receipt.kind !== 'taken') return
      await this.#keep(parcel, receipt)
    } catch (error) {
      // A closed store is no failure: what was not kept is sent again after the next start.
      if (this.#stopped) return
      logError(`the export ${this.name} failed, and not because of its receiver`, error)
      this.#sleep(RETRY_READ_MS)
    }
  }

  #keep(parcel: Parcel, receipt: Receipt): Promise<void> {
    const { store, now, random } = this.#parts
    const { id } = parcel
    if (receipt.kind === 'taken') {
      this.#tries.taken++
      this.#pace.succeeded()
      this.#telling.succeeded()
      return store.taken(this.name, parcel)
    }
    const { error } = receipt
    if (receipt.kind === 'never') {
      if (receipt.parts !== undefined) {
        this.#isStale = true
        return store.split(this.name, id, receipt.parts)
      }
      this.#tries.dead++
      this.#telling.buried(error, now())
      return store.buried(id, error)
    }
    this.#tries.failed++
    const { retryAfterMs, isUnsure, isOwn } = receipt
    if (!isOwn) {
      this.#pace.failed({ now: now(), retryAfterMs, chance: random() })
      this.#telling.failed(error, now())
    }
    const failed = { attempts: parcel.attempts + 1, retryAfterMs, chance: random() }
    const dueAt = now() + pauseAfter(failed, RETRY_MS_MAX)
    return store.postponed(id, { dueAt, error, unsureSince: isUnsure ? now() : null })
  }
}
