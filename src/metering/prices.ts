import type { ModelPrice } from '@pydantic/genai-prices'
import { type Nanos, nanos } from '../ledger/money.ts'
import { shiftDecimal } from './decimal.ts'
import {
  type Price,
  type Rates,
  ratesWith,
  ratesWithoutTokens,
  type Service,
  type ServicePrices,
} from './price.ts'
import { publishedPrices } from './published.ts'
import { publishedMediaPrice } from './published-media.ts'
import { pricesOfUnits, ratePerMillionUnits, UNIT_KEYS, unitOf } from './unit-prices.ts'
import { TOKEN_KINDS, type TokenKind } from './usage.ts'

/** A price in a config that is not right: a sentence for the operator, and the key at fault. */
export type PriceProblem = { readonly problem: string; readonly key: string }

/** Dollars for one token, in LiteLLM's names (https://docs.litellm.ai/docs/proxy/custom_pricing). */
export const CONFIG_KEYS: Readonly<Record<TokenKind, string>> = {
  input: 'input_cost_per_token',
  cachedInput: 'cache_read_input_token_cost',
  cacheWrite: 'cache_creation_input_token_cost',
  cacheWriteHour: 'cache_creation_input_token_cost_above_1hr',
  inputAudio: 'input_cost_per_audio_token',
  inputImage: 'input_cost_per_image_token',
  output: 'output_cost_per_token',
  reasoning: 'output_cost_per_reasoning_token',
  outputAudio: 'output_cost_per_audio_token',
  outputImage: 'output_cost_per_image_token',
}

/** Kinds that have prices for long prompts, and where those begin, in thousands of tokens. */
const TIERED_KINDS = ['input', 'cachedInput', 'cacheWrite', 'cacheWriteHour', 'output'] as const
const TIER_THOUSANDS = [128, 200, 256, 272, 512] as const

/** How LiteLLM's keys of a service tier end. */
const SERVICE_ENDS: Readonly<Record<Service, string>> = {
  flex: '_flex',
  priority: '_priority',
  batch: '_batches',
}

/** The key of a kind: for a long prompt, from so many thousands of tokens, or for any. */
const keyOf = (kind: TokenKind, above: number | null, end: string): string =>
  `${CONFIG_KEYS[kind]}${above === null ? '' : `_above_${above}k_tokens`}${end}`

/** Of these, those of plain tokens. */
export const TOKEN_PRICE_KEYS: readonly string[] = [
  ...TOKEN_KINDS.map((kind) => keyOf(kind, null, '')),
  ...TIER_THOUSANDS.flatMap((above) => TIERED_KINDS.map((kind) => keyOf(kind, above, ''))),
]

/** Every key of `litellm_params` that `pricesFromConfig` reads. */
export const PRICE_KEYS: readonly string[] = [
  ...['', ...Object.values(SERVICE_ENDS)].flatMap((end) => [
    ...TOKEN_KINDS.map((kind) => keyOf(kind, null, end)),
    ...TIER_THOUSANDS.flatMap((above) => TIERED_KINDS.map((kind) => keyOf(kind, above, end))),
  ]),
  ...UNIT_KEYS,
]

/** Dollars for a million tokens, in the names of `@pydantic/genai-prices`. */
const PUBLISHED_KEYS: Readonly<Record<TokenKind, string>> = {
  input: 'input_mtok',
  cachedInput: 'cache_read_mtok',
  cacheWrite: 'cache_write_mtok',
  cacheWriteHour: 'cache_write_1h_mtok',
  inputAudio: 'input_audio_mtok',
  inputImage: 'input_image_mtok',
  output: 'output_mtok',
  reasoning: 'output_reasoning_mtok',
  outputAudio: 'output_audio_mtok',
  outputImage: 'output_image_mtok',
}

/**
 * Published prices of what every call is billed for besides tokens, or instead of them. A price of
 * tokens alone would be too low, so such a model counts as unpriced. Searches are not here: they
 * are billed when a call asks for one, and their number is not in the usage.
 */
const NOT_FOR_TOKENS = [
  'requests_kcount',
  'output_citation_mtok',
  'audio_hours',
  'input_audio_hours',
  'input_document_kpages',
  'input_text_messages_kcount',
]

/** Models of sound; the data has some without its price, which is many times that of text. */
const AUDIO_MODEL = /-audio|realtime/

/** Each call of one searches, for a fee (https://platform.openai.com/docs/pricing#built-in-tools). */
const SEARCH_MODEL = /-search-preview/

