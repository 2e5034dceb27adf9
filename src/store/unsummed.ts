import { type Nanos, nanos } from '../ledger/money.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import type { Database, SqlRow, Statement } from '../runtime/sqlite.ts'
import { addKinds, DAILY } from './daily.ts'
import { chargedBetween } from './pruned.ts'
import { ROLLUPS } from './rollups.ts'
import { gathered, type Summable, sumWriter } from './sum-table.ts'
import { tabRowWriter } from './tab-rows.ts'
import type { Pending } from './transaction.ts'
import { usageIn } from './usage-in.ts'
import { type Charged, WaitingTabs } from './waiting-tabs.ts'

/** The migration: all rows are in their sums. */
export const CREATE_UNSUMMED = `
  -- Rows of the ledger that are not in the sums of days and hours yet: the ids of each commit.
  CREATE TABLE unsummed (place INTEGER PRIMARY KEY, ids TEXT NOT NULL) STRICT;`

/** The migration: of a customer's rows those are unsummed whose place is above `summed`. */
export function createSummedByTab(database: Database): string {
  const rowOf = database.prepare('SELECT * FROM ledger WHERE id = ?1')
  const ids = database.prepare('SELECT value AS id FROM unsummed, json_each(unsummed.ids)').all()
  const rows = ids.map(({ id }) => rowOf.get(id!)).filter((row) => row !== null)
  // They were in the sums of their customers. A kind of usage that came later has no column yet.
  addKinds(database)
  adder(database)(rows.map(summable))
  return `
    DELETE FROM unsummed;
    ALTER TABLE customers ADD COLUMN summed INTEGER NOT NULL DEFAULT 0;`
}

type Counting = { readonly since: number; readonly until?: number; readonly model?: string }

/** What a transaction does, in order: a row is added, or all of some tabs are summed up. */
type Done = Charged | { readonly summed: ReadonlySet<number> }

/**
 * What is in the ledger and not yet in the sums of its customer, its day and its hour, nor among
 * the rows of its tab (`tab-rows.ts`). A row and the note that it is not in them are written in one
 * transaction. A moment later all that waits on a tab is added up and written as one, with the
 * place up to which that tab is summed: a customer that calls ten times meanwhile costs the disk a
 * tenth, and what a commit has to write is one row at the end of a table. Of a dead process's rows
 * the notes and places tell which are to be summed. Only who holds the lock on the database sums.
 */
export class Unsummed implements Pending {
  readonly #note: Statement
  readonly #forget: Statement
  readonly #charge: Statement
  readonly #addToTabs: (rows: readonly Charged['row'][]) => void
  readonly #addUp: (rows: readonly Summable[]) => void
  /** By the transaction under way. */
  #done: Done[] = []
  /** Of `#done`, what its notes are of: made at the end of the transaction. */
  #noted: Charged[] = []
  /** By those before it. */
  readonly tabs = new WaitingTabs()
  #nextPlace = 1
  #forgotten = 0

  /** Called when a transaction has left rows to be summed up. */
  left: () => void = () => {}

  /** Told of the rows that a transaction adds, inside of it. */
  adding: (rows: readonly Charged['row'][]) => void = () => {}

