import type { VirtualKey } from './key.ts'
import type { Nanos } from './money.ts'
import type { LedgerRow, Outcome } from './settlement.ts'

/** How reports name the virtual key of a call, as it is now; null: the master key. */
export type NamedKey = Pick<VirtualKey, 'hash' | 'alias' | 'labels'>

/** A row of the ledger as reports show it. */
export type LedgerRecord = Omit<LedgerRow, 'tab' | 'keyId'> & {
  readonly key: NamedKey | null
  /** The number of `card`; null: none. */
  readonly cardVersion: number | null
  /** Not given: it puts no single row right. */
  readonly corrects?: Corrects
}

/** Which row a correction puts right, together with which others, and why. */
export type Corrects = { readonly id: string; readonly batch: string; readonly reason: string }

/** Which rows; null: any. A customer's are those of all its tabs, also of deleted ones. */
export type RecordFilter = {
  readonly customerId: string | null
  /** Its hash; a hash of null is the master key. */
  readonly key: { readonly hash: string | null } | null
  readonly model: string | null
  readonly outcome: Outcome | null
  /** Settled from here on and before there, milliseconds. */
  readonly from: number
  readonly until: number
}

export type RecordOrder = 'oldest first' | 'newest first'

/** A few rows out of many, in order. */
export type RecordSlice = {
  /** Those that fit the filter. */
  readonly records: readonly LedgerRecord[]
  /** How many were looked at, and the id of the last of them: where the next slice begins. */
  readonly looked: number
  readonly lastId: string
}

/** What was used on a day by one customer with one key of one deployment. */
export type DailySum = {
  /** Null: calls that named no customer. */
  readonly customerId: string | null
  readonly key: NamedKey | null
  /** As clients asked for it. Empty, as the deployment: corrections, which are no calls. */
  readonly model: string
  readonly deployment: string
  readonly calls: number
  /** Of these, those that an upstream failed. */
  readonly failedCalls: number
  /** Tokens by kind (`metering/usage.ts`). */
  readonly usage: Readonly<Record<string, number>>
  readonly cost: Nanos
  readonly charge: Nanos
}

/** What was used of one model. Of a customer's own, so without what it costs the operator. */
export type ModelSum = Pick<DailySum, 'model' | 'calls' | 'failedCalls' | 'usage' | 'charge'>

/** Which sums; null: any. */
export type DailyFilter = Pick<RecordFilter, 'key' | 'model'> & {
  readonly customerIds: readonly string[] | null
}

/** What charts show of calls, in nano-dollars and counts; sums, and no longer single calls. */
export type Measures = {
  readonly calls: number
  /** Of these, those that an upstream failed. */
  readonly failedCalls: number
  readonly input: number
  readonly output: number
  readonly cost: number
  readonly charge: number
}

/** Buckets of a series, days or hours since the epoch, both ends included. */
export type SeriesRange = {
  readonly first: number
  readonly last: number
  /** In a bucket: 24 or 1. */
  readonly hours: 24 | 1
}

/** What is in a bucket of a series, or a part of it. */
export type Slot = Measures & {
  readonly bucket: number
  /** Empty: corrections, or of any model. */
  readonly model: string
}

/** One of those who were charged most. */
export type TopCustomer = {
  /** Empty: calls that named nobody. */
  readonly id: string
  readonly alias: string | null
  readonly tabs: readonly number[]
  readonly charge: number
  /** By day. */
  readonly slots: readonly Slot[]
}