/** The data names these without the days of their snapshots, which cost the same. */
const DATED_MEDIA_MODEL = /^(gpt-4o(?:-mini)?-(?:tts|transcribe(?:-diarize)?))-\d{4}-\d\d-\d\d$/

/** Free of charge by OpenAI's word (https://platform.openai.com/docs/guides/moderation). */
const MODERATION_MODEL = /^(omni|text)-moderation-/
const FREE_PRICE: Price = {
  rates: ratesWith({ input: nanos(0), output: nanos(0) }),
  tiers: [],
  source: 'openai: free of charge',
}

/** The simulated upstream's: made up, so that a first call shows what a call costs. */
const DEMO_PRICE: Price = {
  rates: ratesWith({ input: nanos(3_000_000_000), output: nanos(15_000_000_000) }),
  tiers: [],
  source: 'demo',
}

/**
 * Dollars for one token as nano-dollars for a million of them, exactly. Null when that is not a
 * whole number from 0 up to what `Nanos` holds: prices below 1e-15 dollars a token have no place.
 */
export function ratePerMillion(dollarsPerToken: number | string): Nanos | null {
  const rate = shiftDecimal(dollarsPerToken, 15)
  return rate === null ? null : nanos(rate)
}

/** What a config says of a model's prices. */
export type ConfigPrices = { readonly price: Price; readonly services: ServicePrices }

/**
 * The prices that a config gives under LiteLLM's keys, or null when it has none of them. A kind
 * without a price of its own costs what plain input or output costs; in a service tier, what it
 * costs otherwise.
 *
 * Input and output must both be there, unlike in LiteLLM, where the one that is missing costs
 * nothing: here nothing is free unless somebody wrote a 0.
 */
export function pricesFromConfig(
  params: Readonly<Record<string, unknown>>,
): ConfigPrices | PriceProblem | null {
  const rateByKey = new Map<string, Nanos>()
  for (const key of PRICE_KEYS) {
    const value = params[key] ?? null
    if (value === null) continue
    const rate = typeof value === 'number' || typeof value === 'string' ? rateBy(key, value) : null
    if (rate === null) return { problem: notAPrice(key, value), key }
    rateByKey.set(key, rate)
  }
  if (rateByKey.size === 0) return null
  const ofUnits = pricesOfUnits(rateByKey)
  if ([...rateByKey.keys()].every((key) => UNIT_KEYS.includes(key))) {
    const { rates, ...pixels } = ofUnits
    const price = { rates: ratesWithoutTokens(rates), tiers: [], source: 'config', ...pixels }
    return { price: { ...price, hasTokens: false }, services: {} }
  }
  for (const key of [CONFIG_KEYS.input, CONFIG_KEYS.output]) {
    if (!rateByKey.has(key)) return { problem: notThere(key), key }
  }
  const services: Partial<Record<Service, Price>> = {}
  for (const [service, end] of Object.entries(SERVICE_ENDS)) {
    if (![...rateByKey.keys()].some((key) => key.endsWith(end))) continue
    services[service as Service] = priceByKeys(rateByKey, end)
  }
  const price = priceByKeys(rateByKey, '')
  const { rates, ...pixels } = ofUnits
  return { price: { ...price, ...pixels, rates: { ...price.rates, ...rates } }, services }
}

const rateBy = (key: string, dollars: number | string): Nanos | null =>
  UNIT_KEYS.includes(key) ? ratePerMillionUnits(key, dollars) : ratePerMillion(dollars)

function priceByKeys(rateByKey: ReadonlyMap<string, Nanos>, end: string): Price {
  const rateOf = (kind: TokenKind, above: number | null) =>
    rateByKey.get(keyOf(kind, above, end)) ?? rateByKey.get(keyOf(kind, above, ''))
  const rates = ratesWith(plainOf(ratesBy((kind) => rateOf(kind, null))))
  const tiers = TIER_THOUSANDS.flatMap((above) => {
    if (!TIERED_KINDS.some((kind) => rateOf(kind, above) !== undefined)) return []
    const own = ratesBy((kind) => rateOf(kind, above) ?? rateOf(kind, null))
    return [{ inputTokensAbove: above * 1000, rates: ratesWith(plainOf(own)) }]
  })
  return { rates, tiers, source: end === '' ? 'config' : `config, ${end.slice(1)}` }
}

/**
 * What a provider publishes for a model, both as in LiteLLM's `provider/model`; null when the
 * price data does not know it, or knows no price, or when tokens are not all that is billed. A
 * model that only reads, such as one for embeddings, has its output at the price of its input.
 *
 * `at` is the day that prices are wanted for, as in `publishedPrices`.
 */
