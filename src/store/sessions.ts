import type { Database } from '../runtime/sqlite.ts'
import type { Flush } from './flush.ts'

/** Who is signed in to the console: for whom a cookie stands, and how long. */
export type Session = {
  /** SHA-256 of the cookie's secret, in hexadecimal. */
  readonly id: string
  /** SHA-256 of the key that it was opened with: the session is worth what that key is worth. */
  readonly keyHash: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export type Sessions = {
  /** Null: none, or one that is over. */
  find(id: string, now: number): Session | null
  open(session: Session, now: number): Promise<void>
  close(id: string): Promise<void>
}

/** The migration that makes the table. */
export const SESSIONS = `
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`

export function sessionTable(database: Database, flush: Flush): Sessions {
  const find = database.prepare('SELECT * FROM sessions WHERE id = ?1 AND expires_at > ?2')
  const open = database.prepare('INSERT INTO sessions VALUES (?1, ?2, ?3)')
  const close = database.prepare('DELETE FROM sessions WHERE id = ?1')
  const prune = database.prepare('DELETE FROM sessions WHERE expires_at <= ?1')
  return {
    find(id, now) {
      const row = find.get(id, now)
      if (row === null) return null
      const [keyHash, expiresAt] = [row['key_hash'] as string, row['expires_at'] as number]
      return { id, keyHash, expiresAt }
    },
    open: ({ id, keyHash, expiresAt }, now) =>
      flush.attempt(() => {
        prune.run(now)
        open.run(id, keyHash, expiresAt)
      }),
    close: (id) => flush.attempt(() => void close.run(id)),
  }
}
