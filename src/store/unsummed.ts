import type { LedgerRow } from '../ledger/settlement.ts'
import type { Database, SqlRow, Statement } from '../runtime/sqlite.ts'
import { DAILY } from './daily.ts'
import type { Flush } from './flush.ts'
import { ROLLUPS } from './rollups.ts'
import { type Summable, sumWriter } from './sum-table.ts'
import type { Pending } from './transaction.ts'
import { usageIn } from './usage-in.ts'

/** The migration: all rows are in their sums. */
export const CREATE_UNSUMMED = `
  -- Rows of the ledger that are not in the sums of days and hours yet: the ids of each commit.
  CREATE TABLE unsummed (place INTEGER PRIMARY KEY, ids TEXT NOT NULL) STRICT;`

/** The rows of a commit. */
type Batch = { readonly place: number; readonly rows: readonly Summable[] }

/**
 * What is in the ledger and not yet in the sums of days and hours. A row and the note that it is
 * not in them are written in one transaction; so are, a moment later, its part in them and the end
 * of that note. Many rows together touch the same sums and the same pages: each costs 10 µs less
 * than if it were summed with its own commit. The notes on disk decide, so that a row is summed
 * once, whoever does it: this server, the next after its death, or `prune` beside it.
 */
export class Unsummed implements Pending {
  readonly #note: Statement
  readonly #end: Statement
  readonly #writers: readonly ((rows: readonly Summable[]) => void)[]
  /** Of the transaction under way. */
  #added: LedgerRow[] = []
  /** Of those before it. */
  readonly #batches: Batch[] = []
  #rows = 0
  #nextPlace: number

  /** Called when a transaction has added rows. */
  added: () => void = () => {}

  /** Told of the rows that a transaction adds, inside of it; `ids` is theirs as JSON. */
  adding: (ids: string, rows: readonly LedgerRow[]) => void = () => {}

  constructor(database: Database) {
    this.#note = database.prepare('INSERT INTO unsummed (place, ids) VALUES (?1, ?2)')
    this.#end = database.prepare('DELETE FROM unsummed WHERE place <= ?1 RETURNING place')
    this.#writers = [DAILY, ...ROLLUPS].map((table) => sumWriter(database, table))
    for (const batch of batchesIn(database)) this.#keep(batch)
    this.#nextPlace = (this.#batches.at(-1)?.place ?? 0) + 1
  }

  /** To be called in the transaction that adds the row to the ledger. */
  add(row: LedgerRow) {
    this.#added.push(row)
  }

  get length(): number {
    return this.#added.length
  }

  cutTo(length: number) {
    this.#added.length = length
  }

  write() {
    if (this.#added.length === 0) return
    const ids = JSON.stringify(this.#added.map(({ id }) => id))
    this.#note.run(this.#nextPlace, ids)
    this.adding(ids, this.#added)
  }

  committed() {
    if (this.#added.length === 0) return
    this.#keep({ place: this.#nextPlace++, rows: this.#added })
    this.#added = []
    this.added()
  }

  /** How many rows there are, of transactions that are committed. */
  get rows(): number {
    return this.#rows
  }

  /**
   * Sums up the oldest, so many rows or a few more. To be called inside a transaction; answers what
   * `summed` is to be told when that is committed.
   */
  sumUp(most = Number.POSITIVE_INFINITY): number {
    let rows = 0
    const oldest: Batch[] = []
    for (const batch of this.#batches) {
      if (rows >= most) break
      oldest.push(batch)
      rows += batch.rows.length
    }
    const upTo = oldest.at(-1)?.place ?? 0
    const due = new Set(this.#end.all(upTo).map(({ place }) => place))
    const summable = oldest.flatMap(({ place, rows }) => (due.has(place) ? rows : []))
    if (summable.length > 0) for (const write of this.#writers) write(summable)
    return upTo
  }

  summed(upTo: number) {
    while (this.#batches.length > 0 && this.#batches[0]!.place <= upTo) {
      this.#rows -= this.#batches.shift()!.rows.length
    }
  }

  #keep(batch: Batch) {
    this.#batches.push(batch)
    this.#rows += batch.rows.length
  }
}

/** Sums up what an earlier process has left, or another one is about to. */
export function sumUpIn(database: Database) {
  database.exec('BEGIN IMMEDIATE')
  new Unsummed(database).sumUp()
  database.exec('COMMIT')
}

/** Rows are summed up when they are so many, or so old, milliseconds: it takes some 3 ms. */
const DUE_ROWS = 256
const DUE_MS = 250

/** Sums rows up in time; `now` is for who is about to read sums. */
export function summing(
  unsummed: Unsummed,
  flush: Pick<Flush, 'soon' | 'now' | 'isHealthy'>,
): { readonly now: () => void; readonly stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | null = null
  /** How many rows are to be summed up by what is queued; 0: nothing is. */
  let queued = 0
  const queue = (most: number) => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    queued = most
    flush.soon(
      () => unsummed.sumUp(most),
      (upTo: number) => {
        unsummed.summed(upTo)
        queued = 0
        if (unsummed.rows > 0) look()
      },
    )
  }
  const look = () => {
    if (queued > 0) return
    if (unsummed.rows >= DUE_ROWS) queue(DUE_ROWS)
    else timer ??= setTimeout(queue, DUE_MS, DUE_ROWS)
  }
  const now = () => {
    if (unsummed.rows === 0) return
    // While the disk takes nothing, what is queued stays so, however often somebody asks.
    if (queued < Number.POSITIVE_INFINITY) queue(Number.POSITIVE_INFINITY)
    try {
      flush.now()
    } catch (error) {
      // Somebody holds the file for a moment: what is told is as it was a moment ago.
      if (!flush.isHealthy) throw error
    }
  }
  unsummed.added = look
  if (unsummed.rows > 0) look()
  return {
    now,
    stop() {
      unsummed.added = () => {}
      queue(Number.POSITIVE_INFINITY)
      if (timer !== null) clearTimeout(timer)
    },
  }
}

/** A database of which every read is of sums that are up to date. */
export const afterSums = (database: Database, sumUp: () => void): Database => ({
  ...database,
  prepare(sql) {
    const { run, get, all } = database.prepare(sql)
    const after =
      <Given extends unknown[], Read>(read: (...given: Given) => Read) =>
      (...given: Given) => {
        sumUp()
        return read(...given)
      }
    return { run, get: after(get), all: after(all) }
  },
})

function batchesIn(database: Database): Batch[] {
  const rowOf = database.prepare('SELECT * FROM ledger WHERE id = ?1')
  return database
    .prepare('SELECT place, ids FROM unsummed ORDER BY place')
    .all()
    .map(({ place, ids }) => {
      const rows = (JSON.parse(ids as string) as string[]).map((id) => rowOf.get(id))
      return {
        place: place as number,
        rows: rows.filter((row) => row !== null).map(summable),
      }
    })
}

const summable = (row: SqlRow): Summable => ({
  tab: row['tab'] as number | null,
  keyId: row['key_id'] as number | null,
  model: row['model'] as string,
  deployment: row['deployment'] as string,
  outcome: row['outcome'] as LedgerRow['outcome'],
  usage: usageIn(row),
  cost: row['cost'] as LedgerRow['cost'],
  charge: row['charge'] as LedgerRow['charge'],
  counted: row['counted'] as LedgerRow['counted'],
  freeTokens: row['free_tokens'] as number,
  freeMoney: row['free_money'] as LedgerRow['freeMoney'],
  settledAt: row['settled_at'] as number,
})
