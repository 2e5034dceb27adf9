import { logError, logInfo, logTrouble } from '../log.ts'
import { type Database, troubleOf } from '../runtime/sqlite.ts'
import {
  type Committed,
  type Entry,
  finish,
  nobody,
  unawaited,
  type Write,
  writeOf,
} from './flush-entry.ts'
import { type Outcome, type Pending, touch, transactions } from './transaction.ts'
import { explain, notWritten, theDatabase } from './trouble.ts'

/** How long to wait after a failed commit before the next try, milliseconds. */
const RETRY_MS = 500

/**
 * How long somebody else may hold the database before that counts as trouble, and how often we
 * look, milliseconds. We look, and do not wait inside SQLite: that would stop every stream.
 */
const LOCK_PATIENCE_MS = 1_000
const LOCK_RETRY_MS = 10

/**
 * The least time between two commits, milliseconds. A commit costs as much as two rows, so under
 * load those that come within this time share one; who comes later than that does not wait.
 */
const COMMIT_EVERY_MS = 0.2

/**
 * Under load the same is so many times what the last commit took, and no more than this,
 * milliseconds: a commit makes nobody wait much longer than itself, and commits take no more than a
 * third of the time, however many calls there are.
 */
const COMMIT_PAUSE = 2
const COMMIT_EVERY_MS_MAX = 2

/**
 * How long a write for which nobody waits is put off, milliseconds: what is no longer needed by
 * then is never written, and that is most of what is said of calls under way.
 */
const LATER_MS = 100

/** What a timer can tell apart, milliseconds. */
const TIMER_MS = 1

/**
 * The one way to the disk: everything that is to be written queues here, and a loop commits all
 * that has queued up in one transaction (group commit). When idle that is at once: the loop runs
 * as soon as the event loop has handed out what had arrived. Under load it is whatever arrived
 * together, so that a hundred charges cost hardly more than one.
 *
 * A failed commit loses nothing: the queue stays and is tried again until the disk is back.
 */
export class Flush {
  readonly #database: Database
  readonly #path: string
  readonly #commit: (writes: readonly Write<unknown>[]) => Outcome[]
  readonly #tookMs: (ms: number) => void
  #queue: Entry[] = []
  /** Put off, in the order in which they are due. */
  #later: { readonly entry: Entry; readonly dueAt: number }[] = []
  #laterTimer: ReturnType<typeof setTimeout> | null = null
  #isScheduled = false
  #isHealthy = true
  #isStopped = false
  #isPaused = false
  #committedAt = 0
  #commits = 0
  #commitEveryMs = COMMIT_EVERY_MS
  /** Set while commits fail: since when, and when it is tried again. */
  #failing: { since: number; retry: ReturnType<typeof setTimeout> | undefined } | null = null
  /** What was told of the trouble last: it is told again only when it is another. */
  #told: string | null = null

  /**
   * `path` is for what an operator is told; `tookMs` is told how long each transaction took;
   * `pending` is written at the end of each.
   */
  constructor(
    database: Database,
    path: string,
    {
      tookMs = () => {},
      pending,
    }: { tookMs?: ((ms: number) => void) | undefined; pending?: Pending } = {},
  ) {
    this.#tookMs = tookMs
    this.#database = database
    this.#path = path
    this.#commit = transactions(database, pending)
  }

  /** False while commits fail: no charge could be written, so no new call should be admitted. */
  get isHealthy(): boolean {
    return this.#isHealthy
  }

  /** How many transactions were committed since the start. */
  get commits(): number {
    return this.#commits
  }

