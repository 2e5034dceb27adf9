import { logWarning } from '../log.ts'
import { lookAtFile } from '../runtime/files.ts'
import type { Database } from '../runtime/sqlite.ts'

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

/** Copies the WAL back, so that who copies the one file of a stopped server has everything. */
export function tidyUp(database: Database) {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // The disk takes no writes: all is in the WAL still, where the next start finds it.
  }
}
