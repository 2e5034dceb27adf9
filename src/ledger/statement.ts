import type { CreditEntry } from './credit.ts'
import type { Nanos } from './money.ts'

/** What happened to a customer's wallet in a time, to the nano-dollar. */
export type WalletStatement = {
  /** The balance at its beginning, and at its end. */
  readonly opening: Nanos
  readonly closing: Nanos
  /** Signed sums of the movements in it, by kind. */
  readonly sums: Readonly<Record<CreditEntry['kind'], Nanos>>
  /** The movements that are no call's, oldest first. */
  readonly entries: readonly CreditEntry[]
}

/** A row of the ledger that is no call. */
export type StatedCorrection = {
  readonly at: number
  readonly amount: Nanos
  /** Null: the spend was set by hand. */
  readonly reason: string | null
  /** The row that it puts right; null: none. */
  readonly callId: string | null
}
