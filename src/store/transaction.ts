import { type Database, troubleOf } from '../runtime/sqlite.ts'
import { versionOf } from './schema.ts'

/** How one write of a transaction went. */
export type Outcome =
  | { readonly kept: true; readonly result: unknown }
  | { readonly kept: false; readonly error: unknown }

/**
 * What writes leave to the end of their transaction: it is written once for all of them. What is
 * undone, a write or the whole, is taken out of it.
 */
export type Pending = {
  readonly length: number
  cutTo(length: number): void
  write(): void
  /** Called in the same breath as the commit. */
  committed(): void
}

const nothing = () => {}
const NOTHING_PENDING: Pending = { length: 0, cutTo: nothing, write: nothing, committed: nothing }

/**
 * Makes the function that runs writes in one transaction, and answers how each went once they are
 * committed. It throws, with nothing written, when the disk took none of it.
 *
 * A charge never throws, and a savepoint around each costs as much as its row. So the writes are
 * tried without; only when one throws is all undone and done again, each in a savepoint.
 */
export function transactions(
  database: Database,
  pending = NOTHING_PENDING,
): (writes: readonly Write[]) => Outcome[] {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  const attempt = careful(database, pending)

  const within = (write: () => Outcome[]): Outcome[] => {
    begin.run()
    try {
      const outcomes = write()
      pending.write()
      commit.run()
      pending.committed()
      return outcomes
    } catch (error) {
      pending.cutTo(0)
      rollback(database)
      throw error
    }
  }
  return (writes) => {
    try {
      return within(() => writes.map((write) => ({ kept: true, result: write() })))
    } catch (error) {
      if (troubleOf(error) !== null) throw error
      return within(() => writes.map(attempt))
    }
  }
}

type Write = () => unknown

/**
 * Writes what is there already, inside a transaction: nothing else shows whether the disk takes a
 * write.
 */
export const touch = (database: Database) =>
  database.exec(`PRAGMA user_version = ${versionOf(database)}`)

/** Makes the function that runs one write so that what it throws undoes it alone. */
function careful(database: Database, pending: Pending): (write: Write) => Outcome {
  const open = database.prepare('SAVEPOINT entry')
  const close = database.prepare('RELEASE entry')
  const undo = database.prepare('ROLLBACK TO entry')
  return (write) => {
    open.run()
    const { length } = pending
    try {
      const result = write()
      close.run()
      return { kept: true, result }
    } catch (error) {
      if (troubleOf(error) !== null) throw error
      pending.cutTo(length)
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
