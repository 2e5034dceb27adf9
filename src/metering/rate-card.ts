import { DOLLARS_MAX, type Nanos, nanos, ZERO } from '../ledger/money.ts'
import { costOf } from './cost.ts'
import { shiftDecimal } from './decimal.ts'
import type { Price } from './price.ts'
import { pricesFromConfig, TOKEN_PRICE_KEYS } from './prices.ts'
import { inputTokens, outputTokens, type Usage } from './usage.ts'

/**
 * What a customer is charged for what it uses. A card is kept, and shown, as the JSON that it was
 * given as, with its fields in one order: two cards that say the same are one text, and so one
 * version.
 */
export type RateCard = {
  /** On top of the cost, in millionths of it: 250,000 is 25 %. From -1,000,000: free. */
  readonly markup: number
  /**
   * In place of the cost and its markup, by model as the client asks for it: of tokens. A call that
   * is billed by pictures, time or characters is charged by its cost all the same.
   */
  readonly prices: ReadonlyMap<string, Price>
  /** Of each call, besides. */
  readonly fee: Nanos
  /** The least that a call is charged, its fee in it. */
  readonly minimum: Nanos
  /** Free each calendar month of UTC's; null: nothing is. */
  readonly allowance: Allowance | null
  /** For display alone: how many of it a dollar is. */
  readonly currency: { readonly code: string; readonly rate: number } | null
}

/** Tokens of all kinds, or nano-dollars of charges. */
export type Allowance = { readonly unit: 'tokens' | 'money'; readonly amount: number }

/** A card that is not right: a sentence for its author, and where in it. */
export type CardProblem = { readonly problem: string; readonly key: string }

const MARKUP_WHOLE = 1_000_000
const MARKUP_PERCENT_MAX = 10_000
const MODELS_MAX = 1_000

/** What a call came to, before anybody is charged. */
export type Used = { readonly model: string; readonly usage: Usage; readonly cost: Nanos }

/** What a call is charged, and what the allowance took off it. */
export type Charged = {
  readonly charge: Nanos
  readonly freeTokens: number
  readonly freeMoney: Nanos
}

/**
 * A card applied to what a call used, while `left` is left of the allowance, in its unit. Rounded
 * up to a whole nano-dollar, once for the cost or the card's own price and once for the markup. A
 * call that used nothing is charged nothing, neither the fee nor the minimum. Of tokens, those that
 * are free take their share of the whole charge off, rounded down.
 */
export function chargeOf(card: RateCard, used: Used, left: number): Charged {
  const gross = grossOf(card, used)
  const { allowance } = card
  if (allowance === null || left <= 0) return { charge: gross, freeTokens: 0, freeMoney: ZERO }
  const tokens = tokensOf(used.usage)
  const off = takenOff(allowance, { gross, tokens }, left)
  const charge = nanos(gross - off)
  if (allowance.unit === 'money') return { charge, freeTokens: 0, freeMoney: off }
  return { charge, freeTokens: Math.min(left, tokens), freeMoney: ZERO }
}

/** What an allowance takes off a charge for so many tokens. */
export function takenOff(
  { unit }: Allowance,
  { gross, tokens }: { readonly gross: Nanos; readonly tokens: number },
  left: number,
): Nanos {
  if (unit === 'money') return nanos(Math.min(gross, left))
  if (tokens === 0) return ZERO
  const covered = Math.min(left, tokens)
  return nanos(Number((BigInt(gross) * BigInt(covered)) / BigInt(tokens)))
}

/** Without the allowance. */
export function grossOf(card: RateCard, { model, usage, cost }: Used): Nanos {
  if (cost === 0 && Object.values(usage).every((count) => count === 0)) return ZERO
  const own = isOfTokens(usage) ? card.prices.get(model) : undefined
  const metered = own === undefined ? withMarkup(cost, card.markup) : costOf(usage, own)
  return nanos(Math.max(metered + card.fee, card.minimum))
}

/** Whether nothing is in it that a price of tokens does not know. */
const isOfTokens = ({ images, audioMs, characters }: Usage): boolean =>
  images === 0 && audioMs === 0 && characters === 0

export const tokensOf = (usage: Usage): number => inputTokens(usage) + outputTokens(usage)

/** An amount with a markup in millionths, rounded up; never more than money can be. */
export function withMarkup(amount: number, markup: number): Nanos {
  const product = amount * (MARKUP_WHOLE + markup)
  if (Number.isSafeInteger(product)) return nanos(Math.ceil(product / MARKUP_WHOLE))
  const exact = BigInt(amount) * BigInt(MARKUP_WHOLE + markup)
  const up = (exact + BigInt(MARKUP_WHOLE) - 1n) / BigInt(MARKUP_WHOLE)
  return nanos(Math.min(Number(up), Number.MAX_SAFE_INTEGER))
}

/** A card that was kept as JSON. */
export function cardOf(text: string): RateCard {
  const read = readCard(JSON.parse(text))
  if ('problem' in read) throw new RangeError(`a rate card that was kept: ${read.problem}`)
  return read.card
}

