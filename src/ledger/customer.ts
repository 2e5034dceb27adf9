import type { Budget } from './budget.ts'
import type { Nanos } from './money.ts'

/** What an operator says of a customer, apart from its money. */
export type Profile = {
  readonly alias: string | null
  readonly blocked: boolean
  /** `eu`, `us`, or any region that a deployment states. */
  readonly allowedModelRegion: string | null
  readonly defaultModel: string | null
  readonly budgetId: string | null
  /** Its own in place of its budget's, as JSON (`metering/rate-card.ts`). Null: it has none. */
  readonly rateCard: string | null
  /** JSON object of the operator's own; kept, never read. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export const NEW_PROFILE: Profile = {
  alias: null,
  blocked: false,
  allowedModelRegion: null,
  defaultModel: null,
  budgetId: null,
  rateCard: null,
  metadata: {},
}

/** Whose tab it is: LiteLLM's "end user". */
export type Customer = Profile & {
  /**
   * Names this tab in the ledger. Not the `id`: a customer who is deleted and created again has
   * the same id and a fresh tab, and the old tab's rows stay what they were.
   */
  readonly tab: number
  readonly id: string
  /** Counted in the current period: the sum of the tab's rows since `periodStart`. */
  readonly spent: Nanos
  /** Charged in all: the sum of the tab's rows. */
  readonly totalSpent: Nanos
  /** Milliseconds since the epoch at which the current period began; 0 when it has no start. */
  readonly periodStart: number
  /** Names of the thresholds that were told in this period (`ledger/thresholds.ts`). */
  readonly told: readonly string[]
  /** What is in its wallet, with what is held; null: it has none. */
  readonly credit: Credit | null
  /** The last day (`dayOf`) of which `margin_negative` was told; null: none. */
  readonly marginToldOn: number | null
  readonly createdAt: number
  readonly updatedAt: number
}

/** The sum of a wallet (`ledger/wallet.ts`). */
export type Credit = {
  readonly balance: Nanos
  /** Whether `credit_exhausted` has been told since credit was last there. */
  readonly isExhaustedTold: boolean
}

/** A customer and the budget that binds it, if any. */
export type BudgetedCustomer = {
  readonly customer: Customer
  readonly budget: Budget | null
}
