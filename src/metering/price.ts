import type { Nanos } from '../ledger/money.ts'
import { isOutputKind, type OtherKind, TOKEN_KINDS, type TokenKind } from './usage.ts'

/**
 * Nano-dollars for a million of each kind: a single token often costs a fraction of one. What is
 * not counted in tokens has a price only where somebody gave it one.
 */
export type Rates = Readonly<Record<TokenKind, Nanos> & Partial<Record<OtherKind, Nanos>>>

/**
 * Rates for every kind of token: one without a rate of its own costs what plain input or output
 * costs, and a cache that lasts an hour what another costs.
 */
export function ratesWith(own: Partial<Rates> & Pick<Rates, 'input' | 'output'>): Rates {
  const given = own.cacheWriteHour === undefined ? { ...own, cacheWriteHour: own.cacheWrite } : own
  const rates: Partial<Record<TokenKind, Nanos>> = {}
  for (const kind of TOKEN_KINDS) {
    rates[kind] = given[kind] ?? (isOutputKind(kind) ? own.output : own.input)
  }
  return { ...own, ...(rates as Record<TokenKind, Nanos>) }
}

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

/**
 * OpenAI's service tiers that have prices of their own
 * (https://platform.openai.com/docs/pricing); an answer names its own in `service_tier`.
 */
export const SERVICES = ['flex', 'priority', 'batch'] as const

export type Service = (typeof SERVICES)[number]

/** What a model costs in the tiers that have a price of their own; the others are as usual. */
export type ServicePrices = Readonly<Partial<Record<Service, Price>>>
