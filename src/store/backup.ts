import { ulid } from 'ulid'
import { lookAtFile, makeFile, removeFile, replaceFile } from '../runtime/files.ts'
import { openDatabase, troubleOf } from '../runtime/sqlite.ts'
import { explain, UnusableDatabase, unusable } from './trouble.ts'
import { type Verdict, verify } from './verify.ts'

export type BackupOrder = {
  readonly from: string
  readonly to: string
  /** Whether a file that is there already may be replaced. */
  readonly force: boolean
}

/**
 * Copies a database as it is at one moment, while a server goes on writing it, and answers what
 * `verify` finds in the copy. Only its owner can read that. Throws `UnusableDatabase` when it
 * cannot be made; then whatever was at `to` still is.
 */
export async function backup({ from, to, force }: BackupOrder): Promise<Verdict> {
  refuseTarget({ from, to, force })
  const partial = `${to}.${ulid()}.partial`
  try {
    await copy(from, partial, to)
    await makeOneFile(partial, to)
    // What is wrong with the copy is wrong with what it is a copy of.
    const verdict = await verify(partial, from)
    aboutTarget(to, () => replaceFile(to, partial))
    return verdict
  } finally {
    // After success it has its name, and there is nothing to remove.
    removeFile(partial)
  }
}

async function copy(from: string, partial: string, to: string) {
  aboutTarget(to, () => makeFile(partial))
  const database = await openDatabase(from, 'readonly').catch((error: unknown) => {
    throw unusable(error, from)
  })
  try {
    database.exec(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`)
    await database.copyTo(partial)
  } catch (error) {
    const isOfTarget = OF_TARGET.has(troubleOf(error) ?? '')
    throw isOfTarget ? targetTrouble(error, to) : unusable(error, from)
  } finally {
    database.close()
  }
}

/** In WAL mode, as the database is, the copy would have more files beside it once it is read. */
async function makeOneFile(partial: string, to: string) {
  try {
    const database = await openDatabase(partial, 'readwrite')
    database.exec('PRAGMA journal_mode = DELETE')
    database.close()
  } catch (error) {
    throw targetTrouble(error, to)
  }
}

const LOCK_WAIT_MS = 10_000

/** What can go wrong with the copy, and not with the database, which is only read. */
const OF_TARGET: ReadonlySet<string> = new Set(['full', 'read-only', 'failing', 'not openable'])

function aboutTarget(to: string, act: () => void) {
  try {
    act()
  } catch (error) {
    throw targetTrouble(error, to)
  }
}

function targetTrouble(error: unknown, to: string): unknown {
  const sentence = explain(error, `The backup ${to}`)
  return sentence === null ? error : new UnusableDatabase(sentence, { cause: error })
}

function refuseTarget({ from, to, force }: BackupOrder) {
  const there = lookAtFile(to)
  if (there !== null && there.realPath === lookAtFile(from)?.realPath) {
    throw new UnusableDatabase(`${to} is the database itself: name another file for the copy.`)
  }
  for (const beside of ['-wal', '-journal'].map((suffix) => `${to}${suffix}`)) {
    // Whoever opened the copy would take that for a part of it.
    if (lookAtFile(beside) === null) continue
    throw new UnusableDatabase(
      `There is ${beside}: ${to} is a database in use, or was when its server died. ` +
        'Name another file for the copy.',
    )
  }
  if (there === null || force) return
  throw new UnusableDatabase(`There is a file at ${to} already: --force replaces it.`)
}
