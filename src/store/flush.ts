import { logError, logInfo } from '../log.ts'
import { type Database, isDiskTrouble } from '../runtime/sqlite.ts'

/** How long to wait after a failed commit before the next try, milliseconds. */
const RETRY_MS = 500

/**
 * The least time between two commits, milliseconds. A commit costs as much as five rows, so under
 * load those that come within this time share one; who comes later than that does not wait.
 */
const COMMIT_EVERY_MS = 0.5

/** How long a write for which nobody waits may wait for others to share their transaction. */
const LATER_MS = 10

type Entry = {
  readonly write: () => unknown
  readonly committed: ((result: never) => void) | undefined
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * The one way to the disk: everything that is to be written queues here, and a loop commits all
 * that has queued up in one transaction (group commit). When idle that is at once: the loop runs
 * as soon as the event loop has handed out what had arrived. Under load it is whatever arrived
 * together, so that a hundred charges cost hardly more than one.
 *
 * A failed commit loses nothing: the queue stays and is tried again until the disk is back.
 */
export type Flush = {
  /**
   * Queues a write. Resolves with its result when it is on disk; rejects with what `write` threw,
   * in which case nothing of it is kept. `write` may run more than once, always inside a
   * transaction that either holds or is undone. `committed` runs in the same breath as the commit,
   * before anybody else can act: memory that mirrors the disk is brought up to date there.
   */
  enqueue<Result>(write: () => Result, committed?: (result: Result) => void): Promise<Result>
  /** The same for what nobody waits for: it goes with the next transaction, 10 ms from now. */
  later(write: () => void, committed: () => void): void
  /** Commits what is queued right now, so that a read sees it. */
  now(): void
  /** False while commits fail: no charge could be written, so no new call should be admitted. */
  isHealthy(): boolean
  /** Commits what is queued and takes nothing more. False when it could not. */
  stop(): boolean
}

export function startFlush(database: Database): Flush {
  const transaction = transactions(database)
  let queue: Entry[] = []
  let scheduled = false
  let isAwaited = false
  let healthy = true
  let stopped = false
  let committedAt = 0

  const runWhenDue = () => {
    if (performance.now() - committedAt < COMMIT_EVERY_MS) setImmediate(runWhenDue)
    else run()
  }

  const runLater = () => {
    isAwaited = false
    if (!scheduled) run()
  }

  const run = () => {
    scheduled = false
    if (queue.length === 0) return
    const entries = queue
    queue = []
    try {
      transaction(entries)
      committedAt = performance.now()
      if (!healthy) logInfo('the database takes writes again', { written: entries.length })
      healthy = true
    } catch (error) {
      if (healthy) logError('the database takes no writes; trying on, nothing is lost', error)
      healthy = false
      queue = [...entries, ...queue]
      scheduled = true
      setTimeout(run, RETRY_MS)
    }
  }

  return {
    enqueue(write, committed) {
      if (stopped) return Promise.reject(new Error('the store is closed'))
      return new Promise((resolve, reject) => {
        queue.push({ write, committed, resolve, reject } as Entry)
        if (scheduled) return
        scheduled = true
        setImmediate(runWhenDue)
      })
    },
    later(write, committed) {
      if (stopped) return
      queue.push({ write, committed, resolve: nobodyWaits, reject: nobodyWaits })
      if (scheduled || isAwaited) return
      isAwaited = true
      setTimeout(runLater, LATER_MS)
    },
    now() {
      if (healthy) run()
    },
    isHealthy: () => healthy,
    stop() {
      stopped = true
      run()
      return queue.length === 0
    },
  }
}

const nobodyWaits = () => {}

/**
 * Makes the function that runs entries in one transaction and tells each how it went after the
 * commit. It throws, with nothing written and nobody told, when the transaction as a whole failed.
 *
 * A charge never throws, and a savepoint around each costs as much as its row. So the entries are
 * tried without; only when one throws is all undone and done again, each in a savepoint.
 */
function transactions(database: Database): (entries: readonly Entry[]) => void {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  const attempt = careful(database)

  const within = (write: () => Outcome[]): Outcome[] => {
    begin.run()
    try {
      const outcomes = write()
      commit.run()
      return outcomes
    } catch (error) {
      rollback(database)
      throw error
    }
  }
  const writeAll = (entries: readonly Entry[]): Outcome[] => {
    try {
      return within(() => entries.map(({ write }) => ({ kept: true, result: write() })))
    } catch (error) {
      if (isDiskTrouble(error)) throw error
      return within(() => entries.map(({ write }) => attempt(write)))
    }
  }
  return (entries) => {
    const outcomes = writeAll(entries)
    for (const [index, { committed }] of entries.entries()) {
      const outcome = outcomes[index]!
      if (outcome.kept) committed?.(outcome.result as never)
    }
    for (const [index, { resolve, reject }] of entries.entries()) {
      const outcome = outcomes[index]!
      if (outcome.kept) resolve(outcome.result as never)
      else reject(outcome.error)
    }
  }
}

type Outcome =
  | { readonly kept: true; readonly result: unknown }
  | { readonly kept: false; readonly error: unknown }

/** Makes the function that runs one write so that what it throws undoes it alone. */
function careful(database: Database): (write: () => unknown) => Outcome {
  const open = database.prepare('SAVEPOINT entry')
  const close = database.prepare('RELEASE entry')
  const undo = database.prepare('ROLLBACK TO entry')
  return (write) => {
    open.run()
    try {
      const result = write()
      close.run()
      return { kept: true, result }
    } catch (error) {
      if (isDiskTrouble(error)) throw error
      undo.run()
      close.run()
      return { kept: false, error }
    }
  }
}

function rollback(database: Database) {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has rolled back by itself, as it does for a full disk: nothing is left to undo.
  }
}
