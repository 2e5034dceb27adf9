import { Refusal } from '../errors.ts'
import type { ExportRow, ExportState, NewParcel, Parcel, Plan, Waiting } from '../ledger/parcel.ts'
import type { Database } from '../runtime/sqlite.ts'
import { exportQueue } from './export-queue.ts'
import { type DeadParcel, type DeadQuery, exportTable } from './export-table.ts'
import type { Flush } from './flush.ts'
import { records } from './records.ts'
import type { Unsummed } from './unsummed.ts'

/** Changed in one transaction; between two, charges get their turn. */
const REPLAYED_AT_ONCE = 500

/** What the rest may ask of what goes to billing systems: reads at once, writes by flush. */
export type Exports = ReturnType<typeof exports>

export function exports(
  database: Database,
  parts: { readonly flush: Flush; readonly unsummed: Unsummed; readonly now: () => number },
) {
  const { flush, unsummed, now } = parts
  const table = exportTable(database)
  const queue = exportQueue(database)
  const ledger = records(database, null)
  unsummed.adding = queue.add

  return {
    ...reading(table, (ids) => ledger.withTabs(ids)),
    ...parcels(table, flush, now),
    ...byHand(table, { flush, now, look: queue.look }),

    /** Calls `told` when rows were booked: soon after, they are committed. */
    onAdded: (told: () => void) => {
      queue.added = told
    },

    /**
     * Takes up those that are not known yet: what is booked from now on is theirs, and what has
     * settled since a moment. Throws a `RangeError` for a name that is known as another type.
     */
    begin: (wanted: readonly { name: string; type: string; since: number | null }[]) =>
      flush.attempt(() => {
        const known = new Map(table.all().map(({ name, type }) => [name, type]))
        for (const exporter of wanted) {
          const type = known.get(exporter.name)
          if (type === undefined) table.begin(exporter, now())
          else if (type !== exporter.type) throw new RangeError(otherType(exporter, type))
        }
      }, queue.look),
  }
}

const otherType = ({ name, type }: { name: string; type: string }, known: string): string =>
  `The export ${name} is of type ${known} in the database and of type ${type} in the config. ` +
  `Give the new one another name; POST /exports/discard forgets the old one.`

const reading = (
  table: ReturnType<typeof exportTable>,
  rowsOf: (ids: readonly string[]) => ExportRow[],
) => ({
  /** Rows that are in no parcel of an exporter yet: of so many commits. Null: none. */
  waiting(name: string, commits: number): (Waiting & { readonly from: number }) | null {
    const from = table.cursor(name)
    const found = from === null ? [] : table.waiting(name, from, commits)
    if (from === null || found.length === 0) return null
    const rows = rowsOf(found.flatMap(({ ids }) => ids))
    return { rows, from, upTo: found.at(-1)!.place }
  },
  rowsOf,
  due: (name: string, at: number, limit: number): Parcel[] => table.due(name, at, limit),
  nextDueAfter: (name: string, at: number) => table.nextDueAfter(name, at),
  pendingParcels: (name: string, most: number) => table.countOf(name, 'pending', most).parcels,
  restOf: (name: string, meter: string, tab: number) => table.restOf(name, meter, tab),
  metadataOf: (tab: number) => table.metadataOf(tab),
  files: (name: string) => table.files(name),
  /** By name, also of those that the config has no more. */
  states: (): readonly ExportState[] => table.states(),
  dead: (query: DeadQuery): readonly DeadParcel[] => table.dead(query),
})

/** What becomes of rows and parcels. */
const parcels = (table: ReturnType<typeof exportTable>, flush: Flush, now: () => number) => ({
  /** Puts rows into parcels, and is done with them. */
  planned: (name: string, by: { from: number; upTo: number }, plan: Plan) =>
    flush.enqueue(() => {
      if (!table.advance(name, { ...by, skipped: plan.skipped })) return
      for (const parcel of plan.parcels) table.addParcel(name, parcel, now())
      table.keepRests(name, plan)
    }),
  taken: (name: string, { id, events }: Pick<Parcel, 'id' | 'events'>) =>
    flush.enqueue(() => {
      table.removeParcel(id)
      table.sent(name, events, now())
    }),
  postponed: (
    id: number,
    by: { dueAt: number; error: string; unsureSince: number | null },
  ): Promise<void> => flush.enqueue(() => table.postpone(id, by.dueAt, by.error, by.unsureSince)),
  buried: (id: number, error: string) => flush.enqueue(() => table.bury(id, error)),
  /** Several in place of one. */
  split: (name: string, id: number, parts: readonly NewParcel[]) =>
    flush.enqueue(() => {
      table.removeParcel(id)
      for (const part of parts) table.addParcel(name, part, now())
    }),
  /** Makes known how long a file is before anything is written into it. */
  fileOpened: (name: string, file: string) => flush.enqueue(() => table.setFile(name, file, 0)),
  /** Rows are in their files, which are so long now. */
  written: (
    name: string,
    by: { from: number; upTo: number; rows: number; bytes: ReadonlyMap<string, number> },
  ) =>
    flush.enqueue(() => {
      if (!table.advance(name, { ...by, skipped: 0 })) return
      for (const [file, bytes] of by.bytes) table.setFile(name, file, bytes)
      table.sent(name, by.rows, now())
    }),
})

/** What an operator asks for. */
const byHand = (
  table: ReturnType<typeof exportTable>,
  { flush, now, look }: { flush: Flush; now: () => number; look: () => void },
) => ({
  /** Sends dead parcels of an exporter again: these, or all. Answers how many. */
  async replay(name: string, ids: readonly number[] | null): Promise<number> {
    const revive = (some: readonly number[]) =>
      flush.attempt(() => some.filter((id) => table.revive(name, id, now())).length)
    if (ids !== null) return revive(ids)
    const last = table.lastParcel()
    for (let replayed = 0; ; ) {
      const some = table.deadOf(name, last, REPLAYED_AT_ONCE)
      if (some.length === 0) return replayed
      replayed += await revive(some)
    }
  },
  /** Forgets what is dead of an exporter. Answers how many parcels. */
  discardDead: (name: string) => flush.attempt(() => table.removeDead(name)),
  /** Forgets an exporter and all that waits for it. Throws `not_found`. Answers what waited. */
  discard: (name: string): Promise<ExportState> =>
    flush.attempt(() => {
      const state = table.states().find((known) => known.name === name)
      if (state === undefined) throw new Refusal('not_found', `No export '${name}'`)
      table.remove(name)
      return state
    }, look),
})
