import type { Config } from './config.ts'
import { type Field, type MapField, numberWithin, type Reader, shownText } from './reader.ts'

/** What the command line says; `undefined`: it does not. */
export type Flags = {
  readonly config?: string | undefined
  readonly port?: string | undefined
  readonly host?: string | undefined
  readonly db?: string | undefined
  readonly logFormat?: string | undefined
}

const A_DAY_SECONDS = 86_400
const PORT = 'a whole number from 0 to 65535'
const PORT_BOUNDS = { min: 0, max: 65_535, isWhole: true }

const HOST = /^[^\s/]+$/
const A_HOST = 'an address of this machine, such as 127.0.0.1'

type Listening = Pick<
  Config,
  'host' | 'port' | 'databasePath' | 'durability' | 'shutdownTimeoutMs' | 'failedAuthLimit'
>

/** Where the server listens and keeps its books: flags over environment over file. */
export function readListening(
  reader: Reader,
  flags: Flags,
  { general, tollgate }: { general: MapField | null; tollgate: MapField | null },
): Listening {
  // The file's are read even if another one counts, so that a mistake there is told.
  const portField = reader.field(tollgate, 'port')
  const filePort = reader.number(portField, PORT, PORT_BOUNDS)
  const hostField = reader.field(tollgate, 'host')
  const fileHost = reader.text(hostField)
  if (hostField !== null && fileHost !== null && !HOST.test(fileHost)) {
    reader.wrong(hostField, A_HOST)
  }
  const filePath = reader.text(reader.field(tollgate, 'database'))
  const urlPath = readDatabaseUrl(reader, reader.field(general, 'database_url'))

  const durabilityField = reader.field(tollgate, 'durability')
  const durability = reader.word(durabilityField, ['process', 'power'] as const)

  const timeout = reader.field(tollgate, 'shutdown_timeout')
  const seconds = `a number of seconds from 0 to ${A_DAY_SECONDS}`
  const shutdownTimeout = reader.number(timeout, seconds, { min: 0, max: A_DAY_SECONDS })
  const attempts = reader.field(tollgate, 'failed_auth_limit')
  const failedAuthLimit = reader.number(attempts, 'a whole number from 0 to 1000000', {
    min: 0,
    max: 1_000_000,
    isWhole: true,
  })
  return {
    port: givenPort(reader, flags) ?? filePort ?? 4000,
    host: givenHost(reader, flags) ?? fileHost ?? '127.0.0.1',
    databasePath: givenPath(reader, flags) ?? filePath ?? urlPath ?? './tollgate.db',
    durability: durability ?? 'process',
    shutdownTimeoutMs: Math.round((shutdownTimeout ?? 30) * 1000),
    failedAuthLimit: failedAuthLimit ?? 20,
  }
}

function givenPort(reader: Reader, { port }: Flags): number | null {
  const text = port ?? reader.environment('PORT')?.text
  if (text === undefined) return null
  return numberWithin(text, PORT_BOUNDS) ?? wrong(reader, port, ['--port', 'PORT', PORT])
}

function givenHost(reader: Reader, { host }: Flags): string | null {
  const text = host ?? reader.environment('HOST')?.text
  if (text === undefined || HOST.test(text)) return text ?? null
  return wrong(reader, host, ['--host', 'HOST', A_HOST])
}

function givenPath(reader: Reader, { db }: Flags): string | null {
  const url = reader.environment('DATABASE_URL')?.text
  const path = db ?? (url === undefined ? null : sqlitePath(url))
  if (path !== null && path !== '') return path
  if (url === undefined && db === undefined) return null
  const right = 'sqlite:PATH, such as sqlite:./tollgate.db (there is no other database yet)'
  if (db === undefined) return reader.wrongVariable('DATABASE_URL', right)
  return wrong(reader, db, ['--db', 'DATABASE_URL', 'the path of a file'])
}

/** Reports the flag if it was given, else the variable. */
function wrong(
  reader: Reader,
  flagged: string | undefined,
  [flag, variable, mustBe]: readonly [string, string, string],
): null {
  if (flagged === undefined) return reader.wrongVariable(variable, mustBe)
  reader.report.problem(0, `${flag} must be ${mustBe}, got ${shownText(flagged)}`)
  return null
}

/** LiteLLM's is a PostgreSQL server, whose address has the password in it: never shown. */
function readDatabaseUrl(reader: Reader, field: Field | null): string | null {
  const url = reader.text(field)
  if (field === null || url === null) return null
  const path = sqlitePath(url)
  if (path === null) {
    const what = 'is not sqlite:PATH and has no effect: the books are kept in SQLite'
    reader.report.warning(field.setting.line, `${field.name} ${what}`)
  }
  return path
}

/** Null when it is not `sqlite:PATH`, which may also be written `sqlite://PATH`. */
function sqlitePath(url: string): string | null {
  return /^sqlite:(?:\/\/)?(.+)$/i.exec(url.trim())?.[1] ?? null
}
