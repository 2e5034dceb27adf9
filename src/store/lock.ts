import { openDatabase, troubleOf } from '../runtime/sqlite.ts'
import { UnusableDatabase } from './trouble.ts'

/**
 * Keeps a second server off the database: each has the budgets in its own memory, so that two of
 * them could spend one budget twice. Held by a transaction on a file beside the database, which
 * the system gives back with the process, however it dies. Answers what gives it back.
 *
 * Not by SQLite's exclusive mode on the database itself: `verify` and a backup read beside us.
 */
export async function lockDatabase(path: string): Promise<() => void> {
  const lock = await openDatabase(`${path}.lock`, 'readwrite')
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    if (troubleOf(cause) !== 'locked') throw cause
    throw new UnusableDatabase(
      `Another Tollgate has the database ${path}: stop that one, or name another with --db FILE.`,
      { cause },
    )
  }
  return () => lock.close()
}
