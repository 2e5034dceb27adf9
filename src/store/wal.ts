import { logWarning } from '../log.ts'
import { lookAtFile, type SyncedFile } from '../runtime/files.ts'
import type { Database } from '../runtime/sqlite.ts'
import { type DatabaseThread, openOnThread } from '../runtime/sqlite-thread.ts'
import type { Flush } from './flush.ts'

const LOOK_EVERY_MS = 60_000

/** Eight times what is there before it is copied back, bytes. */
const WAL_BYTES_MAX = 256 * 1024 * 1024

/**
 * Looks now and then whether the write-ahead log has outgrown what it should be, and says so once:
 * while one reader stays in a transaction, nothing of it can be copied back, and it grows with each
 * charge. Answers what stops looking.
 */
export function watchWal(
  path: string,
  { everyMs, bytesMax } = { everyMs: LOOK_EVERY_MS, bytesMax: WAL_BYTES_MAX },
): () => void {
  let isLarge = false
  const timer = setInterval(() => {
    const bytes = lookAtFile(`${path}-wal`)?.bytes ?? 0
    const wasLarge = isLarge
    isLarge = bytes > bytesMax
    if (!isLarge || wasLarge) return
    logWarning(
      `${path}-wal grows: somebody has been reading the database in one transaction for long ` +
        '(an sqlite3 left open?); until that ends, it takes more and more of the disk',
      { bytes },
    )
  }, everyMs)
  return () => clearInterval(timer)
}

/** How often the WAL is copied back, and below which size it is left to the next start, bytes. */
const COPY_EVERY_MS = 500
const COPY_BYTES_MIN = 4 * 1024 * 1024

/** A WAL of so many pages is to begin anew. */
const WAL_PAGES_MAX = 16_000

/** How long commits are put off for that, at most, milliseconds. */
const PAUSE_MS_MAX = 100

/**
 * Copies the WAL back into the database, on a thread of its own: here it would stop everybody for
 * the 20 to 50 ms that the disk takes for it, each second under load. Commits go on meanwhile, so
 * the WAL grows; it begins anew only when all of it is copied and on the disk, for which commits
 * are put off once in a while: what is left by then is little. Answers what stops it.
 *
 * Where a thread cannot be had, SQLite does it at a commit, when the WAL is several times as long.
 */
export function copyBackElsewhere(
  file: SyncedFile,
  flush: Pick<Flush, 'commits' | 'pauseFor'>,
): () => void {
  let thread: DatabaseThread | null = null
  let commits = flush.commits
  let isAtIt = false

  const copyBack = async (on: DatabaseThread) => {
    const copied = () => on.get('PRAGMA wal_checkpoint(PASSIVE)')
    const row = await copied()
    if (Number(row?.['log']) <= WAL_PAGES_MAX) return
    // SQLite itself brings the copies to the disk when nobody has committed meanwhile, so all at
    // once in the pause: of ten million rows 100 ms, and 50 when most of it is done before.
    await file.sync()
    await copied()
    await file.sync()
    await flush.pauseFor(copied(), PAUSE_MS_MAX)
  }
  const timer = setInterval(async () => {
    if (isAtIt || flush.commits === commits) return
    commits = flush.commits
    if (thread === null && (lookAtFile(`${file.path}-wal`)?.bytes ?? 0) < COPY_BYTES_MIN) return
    isAtIt = true
    try {
      thread ??= openOnThread(file.path)
      await copyBack(thread)
    } catch {
      // A disk without room, or somebody else at it: it is tried again after the next commit.
    }
    isAtIt = false
  }, COPY_EVERY_MS)
  return () => {
    clearInterval(timer)
    thread?.close()
  }
}

/** Copies the WAL back, so that who copies the one file of a stopped server has everything. */
export function tidyUp(database: Database) {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // The disk takes no writes: all is in the WAL still, where the next start finds it.
  }
}
