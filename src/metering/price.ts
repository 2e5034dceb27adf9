import type { Nanos } from '../ledger/money.ts'
import type { Kind } from './usage.ts'

/** Nano-dollars for a million tokens of each kind: a single token often costs a fraction of one. */
export type Rates = Readonly<Record<Kind, Nanos>>

/**
 * What a model's tokens cost. Prices of zero are real zeros; an unknown price is `null` instead.
 */
export type Price = {
  readonly rates: Rates
  /**
   * For long prompts, ascending: when a call's input tokens of all kinds together are more than
   * `inputTokensAbove`, the whole call is at these rates (Google's and Anthropic's rule).
   */
  readonly tiers: readonly { readonly inputTokensAbove: number; readonly rates: Rates }[]
  /** Where the price comes from, for people: `config`, or the package's provider and model. */
  readonly source: string
}
