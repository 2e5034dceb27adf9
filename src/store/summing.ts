import type { Database } from '../runtime/sqlite.ts'
import type { Flush } from './flush.ts'
import type { Unsummed } from './unsummed.ts'

/**
 * How long a tab waits to be summed up, milliseconds: the longer, the fewer sums are written. That
 * much is to be summed up by who starts after the death of a process.
 */
const DUE_MS = 2_000

/** How often those are looked for that are due, milliseconds: a few each time, 1 to 2 ms. */
const LOOK_EVERY_MS = 20

/**
 * As many tabs may wait: who reads sums of all waits until they are made, 30 µs each. Beyond that
 * the oldest are summed up with each commit, some at a time.
 */
const TABS_MAX = 1_024
const TABS_AT_ONCE = 32
const ROWS_AT_ONCE = 512

/** Sums rows up in time. */
export type Summing = {
  /** For who is about to read sums: of a tab, or of all. */
  readonly now: (tab?: number) => void
  readonly stop: () => void
}

export function summing(
  unsummed: Unsummed,
  flush: Pick<Flush, 'soon' | 'now' | 'isHealthy'>,
): Summing {
  let timer: ReturnType<typeof setTimeout> | null = null
  /** What is queued to be summed up. While the disk takes nothing, it stays so. */
  let queued: Set<number> | 'all' | null = null
  const queue = (tabs: Iterable<number> | 'all') => {
    const isFirst = queued === null
    if (tabs === 'all' || queued === 'all') queued = 'all'
    else queued = new Set([...(queued ?? []), ...tabs])
    if (!isFirst) return
    flush.soon(
      () => unsummed.sum(queued === 'all' ? undefined : (queued ?? [])),
      () => {
        queued = null
      },
    )
  }
  const look = () => {
    timer = null
    if (queued === null) {
      const most = { tabs: TABS_AT_ONCE, rows: ROWS_AT_ONCE }
      const due = unsummed.tabs.due(performance.now() - DUE_MS, most)
      if (due.length > 0) queue(due)
    }
    wait()
  }
  const wait = () => {
    if (unsummed.tabs.size > 0) timer ??= setTimeout(look, LOOK_EVERY_MS)
  }
  unsummed.left = () => {
    const tooMany = unsummed.tabs.size - TABS_MAX
    if (queued === null && unsummed.tabs.full.size > 0) queue(unsummed.tabs.full)
    if (queued === null && tooMany > 0) queue(unsummed.tabs.oldest(Math.max(tooMany, TABS_AT_ONCE)))
    wait()
  }
  wait()
  return {
    now(tab) {
      if (tab === undefined ? unsummed.tabs.size === 0 : !unsummed.tabs.has(tab)) return
      queue(tab === undefined ? 'all' : [tab])
      try {
        flush.now()
      } catch (error) {
        // Somebody holds the file for a moment: what is told is as it was a moment ago.
        if (!flush.isHealthy) throw error
      }
    },
    stop() {
      unsummed.left = () => {}
      queue('all')
      if (timer !== null) clearTimeout(timer)
    },
  }
}

/** A database of which every read is of sums that are up to date. */
export const afterSums = (database: Database, sumUp: () => void): Database => ({
  ...database,
  prepare(sql) {
    const { run, get, all } = database.prepare(sql)
    const after =
      <Given extends unknown[], Read>(read: (...given: Given) => Read) =>
      (...given: Given) => {
        sumUp()
        return read(...given)
      }
    return { run, get: after(get), all: after(all) }
  },
})