  /** Writes that wait for a commit, and how long the first of them has, milliseconds. */
  get queue(): { readonly length: number; readonly oldestMs: number } {
    const [first] = this.#queue
    const oldestMs = first === undefined ? 0 : performance.now() - first.queuedAt
    return { length: this.#queue.length, oldestMs }
  }

  /**
   * Queues a write. Resolves with its result when it is on disk; rejects with what `write` threw,
   * in which case nothing of it is kept. `write` may run more than once, always inside a
   * transaction that either holds or is undone. `committed` runs in the same breath as the commit,
   * before anybody else can act: memory that mirrors the disk is brought up to date there.
   */
  enqueue<Result>(write: Write<Result>, committed?: Committed<Result>): Promise<Result> {
    return this.#add(write, committed, true)
  }

  /**
   * The same for somebody who would rather be told no than wait: while the disk takes no writes it
   * rejects with a refusal, and the write will not happen.
   */
  attempt<Result>(write: Write<Result>, committed?: Committed<Result>): Promise<Result> {
    if (!this.#isHealthy) return Promise.reject(notWritten())
    return this.#add(write, committed, false)
  }

  /** The same for what nobody waits for. */
  soon<Result>(write: Write<Result>, committed?: Committed<Result>) {
    if (this.#isStopped) return
    this.#queue.push(unawaited(write, committed))
    this.#schedule()
  }

  /** The same, a tenth of a second later. */
  later(write: () => void, committed?: () => void) {
    if (this.#isStopped) return
    const entry = unawaited(write, committed)
    this.#later.push({ entry, dueAt: entry.queuedAt + LATER_MS })
    this.#laterTimer ??= setTimeout(this.#queueLater, LATER_MS)
  }

  /**
   * Puts commits off until something is done that goes better without them, or for `msMax`
   * milliseconds. Who cannot wait (`now`, `stop`) does not.
   */
  async pauseFor(done: Promise<unknown>, msMax: number) {
    this.#isPaused = true
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, msMax)
    })
    await Promise.race([done, late]).catch(nobody)
    clearTimeout(timer)
    this.#isPaused = false
    if (this.#isScheduled) this.#runWhenDue()
  }

  /** Commits what is queued right now, so that a read sees it. Throws a refusal if it cannot. */
  now() {
    if (this.#queue.length > 0 && this.#failing === null) this.#run()
    if (this.#queue.length > 0) throw notWritten()
  }

  /**
   * Commits what is queued and takes nothing more. Answers how many writes are lost for which
   * somebody waits.
   */
  stop(): number {
    this.#isStopped = true
    if (this.#laterTimer !== null) clearTimeout(this.#laterTimer)
    this.#queue.push(...this.#later.map(({ entry }) => entry))
    if (this.#queue.length > 0) this.#run()
    clearTimeout(this.#failing?.retry)
    return this.#queue.filter(({ resolve }) => resolve !== nobody).length
  }

  #add<Result>(
    write: Write<Result>,
    committed: Committed<Result> | undefined,
    waits: boolean,
  ): Promise<Result> {
    if (this.#isStopped) return Promise.reject(new Error('the store is closed'))
    return new Promise((resolve, reject) => {
      const queuedAt = performance.now()
      this.#queue.push({ write, committed, waits, queuedAt, resolve, reject } as Entry)
      this.#schedule()
    })
  }

  readonly #queueLater = () => {
    const now = performance.now()
    const firstLeft = this.#later.findIndex(({ dueAt }) => dueAt > now)
    const due = this.#later.splice(0, firstLeft === -1 ? this.#later.length : firstLeft)
    this.#queue.push(...due.map(({ entry }) => entry))
    if (this.#queue.length > 0) this.#schedule()
    const [next] = this.#later
    this.#laterTimer = next === undefined ? null : setTimeout(this.#queueLater, next.dueAt - now)
  }

  #schedule() {
    if (this.#isScheduled || this.#failing !== null) return
    this.#isScheduled = true
    setImmediate(this.#runWhenDue)
  }

  readonly #runWhenDue = () => {
    if (this.#isPaused) return
    const leftMs = this.#committedAt + this.#commitEveryMs - performance.now()
    if (leftMs > 0) {
      // A look at each turn of the event loop is exact, and costs a core: for the last of it only.
      if (leftMs > TIMER_MS) setTimeout(this.#runWhenDue, TIMER_MS)
      else setImmediate(this.#runWhenDue)
      return
    }
    this.#isScheduled = false
    if (this.#queue.length > 0 && this.#failing === null) this.#run()
  }

  readonly #run = () => {
    const entries = this.#queue
    // With nothing to write, after a failure, it is still to be found out whether we could.
    const writes = entries.length === 0 ? [() => touch(this.#database)] : entries.map(writeOf)
    this.#queue = []
    let outcomes: Outcome[]
    const beganAt = performance.now()
    try {
      outcomes = this.#commit(writes)
    } catch (error) {
      this.#queue = entries
      this.#failed(error)
      return
    } finally {
      this.#tookMs(performance.now() - beganAt)
    }
    this.#committedAt = performance.now()
    const pauseMs = COMMIT_PAUSE * (this.#committedAt - beganAt)
    this.#commitEveryMs = Math.min(Math.max(pauseMs, COMMIT_EVERY_MS), COMMIT_EVERY_MS_MAX)
    this.#commits++
    const { left, error } = finish(entries, outcomes)
    this.#queue = [...left, ...this.#queue]
    if (left.length > 0) this.#failed(error)
    else if (this.#failing !== null) this.#recovered(entries.length)
  }

  #failed(error: unknown) {
    const now = performance.now()
    const since = this.#failing?.since ?? now
    const isBrief = troubleOf(error) === 'locked' && now - since < LOCK_PATIENCE_MS
    clearTimeout(this.#failing?.retry)
    const pauseMs = isBrief ? LOCK_RETRY_MS : RETRY_MS
    this.#failing = { since, retry: this.#isStopped ? undefined : setTimeout(this.#run, pauseMs) }
    if (isBrief) return
    this.#isHealthy = false
    this.#tell(error)
    const refused = this.#queue.filter(({ waits }) => !waits)
    this.#queue = this.#queue.filter(({ waits }) => waits)
    for (const { reject } of refused) reject(notWritten())
  }

  #recovered(written: number) {
    clearTimeout(this.#failing?.retry)
    this.#failing = null
    this.#told = null
    if (!this.#isHealthy) logInfo('the database takes writes again', { written })
    this.#isHealthy = true
    if (this.#queue.length > 0) this.#schedule()
  }

  #tell(error: unknown) {
    const sentence = explain(error, theDatabase(this.#path)) ?? 'The database takes no writes.'
    if (sentence === this.#told) return
    this.#told = sentence
    logTrouble(`${sentence} Until then no call is admitted; what is queued will be written.`)
    if (troubleOf(error) === null) logError('a commit failed, and not because of the disk', error)
  }
}
