import type { Database } from '../runtime/sqlite.ts'
import { addKinds } from './daily.ts'
import { MIGRATIONS } from './migrations.ts'
import { UnusableDatabase } from './trouble.ts'

/** How many migrations this version knows. */
export const SCHEMA_VERSION = MIGRATIONS.length

/** Brings the database to this version's schema, each step in a transaction of its own. */
export function migrate(database: Database, upTo = SCHEMA_VERSION) {
  const version = versionOf(database)
  if (version > SCHEMA_VERSION) {
    throw new UnusableDatabase(
      `The database has schema ${version} and this version of Tollgate knows ${SCHEMA_VERSION}. ` +
        'Run the newer version that wrote it, or another --db.',
    )
  }
  for (const [index, { sql }] of MIGRATIONS.slice(0, upTo).entries()) {
    if (index < version) continue
    database.exec('BEGIN IMMEDIATE')
    database.exec(typeof sql === 'string' ? sql : sql(database))
    if (index + 1 === SCHEMA_VERSION) addKinds(database)
    database.exec(`PRAGMA user_version = ${index + 1}`)
    database.exec('COMMIT')
  }
}

/** Throws `UnusableDatabase` for a file that another version of Tollgate wrote last. */
export function requireThisSchema(database: Database, path: string) {
  const version = versionOf(database)
  if (version === SCHEMA_VERSION) return
  throw new UnusableDatabase(
    `${path} has schema ${version}, this version of Tollgate has ${SCHEMA_VERSION}. ` +
      'Start the server on it once to bring it up to date.',
  )
}

export function versionOf(database: Database): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
}
