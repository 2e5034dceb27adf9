import { logInfo } from '../log.ts'
import { lookAtFile, makeFile, type SyncedFile, syncedFile } from '../runtime/files.ts'
import { makeFolderOf } from '../runtime/runtime.ts'
import { type Database, openDatabase } from '../runtime/sqlite.ts'
import { lockDatabase } from './lock.ts'
import { migrate, SCHEMA_VERSION, versionOf } from './schema.ts'
import { touch } from './transaction.ts'
import { UnusableDatabase, unusable } from './trouble.ts'

/** What a charge survives once it counts as written: the death of the process, or of the power. */
export type Durability = 'process' | 'power'

/** How long a start waits for somebody who holds the database, milliseconds. */
const OPEN_WAIT_MS = 2_000

/** A WAL that a long reader made grow is cut to this when the reader is gone, bytes. */
const WAL_BYTES_KEPT = 64 * 1024 * 1024

/**
 * Opens the database for a server: makes it when it is not there, keeps other servers off, brings
 * its schema up to date, and sees to it that it takes writes. Throws `UnusableDatabase`, having
 * changed nothing, when it cannot be used as it is.
 */
export async function openForServing(path: string, durability: Durability): Promise<Serving> {
  try {
    makeFolderOf(path)
    makeFile(path)
    // SQLite follows links to the file, and so must our lock: two names are one database.
    const { realPath, names } = lookAtFile(path)!
    if (names > 1) throw manyNames(path, names)
    const unlock = await lockDatabase(realPath)
    try {
      const database = await openWithin(realPath, durability)
      const file = syncedFile(realPath)
      const close = () => {
        database.close()
        file.close()
        unlock()
      }
      return { database, file, close }
    } catch (error) {
      unlock()
      throw error
    }
  } catch (error) {
    throw unusable(error, path)
  }
}

export type Serving = {
  readonly database: Database
  /** The database's, links followed. */
  readonly file: SyncedFile
  /** Closes the file, and lets other servers have it. */
  readonly close: () => void
}

async function openWithin(path: string, durability: Durability): Promise<Database> {
  const database = await openDatabase(path, 'readwrite')
  try {
    database.exec(`PRAGMA busy_timeout = ${OPEN_WAIT_MS}`)
    configure(database, durability)
    bringUpToDate(database, path)
    database.exec('BEGIN IMMEDIATE')
    touch(database)
    database.exec('COMMIT')
    // From now on nothing waits inside SQLite, which would stop every stream: the flush loop does.
    database.exec('PRAGMA busy_timeout = 0')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** What is there already is said beforehand: millions of rows take minutes, without a port open. */
function bringUpToDate(database: Database, path: string) {
  const from = versionOf(database)
  if (from === 0 || from >= SCHEMA_VERSION) return migrate(database)
  const steps = { path, from, to: SCHEMA_VERSION }
  logInfo('bringing the database up to date, which takes its time if it is large', steps)
  const beganAt = performance.now()
  migrate(database)
  logInfo('the database is up to date', { ms: Math.round(performance.now() - beganAt) })
}

/** The settings of a connection that writes. */
export function configure(database: Database, durability: Durability) {
  // Small pages, as a commit writes the whole of each page that it touches: 10 to 20 % less time
  // for a row than with 4096. Has an effect on a new file only.
  database.exec('PRAGMA page_size = 2048')
  // With WAL readers never wait. NORMAL: a commit is with the system, and survives the death of the
  // process; FULL: it is on the disk itself, also on Macs, whose plain fsync does not say that.
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(`PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`)
  database.exec(`PRAGMA fullfsync = ${durability === 'power' ? 1 : 0}`)
  // Charges of many customers touch many pages, the same ones again and again. More memory than
  // this makes it slower: SQLite looks through all that it keeps in each commit that splits a page
  // (of 1,000 customers and of 100,000 a row costs 24 and 102 µs, and with 32 MB 28 and 118).
  database.exec('PRAGMA cache_size = -8000')
  // Pages are copied back on another thread (`wal.ts`); SQLite does it here only if that has not
  // come about long after it should have.
  database.exec('PRAGMA wal_autocheckpoint = 64000')
  database.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`)
}

/** SQLite keeps the WAL beside the name, so two hard links are two WALs of one database. */
const manyNames = (path: string, names: number) =>
  new UnusableDatabase(
    `The database ${path} has ${names} names (hard links): opened by two of them it would be ` +
      'damaged. Remove the others, or make a copy with `tollgate backup` and use that.',
  )
