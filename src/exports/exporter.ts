/** What the rest asks of one exporter. */
export type Exporter = {
  readonly name: string
  /** Looks for rows, soon: called when some were booked, after a replay, and at the start. */
  wake(): void
  /** Resolves when nothing is left that could go out now. */
  drain(): Promise<void>
  /** Begins nothing more. Resolves when what is under way is done with. */
  stop(): Promise<void>
  /** Since the start. */
  readonly tries: Tries
  readonly lastFailure: { readonly at: number; readonly error: string } | null
}

/** By what came of them. */
export type Tries = Readonly<Record<'taken' | 'failed' | 'dead', number>>

/**
 * After a call: those of the next moment go out with it, which for a meter is one event of many
 * calls. Milliseconds.
 */
export const GATHER_MS = 250

/** Commits whose rows go out in one go. */
export const COMMITS_AT_ONCE = 200
