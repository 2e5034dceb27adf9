import { isDeno } from './runtime.ts'

/** What SQLite stores. Integers must be safe ones: money and times are. */
export type SqlValue = string | number | null

export type SqlRow = Readonly<Record<string, SqlValue>>

/** A prepared statement; values are bound to `?1`, `?2` … in order. */
export type Statement = {
  run(...values: SqlValue[]): void
  /** The first row, or null. */
  get(...values: SqlValue[]): SqlRow | null
  all(...values: SqlValue[]): SqlRow[]
}

/**
 * An open database, the same over `bun:sqlite` and `node:sqlite`. Everything in it is synchronous.
 */
export type Database = {
  prepare(sql: string): Statement
  /** Runs statements that take no values and answer no rows. */
  exec(sql: string): void
  /**
   * Writes all of it, as it is at one moment, into an empty file, while others go on writing it.
   */
  copyTo(path: string): Promise<void>
  close(): void
}

/**
 * Opens the file, and makes it unless `readonly`. Throws SQLite's own error, which names no file.
 */
export async function openDatabase(
  path: string,
  mode: 'readwrite' | 'readonly',
): Promise<Database> {
  return isDeno ? openOnDeno(path, mode) : openOnBun(path, mode)
}

async function openOnBun(path: string, mode: 'readwrite' | 'readonly'): Promise<Database> {
  const sqlite = await import('bun:sqlite')
  const flags = mode === 'readonly' ? { readonly: true } : { readwrite: true, create: true }
  const database = new sqlite.Database(path, { ...flags, strict: true })
  return {
    prepare(sql) {
      const statement = database.prepare<SqlRow, SqlValue[]>(sql)
      return {
        // A function that passes thirty values on takes 1.3 µs, as long as SQLite with their row.
        run: statement.run.bind(statement),
        get: statement.get.bind(statement),
        all: statement.all.bind(statement),
      }
    },
    exec: (sql) => void database.run(sql),
    copyTo: async (path) => void database.run('VACUUM INTO ?1', [path]),
    close: () => database.close(),
  }
}

const ALL_PAGES = 0x7fffffff

async function openOnDeno(path: string, mode: 'readwrite' | 'readonly'): Promise<Database> {
  const sqlite = await import('node:sqlite')
  const database = new sqlite.DatabaseSync(path, { readOnly: mode === 'readonly' })
  return {
    prepare(sql) {
      const statement = database.prepare(sql)
      return {
        run: (...values) => void statement.run(...values),
        get: (...values) => (statement.get(...values) as SqlRow | undefined) ?? null,
        all: (...values) => statement.all(...values) as SqlRow[],
      }
    },
    exec: (sql) => database.exec(sql),
    // Deno keeps VACUUM INTO to those who may do everything. All pages in one step: in several, it
    // would begin again at each charge of the server.
    copyTo: async (path) => void (await sqlite.backup(database, path, { rate: ALL_PAGES })),
    close: () => database.close(),
  }
}

/** What can be wrong with a file or its disk, unlike a mistake in one statement. */
export type Trouble =
  | 'locked'
  | 'read-only'
  | 'full'
  | 'failing'
  | 'damaged'
  | 'no database'
  | 'not openable'
  | 'no memory'

/** SQLite's primary codes, with the words that go with each: https://sqlite.org/rescode.html */
const BY_SQLITE: readonly (readonly [code: number, words: string, trouble: Trouble])[] = [
  [3, 'access permission denied', 'not openable'],
  [5, 'database is locked', 'locked'],
  [6, 'database table is locked', 'locked'],
  [7, 'out of memory', 'no memory'],
  [8, 'attempt to write a readonly database', 'read-only'],
  [10, 'disk I/O error', 'failing'],
  [11, 'database disk image is malformed', 'damaged'],
  [13, 'database or disk is full', 'full'],
  [14, 'unable to open database file', 'not openable'],
  [15, 'locking protocol', 'locked'],
  [26, 'file is not a database', 'no database'],
]

/** The system's own, for files that are not opened by SQLite. */
const BY_SYSTEM: Readonly<Record<string, Trouble>> = {
  EACCES: 'read-only',
  EPERM: 'read-only',
  EROFS: 'read-only',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EIO: 'failing',
  ENOENT: 'not openable',
  ENOTDIR: 'not openable',
  EISDIR: 'not openable',
  ELOOP: 'not openable',
}

/**
 * What of the file or its disk made SQLite fail; null: nothing, it is a mistake. `bun:sqlite` gives
 * the code as `errno`, `node:sqlite` as `errcode`, and on Deno `open` and `exec` the words alone.
 */
export function troubleOf(error: unknown): Trouble | null {
  const { name, code, errcode, errno, message } = (error ?? {}) as Record<string, unknown>
  if (name !== 'SQLiteError' && code !== 'ERR_SQLITE_ERROR') return null
  const given = errcode ?? errno
  const found = BY_SQLITE.find(([primary, words]) =>
    given === undefined ? String(message).startsWith(words) : (Number(given) & 0xff) === primary,
  )
  return found?.[2] ?? null
}

/** The same, also of what fails around SQLite, where files are made, renamed and removed. */
export const fileTroubleOf = (error: unknown): Trouble | null =>
  troubleOf(error) ?? BY_SYSTEM[String((error as { code?: unknown } | null)?.code)] ?? null
