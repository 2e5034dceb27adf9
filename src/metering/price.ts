import { type Nanos, ZERO } from '../ledger/money.ts'
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
  /** False: nobody gave tokens a price, and the zeros of their rates do not make them free. */
  readonly hasTokens?: false
  /** Pictures whose price depends on what is asked for; `priceOfPictures` makes a rate of it. */
  readonly pictures?: readonly PicturePrice[]
  /** Nano-dollars for a million pixels, in place of a price for each picture. */
  readonly pixels?: Nanos
}

/** What a million pictures cost, in nano-dollars; null: whatever their quality, or their size. */
export type PicturePrice = {
  readonly quality: string | null
  readonly size: string | null
  readonly rate: Nanos
}

/** The rates of a price for something else alone. */
export const ratesWithoutTokens = (others: Partial<Record<OtherKind, Nanos>>): Rates =>
  ratesWith({ input: ZERO, output: ZERO, ...others })

/**
 * What a call is billed by: its tokens where they cost something, else the first of the units that
 * has a price. Null: by something that nobody gave a price.
 */
export function billedBy<Unit extends OtherKind>(
  { rates, hasTokens }: Price,
  units: readonly Unit[],
): Unit | 'tokens' | null {
  if (hasTokens !== false && TOKEN_KINDS.some((kind) => rates[kind] > 0)) return 'tokens'
  const unit = units.find((kind) => rates[kind] !== undefined)
  return unit ?? (hasTokens === false ? null : 'tokens')
}

/**
 * OpenAI's service tiers that have prices of their own
 * (https://platform.openai.com/docs/pricing); an answer names its own in `service_tier`.
 */
export const SERVICES = ['flex', 'priority', 'batch'] as const

export type Service = (typeof SERVICES)[number]

/** What a model costs in the tiers that have a price of their own; the others are as usual. */
export type ServicePrices = Readonly<Partial<Record<Service, Price>>>
