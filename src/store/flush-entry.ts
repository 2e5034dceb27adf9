import { troubleOf } from '../runtime/sqlite.ts'
import type { Outcome } from './transaction.ts'

/** What writes, inside a transaction. */
export type Write<Result> = () => Result
/** What brings memory up to date in the same breath as the commit. */
export type Committed<Result> = (result: Result) => void

/** A write that waits for the flush loop. */
export type Entry = {
  readonly write: Write<unknown>
  readonly committed: Committed<never> | undefined
  /** Whether it stays queued while the disk takes no writes. */
  readonly waits: boolean
  /** On the clock of `performance`. */
  readonly queuedAt: number
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

export const nobody = () => {}

/** One for which nobody waits. */
export const unawaited = <Result>(write: Write<Result>, committed?: Committed<Result>): Entry => {
  const whoWaits = { resolve: nobody, reject: nobody }
  return { write, committed, waits: true, queuedAt: performance.now(), ...whoWaits }
}

export const writeOf = ({ write }: Entry) => write

/**
 * Brings memory up to date with what was committed, then tells who waits. Where memory could not
 * be, because the disk failed to read, the entry is left: to be done again, without its write.
 */
export function finish(
  entries: readonly Entry[],
  outcomes: (Outcome | null)[],
): { readonly left: readonly Entry[]; readonly error: unknown } {
  const left: Entry[] = []
  let error: unknown = null
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]!
    const outcome = outcomes[index]!
    if (!outcome.kept || entry.committed === undefined) continue
    try {
      entry.committed(outcome.result as never)
    } catch (cause) {
      error = cause
      const isTrouble = troubleOf(cause) !== null
      outcomes[index] = isTrouble ? null : { kept: false, error: cause }
      if (isTrouble) left.push({ ...entry, write: () => outcome.result, waits: true })
    }
  }
  for (let index = 0; index < entries.length; index++) {
    const { resolve, reject } = entries[index]!
    const outcome = outcomes[index]!
    if (outcome === null) continue
    if (outcome.kept) resolve(outcome.result as never)
    else reject(outcome.error)
  }
  return { left, error }
}
