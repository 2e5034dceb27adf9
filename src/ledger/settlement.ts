import type { Account } from './account.ts'
import type { CreditEvent } from './credit.ts'
import type { VirtualKey } from './key.ts'
import { type Nanos, ZERO } from './money.ts'
import type { Crossing } from './thresholds.ts'

/** How a call ended. A `correction` is no call: an operator put the spend right. */
export type Outcome = (typeof OUTCOMES)[number]

export const OUTCOMES = [
  'ok',
  'interrupted',
  'client_closed',
  'upstream_failed',
  'correction',
] as const

/** Who counted the tokens: the upstream, the upstream after the client had left, our tokenizer. */
export type UsageSource = 'upstream' | 'drained' | 'estimated' | 'none'

/** A kind of token as JSON and SQL name it: `cachedInput` is `cached_input` there. */
export const snakeCase = (kind: string): string =>
  kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** In place of prices where the model has none, and the call counted as nothing. */
export const UNPRICED = 'unpriced'

/** One settled call. Rows are never changed; what was wrong is put right by a further row. */
export type LedgerRow = {
  /** The call's id, a ULID: rows sort by the time at which their calls began. */
  readonly id: string
  /** Null: the call named no customer. */
  readonly tab: number | null
  readonly customerId: string | null
  /** `VirtualKey.id`. Null: the call came with the master key. */
  readonly keyId: number | null
  /** As the client asked for it. */
  readonly model: string
  /** `DeploymentConfig.id` of the one that answered. */
  readonly deployment: string
  readonly outcome: Outcome
  readonly usageSource: UsageSource
  /** Tokens by kind (`metering/usage.ts`). */
  readonly usage: Readonly<Record<string, number>>
  /** The prices applied, as JSON, or `UNPRICED`; null: no call. */
  readonly price: string | null
  /** What the upstream charges us. */
  readonly cost: Nanos
  /** What goes on the customer's tab. */
  readonly charge: Nanos
  /** What of it counts on the budget of the customer: the charge, or the cost. */
  readonly counted: Nanos
  /** The rate card that made the charge, as JSON; null: none, and the charge is the cost. */
  readonly card: string | null
  /** What the card's monthly allowance took off: tokens, or nano-dollars. */
  readonly freeTokens: number
  readonly freeMoney: Nanos
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Milliseconds since the epoch; decides which period a charge counts in. */
  readonly settledAt: number
}

/** What a finished call changes: a value, nothing done yet. */
export type Settlement = {
  readonly row: LedgerRow
  /** The customer's sums with the call in them; null: the call named no customer. */
  readonly after: SettledSums | null
  /** The virtual key that it came with; null: the master key. */
  readonly key: SettledKey | null
  /**
   * `drawn`: the charge is the wallet's of its tab, if that has one. `apart`: it is on a tab with a
   * wallet that has nothing to do with it. Not given: there is no wallet.
   */
  readonly credit?: 'drawn' | 'apart'
}

/** A key once a call is on it. */
export type SettledKey = Pick<VirtualKey, 'hash' | 'alias'> & {
  /** That of the key's period which holds `row.settledAt`. */
  readonly periodStart: number
}

/** A customer's sums once a call is in them. */
export type SettledSums = {
  /** That of the period which holds `row.settledAt`: a call counts in the period it settles in. */
  readonly account: Account
  readonly totalSpent: Nanos
  readonly periodStart: number
  /** The day of which is told that it costs more than it is charged; absent: it is not. */
  readonly marginToldOn?: number
  /** What is now worth telling, and under which names it is remembered as told. */
  readonly crossed: readonly Crossing[]
  readonly told: readonly string[]
  /** The wallet with the charge out of it. Not given: it is not drawn from one. */
  readonly credit?: SettledCredit
}

/** A wallet once a charge is out of it, and what is now worth telling. */
export type SettledCredit = {
  readonly balance: Nanos
  readonly crossed: readonly CreditEvent[]
}

/** The amounts of a row that no rate card was applied to. */
export const amountsOf = (cost: Nanos, charge = cost) => ({
  cost,
  charge,
  counted: charge,
  card: null,
  freeTokens: 0,
  freeMoney: ZERO,
})

/**
 * The row that brings the spend of a customer or a key to what an operator says it is.
 * `difference` may be negative; it is a charge like any other, so the spend stays the sum of rows.
 */
export function correction(
  of: Pick<LedgerRow, 'tab' | 'customerId' | 'keyId'>,
  by: { readonly id: string; readonly difference: Nanos; readonly now: number },
): LedgerRow {
  return {
    id: by.id,
    ...of,
    model: '',
    deployment: '',
    outcome: 'correction',
    usageSource: 'none',
    usage: {},
    price: null,
    ...amountsOf(ZERO, by.difference),
    startedAt: by.now,
    settledAt: by.now,
  }
}

/** What a row came to, or by how much it changes. */
export type Amounts = Pick<LedgerRow, 'cost' | 'charge' | 'counted' | 'freeMoney'>

/**
 * The row that puts right what another one came to; of the same customer, key, model and
 * deployment, so that their sums are right as well. It counts when it is made, and not when the
 * call was: what is over stays as it is.
 */
export function correctionOf(
  row: Pick<LedgerRow, 'tab' | 'customerId' | 'keyId' | 'model' | 'deployment'>,
  by: { readonly id: string; readonly amounts: Amounts; readonly now: number },
): LedgerRow {
  const { tab, customerId, keyId, model, deployment } = row
  const { id, amounts, now } = by
  const blank = correction({ tab, customerId, keyId }, { id, difference: ZERO, now })
  return { ...blank, model, deployment, ...amounts }
}
