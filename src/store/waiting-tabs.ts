import type { LedgerRow } from '../ledger/settlement.ts'
import type { Summable } from './sum-table.ts'

/** A row of the ledger, as far as sums need it. */
export type Charged = {
  readonly row: Summable & Pick<LedgerRow, 'id'>
  /** Of the period that its charge counts in, milliseconds; null: it is not known here. */
  readonly periodStart: number | null
}

/** Rows of a tab, in the order of their commits. */
type Waiting = {
  /** Of the first. */
  readonly place: number
  /** On the clock of `performance`. */
  readonly since: number
  readonly rows: Charged[]
}

/** Of tabs that are to be summed up, and of their rows. */
type Most = { readonly tabs: number; readonly rows: number }

/** A tab with so many rows is full: to sum it up takes 0.5 ms, in which nobody has a turn. */
const ROWS_OF_FULL = 64

/** Committed rows that wait to be summed up, by tab: that which has waited longest is the first. */
export class WaitingTabs {
  readonly #tabs = new Map<number, Waiting>()
  readonly #full = new Set<number>()

  get size(): number {
    return this.#tabs.size
  }

  has(tab: number): boolean {
    return this.#tabs.has(tab)
  }

  rowsOn(tab: number): readonly Charged[] {
    return this.#tabs.get(tab)?.rows ?? []
  }

  all(): IterableIterator<number> {
    return this.#tabs.keys()
  }

  *rows(): Generator<Charged['row']> {
    for (const { rows } of this.#tabs.values()) for (const { row } of rows) yield row
  }

  /** The place of the first row; null: none waits. */
  get firstPlace(): number | null {
    const [first] = this.#tabs.values()
    return first?.place ?? null
  }

  /** Those on which many rows wait: to be summed up before those that have waited longer. */
  get full(): ReadonlySet<number> {
    return this.#full
  }

  /** So many tabs, those that have waited longest. */
  oldest(many: number): number[] {
    return this.due(Number.POSITIVE_INFINITY, { tabs: many, rows: Number.POSITIVE_INFINITY })
  }

  /** The first part of those that have waited since before a moment (`performance`). */
  due(before: number, most: Most): number[] {
    const [first = []] = this.parts(most, before)
    return first
  }

  /**
   * All that have waited since a moment (`performance`) or longer, the longest first, in parts: of
   * no more than so many tabs, and of none more once so many rows are theirs. What is gone when a
   * part is made is not in it.
   */
  *parts(most: Most, since = Number.POSITIVE_INFINITY): Generator<number[]> {
    let part: number[] = []
    let rows = 0
    for (const [tab, waiting] of this.#tabs) {
      if (waiting.since > since) break
      part.push(tab)
      rows += waiting.rows.length
      if (part.length < most.tabs && rows < most.rows) continue
      yield part
      part = []
      rows = 0
    }
    if (part.length > 0) yield part
  }

  keep(charged: Charged, place: number) {
    const tab = charged.row.tab!
    const waiting = this.#tabs.get(tab)
    if (waiting === undefined) {
      this.#tabs.set(tab, { place, since: performance.now(), rows: [charged] })
    } else {
      waiting.rows.push(charged)
      if (waiting.rows.length >= ROWS_OF_FULL) this.#full.add(tab)
    }
  }

  remove(tab: number) {
    this.#tabs.delete(tab)
    this.#full.delete(tab)
  }
}
