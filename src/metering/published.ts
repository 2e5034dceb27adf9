import type { MatchLogic, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices'

/** What a provider publishes for a model. */
export type PublishedPrices = {
  /** The provider and the model as the data names them: `openai/gpt-4o`. */
  readonly name: string
  /** Dollars for a million tokens under keys like `input_mtok`, and prices of other things. */
  readonly prices: ModelPrice
}

/** Providers whose name in the data is not LiteLLM's. */
const PROVIDER_IDS: Readonly<Record<string, string>> = {
  azure_ai: 'azure',
  azure_text: 'azure',
  bedrock: 'aws',
  bedrock_mantle: 'aws',
  codestral: 'mistral',
  cohere_chat: 'cohere',
  custom_openai: 'openai',
  fireworks_ai: 'fireworks',
  gemini: 'google',
  moonshot: 'moonshotai',
  openai_like: 'openai',
  'text-completion-codestral': 'mistral',
  'text-completion-openai': 'openai',
  together_ai: 'together',
  vertex_ai: 'google',
  vertex_ai_beta: 'google',
  voyage: 'voyageai',
  xai: 'x-ai',
}

/**
 * Makers that sell their models cheaper themselves than those who host them: what a host takes for
 * one is not what its maker publishes, even if the data lets it count.
 */
const CHEAPER_ALONE = new Set(['deepseek', 'moonshotai'])

/** `claude-sonnet-4-20250514` is `claude-sonnet-4-2025-05-14` in some rules of the data. */
const PLAIN_DATE = /-(20\d\d)(\d\d)(\d\d)(?=[-:]|$)/g

/**
 * The published prices of a model, from the data of `@pydantic/genai-prices`, or null if it has
 * none. Only the data is used: the package's own arithmetic is in floats. Nothing is fetched; the
 * prices are those of the version that is installed.
 *
 * `at` (milliseconds since the epoch) decides between prices of which one follows the other; null
 * takes the latest, even if its day is yet to come. Prices that hold only at some hours count as
 * if they always did when they are the dearest: a budget must not be passed at rush hour.
 */
export function publishedPrices(
  { provider, model }: { provider: string; model: string },
  at: number | null,
): PublishedPrices | null {
  const found = findModel(provider, model.toLowerCase().trim())
  if (found === null) return null
  return { name: `${found.provider.id}/${found.model.id}`, prices: pricesAt(found.model, at) }
}

type Found = { readonly provider: Provider; readonly model: ModelInfo }

function findModel(litellmProvider: string, model: string): Found | null {
  const provider = providerOf(PROVIDER_IDS[litellmProvider] ?? litellmProvider)
  if (provider === null) return null
  // Azure serves OpenAI's models, Google Anthropic's: the data says whose prices apply.
  const providers = [provider]
  for (const id of provider.fallback_model_providers ?? []) {
    const other = CHEAPER_ALONE.has(id) ? null : providerOf(id)
    if (other !== null) providers.push(other)
  }
  for (const name of [model, model.replace(PLAIN_DATE, '-$1-$2-$3')]) {
    for (const each of providers) {
      const found = each.models.find(({ match }) => matches(match, name))
      if (found !== undefined) return { provider: each, model: found }
    }
  }
  return null
}

function matches(rule: MatchLogic, model: string): boolean {
  if ('or' in rule) return rule.or.some((part) => matches(part, model))
  if ('and' in rule) return rule.and.every((part) => matches(part, model))
  if ('equals' in rule) return model === rule.equals.toLowerCase()
  if ('starts_with' in rule) return model.startsWith(rule.starts_with.toLowerCase())
  if ('ends_with' in rule) return model.endsWith(rule.ends_with.toLowerCase())
  if ('contains' in rule) return model.includes(rule.contains.toLowerCase())
  if ('regex' in rule) return new RegExp(rule.regex).test(model)
  return false
}

function pricesAt({ prices }: ModelInfo, at: number | null): ModelPrice {
  if (!Array.isArray(prices)) return prices
  const begun = prices.filter(({ constraint }) => {
    if (constraint?.type !== 'start_date' || at === null) return true
    return Date.parse(constraint.start_date) <= at
  })
  const isForAllHours = ({ constraint }: (typeof prices)[number]) =>
    constraint?.type !== 'time_of_date'
  const current = begun.slice(Math.max(0, begun.findLastIndex(isForAllHours)))
  return current
    .map((entry) => entry.prices)
    .reduce((dearest, other) => (inputOf(other) > inputOf(dearest) ? other : dearest))
}

function inputOf({ input_mtok }: ModelPrice): number {
  return typeof input_mtok === 'object' ? input_mtok.base : (input_mtok ?? 0)
}

type Package = typeof import('@pydantic/genai-prices')

let loaded: Package | null = null

/**
 * A `require` and not an `import`, because half a megabyte of data takes 16 ms to build: only who
 * asks for a built-in price should wait for it. Bundlers put the data into the bundle all the same.
 */
function providerOf(id: string): Provider | null {
  loaded ??= require('@pydantic/genai-prices') as Package
  const found = loaded.findProvider({ providerId: id })
  // It also finds names that another one is in: a stranger's prices.
  return found?.id === id ? found : null
}