/** Fields of a card, in the order in which one is kept. */
const FIELDS = [
  'markup_percent',
  'prices',
  'fee_per_call',
  'minimum_per_call',
  'free_allowance',
  'currency',
]

/** Reads a card as people write it; `text` is the JSON by which it is kept. */
export function readCard(given: unknown): { card: RateCard; text: string } | CardProblem {
  if (!isObject(given)) return wrong('', 'must be an object', given)
  const unknown = Object.keys(given).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) {
    return { problem: `has no field ${unknown}; there are ${FIELDS.join(', ')}`, key: unknown }
  }
  const markup = markupOf(given['markup_percent'])
  const prices = pricesOf(given['prices'])
  const fee = moneyOf('fee_per_call', given['fee_per_call'])
  const minimum = moneyOf('minimum_per_call', given['minimum_per_call'])
  const allowance = allowanceOf(given['free_allowance'])
  const currency = currencyOf(given['currency'])
  for (const read of [markup, prices, fee, minimum, allowance, currency]) {
    if (isProblem(read)) return read
  }
  const said = FIELDS.filter((name) => (given[name] ?? null) !== null)
  const text = JSON.stringify(Object.fromEntries(said.map((name) => [name, given[name]])))
  return { card: { markup, prices, fee, minimum, allowance, currency } as RateCard, text }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isProblem = (read: unknown): read is CardProblem => isObject(read) && 'problem' in read

function wrong(key: string, must: string, got: unknown): CardProblem {
  return { problem: `${must}, got ${(JSON.stringify(got) ?? 'nothing').slice(0, 60)}`, key }
}

function markupOf(given: unknown): number | CardProblem {
  if ((given ?? null) === null) return 0
  const size = typeof given === 'number' ? shiftDecimal(Math.abs(given), 4) : null
  const markup = size === null ? null : Math.sign(given as number) * size
  const most = MARKUP_PERCENT_MAX * 10_000
  if (markup !== null && markup >= -MARKUP_WHOLE && markup <= most) return markup
  const must = `must be a percentage from -100 to ${MARKUP_PERCENT_MAX}, to 4 decimal places`
  return wrong('markup_percent', must, given)
}

function pricesOf(given: unknown): RateCard['prices'] | CardProblem {
  const prices = new Map<string, Price>()
  if ((given ?? null) === null) return prices
  if (!isObject(given)) return wrong('prices', 'must be prices by model', given)
  const entries = Object.entries(given)
  if (entries.length > MODELS_MAX) {
    return { problem: `must be of ${MODELS_MAX} models at most`, key: 'prices' }
  }
  for (const [model, params] of entries) {
    const key = `prices.${model}`
    if (!isObject(params)) return wrong(key, 'must be prices by kind', params)
    const unknown = Object.keys(params).find((name) => !TOKEN_PRICE_KEYS.includes(name))
    if (unknown !== undefined) {
      return { problem: `has no price ${unknown}: a card has prices of tokens`, key }
    }
    const read = pricesFromConfig(params)
    if (read === null) {
      return wrong(key, 'must have input_cost_per_token and output_cost_per_token', params)
    }
    if ('problem' in read) return { problem: read.problem, key: `${key}.${read.key}` }
    prices.set(model, { ...read.price, source: 'rate card' })
  }
  return prices
}

function moneyOf(key: string, given: unknown): Nanos | CardProblem {
  if ((given ?? null) === null) return ZERO
  const amount = typeof given === 'number' && given <= DOLLARS_MAX ? shiftDecimal(given, 9) : null
  if (amount !== null) return nanos(amount)
  return wrong(key, 'must be dollars, from 0, to 9 decimal places', given)
}

function allowanceOf(given: unknown): Allowance | null | CardProblem {
  if ((given ?? null) === null) return null
  const key = 'free_allowance'
  const must = 'must be {"tokens": …} or {"dollars": …} of a month'
  if (!isObject(given) || Object.keys(given).length !== 1) return wrong(key, must, given)
  const { tokens, dollars } = given
  if (Number.isSafeInteger(tokens) && (tokens as number) >= 0) {
    return { unit: 'tokens', amount: tokens as number }
  }
  if (dollars === undefined) return wrong(key, must, given)
  const amount = moneyOf(`${key}.dollars`, dollars)
  return isProblem(amount) ? amount : { unit: 'money', amount }
}

function currencyOf(given: unknown): RateCard['currency'] | CardProblem {
  if ((given ?? null) === null) return null
  const { code, rate } = isObject(given) ? given : {}
  const isCode = typeof code === 'string' && /^[\p{L}\p{N} ._-]{1,24}$/u.test(code)
  if (isCode && typeof rate === 'number' && rate > 0 && rate < 1e12) return { code, rate }
  return wrong('currency', 'must be {"code": "EUR", "rate": 0.92}: how many a dollar is', given)
}
