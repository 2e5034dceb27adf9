import { dayOf, dayText } from '../ledger/day.ts'
import type { ExportRow, Waiting } from '../ledger/parcel.ts'
import type { LedgerRecord } from '../ledger/record.ts'
import { logError } from '../log.ts'
import { cutFile, lookAtFile, startOf, writeFrom } from '../runtime/files.ts'
import { makeFolderOf } from '../runtime/runtime.ts'
import { COMMITS_AT_ONCE, type Exporter, GATHER_MS, type Tries } from './exporter.ts'
import { Telling } from './trouble.ts'

/** What files need of the store. */
export type FileStore = {
  waiting(name: string, commits: number): (Waiting & { readonly from: number }) | null
  /** How long each file is by what is committed, bytes. */
  files(name: string): ReadonlyMap<string, number>
  fileOpened(name: string, file: string): Promise<void>
  written(
    name: string,
    by: { from: number; upTo: number; rows: number; bytes: ReadonlyMap<string, number> },
  ): Promise<void>
}

/** How a row is a line. */
export type Lines = { readonly head: string; readonly lineOf: (record: LedgerRecord) => string }

const RETRY_MS = 1_000

/**
 * Writes the ledger's rows into a file for each day, each row once.
 *
 * How long a file is stands in the database, and moves on in the transaction that is done with the
 * rows in it. So what a process that died had written beyond that is cut off, and written again.
 */
export class FileWriter implements Exporter {
  readonly name: string
  readonly #directory: string
  readonly #lines: Lines
  readonly #store: FileStore
  readonly #now: () => number
  readonly #telling: Telling
  #isCut = false
  #timer: ReturnType<typeof setTimeout> | null = null
  #writing: Promise<void> | null = null
  #stopped = false
  readonly #tries = { taken: 0, failed: 0, dead: 0 }

  constructor(
    { name, directory }: { readonly name: string; readonly directory: string },
    parts: { readonly store: FileStore; readonly lines: Lines; readonly now: () => number },
  ) {
    this.name = name
    this.#directory = directory
    this.#lines = parts.lines
    this.#store = parts.store
    this.#now = parts.now
    this.#telling = new Telling(name)
  }

  get tries(): Tries {
    return this.#tries
  }

  get lastFailure() {
    return this.#telling.lastFailure
  }

  wake() {
    this.#sleep(GATHER_MS)
  }

  async drain() {
    this.#look()
    await this.#writing
  }

  async stop() {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#writing
  }

  #sleep(ms: number) {
    if (this.#stopped) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#look()
    }, ms)
  }

  #look() {
    if (this.#stopped) return
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null
    })
  }

  async #writeAll() {
    try {
      this.#cutTorn()
      while (!this.#stopped) {
        const waiting = this.#store.waiting(this.name, COMMITS_AT_ONCE)
        if (waiting === null) return
        await this.#write(waiting)
        this.#tries.taken++
        this.#telling.succeeded()
      }
    } catch (error) {
      if (this.#stopped) return
      this.#tries.failed++
      const isNew = this.#telling.failed((error as Error).message, this.#now())
      const isKnown = error instanceof FileTrouble || codeOf(error) !== undefined
      if (isNew && !isKnown) logError(`the export ${this.name} failed, and not by its files`, error)
      this.#sleep(RETRY_MS)
    }
  }

  /** What a process that died has left behind the last row that counts. */
  #cutTorn() {
    if (this.#isCut) return
    for (const [file, bytes] of this.#store.files(this.name)) {
      const path = this.#pathOf(file)
      const there = lookAtFile(path)
      if (there !== null && there.bytes > bytes) cutFile(path, bytes)
    }
    this.#isCut = true
  }

  async #write({ rows, from, upTo }: Waiting & { readonly from: number }) {
    const known = new Map(this.#store.files(this.name))
    const days = Map.groupBy(rows, ({ record }) => dayText(dayOf(record.settledAt)))
    const bytes = new Map<string, number>()
    for (const [day, ofDay] of days) {
      const file = this.#fileOf(day, known)
      if (!known.has(file)) await this.#open(file)
      bytes.set(file, this.#append(file, ofDay, known.get(file) ?? 0))
    }
    await this.#store.written(this.name, { from, upTo, rows: rows.length, bytes })
  }

  /** The database has it first: a file that is there and not known is somebody else's. */
  async #open(file: string) {
    const path = this.#pathOf(file)
    const there = lookAtFile(path)
    if (there !== null && there.bytes > 0) {
      throw new FileTrouble(`${path} is there already, and not by this database: move it away`)
    }
    await this.#store.fileOpened(this.name, file)
  }

  /** Answers how long the file is then. One that was moved away begins anew. */
  #append(file: string, rows: readonly ExportRow[], bytes: number): number {
    const path = this.#pathOf(file)
    const there = lookAtFile(path)
    if (there !== null && there.bytes < bytes) {
      const what = `has ${there.bytes} bytes of the ${bytes} that were written`
      throw new FileTrouble(`${path} ${what}: put it back, or move it away`)
    }
    makeFolderOf(path)
    const offset = there === null ? 0 : bytes
    const lines = rows.map(({ record }) => this.#lines.lineOf(record)).join('')
    return writeFrom(path, offset, offset === 0 ? this.#lines.head + lines : lines)
  }

  /** The day's; another one for lines of other columns, as another version of ours writes them. */
  #fileOf(day: string, known: ReadonlyMap<string, number>): string {
    for (let part = 1; ; part++) {
      const file = `${this.name}-${day}${part === 1 ? '' : `-${part}`}.csv`
      if (this.#hasOurHead(file, known.get(file) ?? 0)) return file
    }
  }

  #hasOurHead(file: string, bytes: number): boolean {
    const path = this.#pathOf(file)
    const there = lookAtFile(path)
    if (bytes === 0 || there === null || there.bytes < bytes) return true
    const { head } = this.#lines
    return startOf(path, new TextEncoder().encode(head).length) === head
  }

  #pathOf = (file: string) => `${this.#directory}/${file}`
}

/** Files and databases say by a code what is the matter with them. */
const codeOf = (error: unknown) => (error as { code?: unknown }).code

/** What an operator puts right. */
class FileTrouble extends Error {
  override readonly name = 'FileTrouble'
}