export function builtInPrice(
  provider: string,
  model: string,
  at: number | null = null,
): Price | null {
  if (provider === 'demo') return DEMO_PRICE
  if (provider === 'openai' && MODERATION_MODEL.test(model)) return FREE_PRICE
  const ofMedia = publishedMediaPrice(provider, model)
  if (ofMedia !== null) return ofMedia
  const asNamed = model.replace(DATED_MEDIA_MODEL, '$1')
  const published = publishedPrices({ provider, model: asNamed }, at)
  if (published === null) return null
  const { name, prices } = published
  const perHour = prices['input_audio_hours'] ?? prices['audio_hours']
  if (typeof perHour === 'number' && prices[PUBLISHED_KEYS.input] === undefined) {
    const rates = ratesWithoutTokens({ audioMs: rateOfHours(perHour) })
    return { rates, tiers: [], source: `genai-prices ${name}`, hasTokens: false }
  }
  if (SEARCH_MODEL.test(name)) return null
  if (NOT_FOR_TOKENS.some((key) => prices[key] !== undefined)) return null
  if (AUDIO_MODEL.test(name) && prices[PUBLISHED_KEYS.inputAudio] === undefined) return null
  const rates = publishedRates(prices, 0)
  if (rates === null) return null
  const tiers = tierStarts(prices).map((inputTokensAbove) => {
    return { inputTokensAbove, rates: publishedRates(prices, inputTokensAbove) ?? rates }
  })
  return { rates, tiers, source: `genai-prices ${name}` }
}

/** The rates for input of more than `inputTokensAbove` tokens; null if there is none for input. */
function publishedRates(prices: ModelPrice, inputTokensAbove: number): Rates | null {
  const own = ratesBy((kind) => {
    const price = prices[PUBLISHED_KEYS[kind]]
    if (typeof price !== 'object') return rateOf(price)
    const tiers = price.tiers.toSorted((a, b) => a.start - b.start)
    return rateOf(tiers.findLast(({ start }) => start <= inputTokensAbove)?.price ?? price.base)
  })
  const { input } = own
  return input === undefined ? null : ratesWith({ output: input, ...own, input })
}

/** To the nearest nano-dollar: a few prices of the data are thirds that were divided in floats. */
function rateOf(dollarsPerMillion: number | undefined): Nanos | undefined {
  if (dollarsPerMillion === undefined) return undefined
  const rate = shiftDecimal(dollarsPerMillion.toFixed(9), 9)
  return rate === null ? undefined : nanos(rate)
}

/** Dollars for an hour as nano-dollars for a million milliseconds, to the nearest. */
const rateOfHours = (dollars: number): Nanos => nanos(Math.round((dollars * 1e9) / 3.6))

function tierStarts(prices: ModelPrice): number[] {
  const starts = TOKEN_KINDS.flatMap((kind) => {
    const price = prices[PUBLISHED_KEYS[kind]]
    return typeof price === 'object' ? price.tiers.map(({ start }) => start) : []
  })
  return [...new Set(starts)].sort((a, b) => a - b)
}

type OwnRates = Partial<Record<TokenKind, Nanos>>

/** The rates that `rateOfKind` knows. */
function ratesBy(rateOfKind: (kind: TokenKind) => Nanos | undefined): OwnRates {
  const rates: OwnRates = {}
  for (const kind of TOKEN_KINDS) {
    const rate = rateOfKind(kind)
    if (rate !== undefined) rates[kind] = rate
  }
  return rates
}

/** The same, where it is known that the two plain ones are there. */
function plainOf({ input, output, ...own }: OwnRates): OwnRates & Pick<Rates, 'input' | 'output'> {
  if (input === undefined || output === undefined) throw new RangeError('no plain rate')
  return { ...own, input, output }
}

function notAPrice(key: string, value: unknown): string {
  const shown = String(typeof value === 'number' ? value : JSON.stringify(value)).slice(0, 40)
  const unit = unitOf(key)
  if (unit === null) {
    return `${key} must be dollars for one token: from 0 to 9, to 15 decimal places; got ${shown}`
  }
  return `${key} must be dollars for one ${unit}: from 0 to 9, to 12 decimal places; got ${shown}`
}

function notThere(key: string): string {
  const why = 'nothing is free unless the config says so'
  return `${key} is missing beside the other prices; add it, or 0 if it is free (${why})`
}
