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
 * As many tabs may wait. Beyond that the oldest are summed up with each commit, some at a time. Who
 * reads sums of all waits until they are made, and others have their turn between one part and the
 * next.
 */
const TABS_MAX = 1_024
const AT_ONCE = { tabs: 32, rows: 256 }

/** For who is about to read sums of all: resolves when what waits by now is summed up. */
export type SumUp = () => Promise<void>

/** Sums rows up in time. */
export type Summing = {
  readonly all: SumUp
  /** The same of one tab, at once. */
  readonly now: (tab: number) => void
  readonly stop: () => void
}

export function summing(
  unsummed: Unsummed,
  flush: Pick<Flush, 'soon' | 'attempt' | 'now' | 'isHealthy'>,
): Summing {
  let timer: ReturnType<typeof setTimeout> | null = null
  /** What is queued to be summed up. While the disk takes nothing, it stays so. */
  let queued: Set<number> | null = null
  const queue = (tabs: Iterable<number>) => {
    const isFirst = queued === null
    queued = new Set([...(queued ?? []), ...tabs])
    if (!isFirst) return
    flush.soon(
      () => unsummed.sum(queued ?? []),
      () => {
        queued = null
      },
    )
  }
  const look = () => {
    timer = null
    if (queued === null) {
      const due = unsummed.tabs.due(performance.now() - DUE_MS, AT_ONCE)
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
    if (queued === null && tooMany > 0) queue(unsummed.tabs.oldest(Math.max(tooMany, AT_ONCE.tabs)))
    wait()
  }
  wait()
  return {
    async all() {
      for (const tabs of unsummed.tabs.parts(AT_ONCE, performance.now())) {
        await flush.attempt(() => unsummed.sum(tabs))
      }
    },
    now(tab) {
      if (!unsummed.tabs.has(tab)) return
      queue([tab])
      try {
        flush.now()
      } catch (error) {
        // Somebody holds the file for a moment: what is told is as it was a moment ago.
        if (!flush.isHealthy) throw error
      }
    },
    stop() {
      unsummed.left = () => {}
      flush.soon(() => unsummed.sum())
      if (timer !== null) clearTimeout(timer)
    },
  }
}