  constructor(database: Database) {
    this.#note = database.prepare('INSERT INTO unsummed (place, ids) VALUES (?1, ?2)')
    this.#forget = database.prepare('DELETE FROM unsummed WHERE place < ?1')
    // A cached sum is good only for the period it began in: at the first charge of another period
    // it is summed anew, by the rows. All that wait are summed at once, so none is counted twice.
    const start = 'coalesce(?2, period_start)'
    this.#charge = database.prepare(`
      UPDATE customers SET
        spent = CASE WHEN ?5 AND period_start = ${start} THEN spent + ?4
          ELSE ${chargedBetween('tab', { of: '?1', since: start })} END,
        told = CASE WHEN period_start = ${start} THEN told ELSE '[]' END,
        total_spent = total_spent + ?3,
        period_start = ${start},
        summed = ?6
      WHERE tab = ?1`)
    this.#addToTabs = tabRowWriter(database)
    this.#addUp = adder(database)
    this.#load(database)
  }

  /** To be called in the transaction that adds the row to the ledger. */
  add(row: LedgerRow, periodStart: number | null) {
    this.#done.push({ row, periodStart })
  }

  get length(): number {
    return this.#done.length
  }

  cutTo(length: number) {
    this.#done.length = length
  }

  write() {
    const added = this.#done.filter((done) => 'row' in done).map(({ row }) => row)
    if (added.length === 0) return
    const left = this.#left()
    const onNoTab = left.filter(({ row }) => row.tab === null).map(({ row }) => row)
    if (onNoTab.length > 0) {
      this.#addToTabs(onNoTab)
      this.#addUp(onNoTab)
    }
    this.#noted = left.filter(({ row }) => row.tab !== null)
    if (this.#noted.length > 0) {
      this.#note.run(this.#nextPlace, JSON.stringify(this.#noted.map(({ row }) => row.id)))
    }
    this.#forgetNotes()
    this.adding(added)
  }

  committed() {
    for (const done of this.#done) {
      if (!('summed' in done)) continue
      for (const tab of done.summed) this.tabs.remove(tab)
    }
    for (const charged of this.#noted) this.tabs.keep(charged, this.#nextPlace)
    if (this.#noted.length > 0) this.#nextPlace++
    this.#done = []
    this.#noted = []
    if (this.tabs.size > 0) this.left()
  }

  /**
   * What waits on a tab to be added to its sums: of all charges, and of what counts in the period
   * that began at a moment; null: what waits is of another, or nobody knows of which.
   */
  on(tab: number, periodStart: number): { readonly charge: Nanos; readonly counted: Nanos | null } {
    let [charge, counted, isOfIt] = [0, 0, true]
    for (const { row, periodStart: of } of this.#waitingOn(tab)) {
      charge += row.charge
      counted += row.counted
      if (of !== periodStart && !isNothing(row)) isOfIt = false
    }
    return { charge: nanos(charge), counted: isOfIt ? nanos(counted) : null }
  }

  /** What counts of what waits on a tab: from `since` on and before `until`, milliseconds. */
  countedOn(tab: number, { since, until = Number.POSITIVE_INFINITY, model }: Counting): Nanos {
    let counted = 0
    for (const { row } of this.#waitingOn(tab)) {
      const isIn = row.settledAt >= since && row.settledAt < until
      if (isIn && (model === undefined || row.model === model)) counted += row.counted
    }
    return nanos(counted)
  }

  /**
   * Sums up all that waits on some tabs, or on all, with what the transaction under way has added.
   * To be called inside it.
   */
  sum(tabs: Iterable<number> = this.#allTabs()) {
    const summed = new Set<number>()
    const rows: Summable[] = []
    for (const tab of tabs) {
      const ofTab = this.#waitingOn(tab)
      if (ofTab.length === 0) continue
      const rowsOfTab = ofTab.map(({ row }) => row)
      // First of all: what was charged in a period is summed from there.
      this.#addToTabs(rowsOfTab)
      this.#chargeTab(tab, ofTab)
      summed.add(tab)
      rows.push(...rowsOfTab)
    }
    if (rows.length === 0) return
    this.#addUp(rows)
    this.#done.push({ summed })
  }

  #allTabs(): Iterable<number> {
    const own = this.#left().map(({ row }) => row.tab)
    return new Set([...this.tabs.all(), ...own.filter((tab) => tab !== null)])
  }

  #waitingOn(tab: number): readonly Charged[] {
    let rows = this.tabs.rowsOn(tab)
    for (const done of this.#done) {
      if ('row' in done) rows = done.row.tab === tab ? [...rows, done] : rows
      else if (done.summed.has(tab)) rows = []
    }
    return rows
  }

  /** Rows that no later sum of the transaction has taken up. */
  #left(): Charged[] {
    const summed = new Set<number | null>()
    const left: Charged[] = []
    for (const done of this.#done.toReversed()) {
      if ('summed' in done) for (const tab of done.summed) summed.add(tab)
      else if (!summed.has(done.row.tab)) left.push(done)
    }
    return left.reverse()
  }

  #chargeTab(tab: number, waiting: readonly Charged[]) {
    const periodStart = waiting.findLast((of) => of.periodStart !== null)?.periodStart ?? null
    let [charge, counted, isKnown] = [0, 0, true]
    for (const { row, periodStart: of } of waiting) {
      charge += row.charge
      if (of === periodStart) counted += row.counted
      if (of === null && !isNothing(row)) isKnown = false
    }
    const place = this.#nextPlace - 1
    this.#charge.run(tab, periodStart, charge, counted, isKnown ? 1 : 0, place)
  }

  /** The last stays, so that places go on from there. */
  #forgetNotes() {
    const needed = this.tabs.firstPlace ?? this.#nextPlace - 1
    if (needed - this.#forgotten < NOTES_KEPT) return
    this.#forget.run(needed)
    this.#forgotten = needed
  }

  #load(database: Database) {
    const rowOf = database.prepare(`
      SELECT ledger.*, summed FROM ledger JOIN customers USING (tab) WHERE ledger.id = ?1`)
    for (const { place, ids } of database.prepare('SELECT * FROM unsummed ORDER BY place').all()) {
      this.#nextPlace = (place as number) + 1
      for (const id of JSON.parse(ids as string) as string[]) {
        const row = rowOf.get(id)
        if (row !== null && (place as number) > (row['summed'] as number)) {
          this.tabs.keep({ row: summable(row), periodStart: null }, place as number)
        }
      }
    }
  }
}

const isNothing = ({ charge, counted }: Summable): boolean => charge === 0 && counted === 0

/** Notes are forgotten so many at a time. */
const NOTES_KEPT = 64

/** Makes what adds rows to the sums of their days and hours. */
function adder(database: Database): (rows: readonly Summable[]) => void {
  const writers = [DAILY, ...ROLLUPS].map((table) => sumWriter(database, table))
  return (rows) => {
    const all = gathered(rows)
    for (const write of writers) write(all)
  }
}

/** Sums up what an earlier process has left. */
export function sumUpIn(database: Database) {
  database.exec('BEGIN IMMEDIATE')
  new Unsummed(database).sum()
  database.exec('COMMIT')
}

const summable = (row: SqlRow): Charged['row'] => ({
  id: row['id'] as string,
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
