import type { Counts } from './budget.ts'
import type { LedgerRow } from './settlement.ts'
import type { StoredResponse } from './stored-response.ts'

/**
 * A call under way, as it is written down for the case that the process dies: the next start makes
 * a ledger row of it.
 */
export type OpenCall = Pick<
  LedgerRow,
  'id' | 'tab' | 'customerId' | 'keyId' | 'model' | 'deployment' | 'startedAt'
> & {
  /** The prices that apply, as JSON, or `UNPRICED`. */
  readonly price: string
  /** As in its row. */
  readonly card: string | null
  /** What of it counts on its customer's budget. */
  readonly counts: Counts
  /** Null: the call came without an `Idempotency-Key`. */
  readonly repeat: Repeat | null
  /** Tokens of the prompt, once something is delivered; 0 before that. */
  readonly input: number
  /** Tokens that were delivered up to the last checkpoint. */
  readonly output: number
  /** By kind, in place of these two, of pictures and sound. Null: it is text, or nothing yet. */
  readonly usage: LedgerRow['usage'] | null
}

/** Whether a call had delivered something by its last checkpoint. */
export const hasDelivered = ({ output, usage }: Pick<OpenCall, 'output' | 'usage'>): boolean =>
  output > 0 || usage !== null

/** By what a call with an `Idempotency-Key` is known again. */
export type Repeat = {
  /** Whose key it is and which: a digest. */
  readonly scope: string
  /** What was asked: a digest. The same key with another request is a mistake. */
  readonly request: string
}

/** What is kept of a call with an `Idempotency-Key`, so that a repeat is not charged again. */
export type KeptAnswer = Repeat & {
  readonly callId: string
  /** The JSON that was answered; null: it is not kept, because it was a stream or not whole. */
  readonly body: string | null
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since the epoch. */
  readonly answeredAt: number
}

/** What is remembered of an answer besides its charge; null: there is nothing. */
export type Remembered = {
  readonly kept: KeptAnswer | null
  readonly stored: StoredResponse | null
}

export const NOTHING_REMEMBERED: Remembered = { kept: null, stored: null }
