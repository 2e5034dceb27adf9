import { Refusal } from '../errors.ts'
import { fileTroubleOf, type Trouble, troubleOf } from '../runtime/sqlite.ts'

/** A file that cannot be used as it is, with what to do about it. */
export class UnusableDatabase extends Error {
  override readonly name = 'UnusableDatabase'
}

/** What is wrong, as it goes on after "The database PATH", and what an operator can do about it. */
const EXPLAINED: Record<Trouble, readonly [wrong: string, remedy: string]> = {
  locked: ['is locked by another process', 'End what holds a transaction on it.'],
  'read-only': ['cannot be written', 'Make its file, folder and file system writable for us.'],
  full: ['has no room left on its disk', 'Make room.'],
  failing: [
    'is on a disk that fails',
    "Look at the disk, at its quota, and at the system's own log.",
  ],
  damaged: ['is damaged', 'Put a backup in its place; `tollgate verify` says what is damaged.'],
  'no database': ['is no database of ours', 'Leave that file alone.'],
  'not openable': ['cannot be opened', 'Its folder must exist, and we must be allowed to use it.'],
  'no memory': ['needs more memory than there is', 'Give the machine more.'],
}

/**
 * The sentence for an operator about `subject`, such as "The database PATH"; null: the error is no
 * trouble of a file or its disk.
 */
export function explain(error: unknown, subject: string): string | null {
  const trouble = fileTroubleOf(error)
  if (trouble === null) return null
  const [wrong, remedy] = EXPLAINED[trouble]
  return `${subject} ${wrong} (${(error as Error).message}). ${remedy}`
}

export const theDatabase = (path: string) => `The database ${path}`

/** The error to stop with: explained where it can be, else as it is. */
export function unusable(error: unknown, path: string): unknown {
  const sentence = explain(error, theDatabase(path))
  if (sentence === null) return error
  const other = 'Or name another with --db FILE.'
  return new UnusableDatabase(`${sentence} ${other}`, { cause: error })
}

/** What a client is told of it, without a word about our files; null: it is no such trouble. */
export function troubleRefusal(error: unknown, path: string): Refusal | null {
  if (troubleOf(error) === null) return null
  const sentence = explain(error, theDatabase(path)) ?? undefined
  return new Refusal('overloaded', 'The books cannot be read at the moment; try again shortly.', {
    headers: RETRY,
    cause: new UnusableDatabase(sentence, { cause: error }),
  })
}

/** For a change that was not made, and will not be. */
export const notWritten = () =>
  new Refusal(
    'overloaded',
    'The books cannot be written at the moment: nothing was changed. Try again shortly.',
    { headers: RETRY },
  )

const RETRY = { 'retry-after': '5' }
