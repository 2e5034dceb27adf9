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
        run: (...values) => void statement.run(...values),
        get: (...values) => statement.get(...values),
        all: (...values) => statement.all(...values),
      }
    },
    exec: (sql) => void database.run(sql),
    close: () => database.close(),
  }
}

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
    close: () => database.close(),
  }
}

/**
 * Whether SQLite itself failed in a way that may pass (full, locked, read-only or failing disk),
 * unlike a mistake in one statement. `bun:sqlite` names the code, `node:sqlite` the number.
 */
export function isDiskTrouble(error: unknown): boolean {
  const { name, code, errcode, errno } = error as Record<string, unknown>
  if (name !== 'SQLiteError' && code !== 'ERR_SQLITE_ERROR') return false
  const primary = Number(errcode ?? errno) & 0xff
  return DISK_TROUBLE.has(primary)
}

/** BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN: https://sqlite.org/rescode.html */
const DISK_TROUBLE = new Set([5, 6, 7, 8, 10, 11, 13, 14])
