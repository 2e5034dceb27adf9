import type { LedgerRecord } from './record.ts'

/** A row of the ledger on its way to a billing system. */
export type ExportRow = {
  readonly record: LedgerRecord
  /** Null: the call named no customer. */
  readonly tab: number | null
}

/** What goes to a billing system in one request, as it is put together from rows. */
export type NewParcel = {
  /** Events in it. */
  readonly events: number
  /** Parcels of one lane go one after the other. Null: it waits for none. */
  readonly lane: string | null
  /** JSON, known to its exporter alone. */
  readonly content: string
  /** When the first of its rows settled, milliseconds. */
  readonly queuedAt: number
}

export type Parcel = NewParcel & {
  readonly id: number
  /** Tries since it was put together or replayed. */
  readonly attempts: number
  /** Since when it is not known whether the receiver has counted it, milliseconds; null: it is. */
  readonly unsureSince: number | null
  /** Of the last try that failed. */
  readonly error: string | null
}

/** What is left of a customer's sum because a meter counts in whole units only. */
export type Rest = { readonly meter: string; readonly tab: number; readonly rest: number }

/** Parcels made of some rows. */
export type Plan = {
  readonly parcels: readonly NewParcel[]
  /** Those that have changed. */
  readonly rests: readonly Rest[]
  /** Rows that are nobody's, and so not sent. */
  readonly skipped: number
}

/** Rows that wait for an exporter, in the order in which they were committed. */
export type Waiting = {
  readonly rows: readonly ExportRow[]
  /** The place of the last of them. */
  readonly upTo: number
}

/** How far an exporter is. */
export type ExportState = {
  readonly name: string
  readonly type: string
  /** As it was when it began, milliseconds. */
  readonly since: number | null
  /** Rows that are in no parcel yet, and events in parcels that were not taken; both bounded. */
  readonly waitingRows: number
  readonly pendingEvents: number
  /** Parcels given up. */
  readonly dead: number
  /** Events that were taken since it began. */
  readonly sent: number
  /** Rows that named no customer. */
  readonly skipped: number
  /** When the oldest of what waits settled, milliseconds; null: nothing waits. */
  readonly oldestAt: number | null
  /** When something was taken last, milliseconds; null: never. */
  readonly sentAt: number | null
}
