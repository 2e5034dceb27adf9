import { isDeno } from './runtime.ts'
import type { SqlRow } from './sqlite.ts'

/** A further connection to a database, on a thread of its own: it may take long there. */
export type DatabaseThread = {
  /** Runs a statement without values and answers its first row. Rejects with what SQLite says. */
  get(sql: string): Promise<SqlRow | null>
  close(): void
}

/** What the thread runs, as text: so it is in the bundle and in the executable alike. */
const OPEN = isDeno
  ? `import { DatabaseSync } from 'node:sqlite'
     const opened = (path) => new DatabaseSync(path)`
  : `import { Database } from 'bun:sqlite'
     const opened = (path) => new Database(path, { readwrite: true })`
const PROGRAM = `${OPEN}
  let database
  self.onmessage = ({ data: { path, sql } }) => {
    try {
      database ??= opened(path)
      self.postMessage({ row: database.prepare(sql).get() ?? null })
    } catch (error) {
      self.postMessage({ error: String(error) })
    }
  }`

/** Opens the database on a thread when it is first asked for something. */
export function openOnThread(path: string): DatabaseThread {
  const type = 'application/javascript'
  const url = URL.createObjectURL(new Blob([PROGRAM], { type }))
  const worker = new Worker(url, { type: 'module' })
  const waiting: PromiseWithResolvers<SqlRow | null>[] = []
  worker.onmessage = ({ data: { row, error } }) => {
    const first = waiting.shift()
    if (error === undefined) first?.resolve(row)
    else first?.reject(new Error(error))
  }
  const fail = (why: unknown) => {
    for (const { reject } of waiting.splice(0)) reject(why)
  }
  worker.onerror = (event) => {
    event.preventDefault()
    fail(new Error(event.message))
  }
  return {
    get(sql) {
      const asked = Promise.withResolvers<SqlRow | null>()
      waiting.push(asked)
      worker.postMessage({ path, sql })
      return asked.promise
    },
    close() {
      worker.terminate()
      URL.revokeObjectURL(url)
      fail(new Error('closed'))
    },
  }
}
