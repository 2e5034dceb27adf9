import { hasDocuments } from '../metering/documents.ts'
import { hasAudio, hasImages, imagesIn, imageTokens, imageTokensMax } from '../metering/images.ts'
import { instructionTokensMax } from '../metering/instructions.ts'
import type { Units } from '../metering/media.ts'
import { partsIn } from '../metering/parts.ts'
import type { Price } from '../metering/price.ts'
import { windowOf } from '../metering/windows.ts'
import type { Json } from '../metering/wire.ts'
import { type Demand, worstRates } from '../metering/worst-case.ts'
import type { Deployment } from './deployments.ts'
import { type Endpoint, wholeNumber } from './endpoint.ts'
import { mediaCallOf, type Upload } from './media-call.ts'
import { Prompt } from './prompt.ts'
import { type Tariff, worstRatesBy } from './tariff.ts'

/**
 * What is added to our count of a prompt before it is held: our tokenizer is OpenAI's, others split
 * a text into more pieces (Anthropic's newer ones into up to a third more), and a provider may show
 * the model more than was sent (its own instructions, the frame of a tool).
 */
const MARGIN = { openai: 0.05, other: 0.4 }
const MARGIN_TOKENS = 16

/** A cache for an hour, as `cache_control` asks for one; JSON may be written with escapes. */
const HOUR = /"(?:1|\\u0031)(?:h|\\u0068)"/

/** The most that so many tokens by our count can be by the count of a provider's model. */
export function withMargin(tokens: number, provider: Deployment['provider']): number {
  const margin = provider === 'openai' ? MARGIN.openai : MARGIN.other
  return Math.ceil(tokens * (1 + margin)) + MARGIN_TOKENS
}

/** What a call may come to, and how its prompt would be counted if that is needed. */
export type CallDemand = {
  readonly demand: Demand
  /** Knows the same with the prompt counted. */
  readonly prompt: Prompt
}

/** A call as far as its demand depends on it. */
export type Demanding = {
  readonly endpoint: Endpoint
  readonly json: Json
  /** As the client asked for it. */
  readonly model: string
  /** The body that `json` was read from. */
  readonly text: string
  readonly bodyBytes: number
  /** What is read besides, of an answer that the call goes on from: at most, tokens. */
  readonly context: number
  /** What came with it besides its text. */
  readonly upload?: Upload | null
}

/**
 * What a call may come to at worst. The prompt is not counted for that: it cannot have more tokens
 * than bytes, and for a customer far from its limit that is good enough and costs nothing.
 * Throws `invalid_request` for a cap or a number of choices that is none.
 */
export function demandOf(
  call: Demanding,
  deployment: Deployment,
  tariff: Tariff | null = null,
): CallDemand {
  const { endpoint, json, text } = call
  const { model } = deployment.pricedAs
  const parts = partsIn(json)
  const images = imagesIn(parts)
  const isClaude = deployment.provider === 'anthropic' || model.includes('claude')
  const instructions = isClaude ? instructionTokensMax(json) : 0
  const writesNothing = endpoint.caps.length === 0
  const base = {
    cap: capOf(json, endpoint) ?? endpoint.capUnsaid,
    choices: endpoint.choices(json),
    modelMax: writesNothing ? 0 : deployment.outputTokensMax,
  }
  const { price } = deployment
  const ingredients = {
    hasAudio: hasAudio(json, parts),
    hasImages: images.length > 0 || hasImages(json),
    hasHourCache: () => HOUR.test(text),
    units: price === null ? {} : unitsOf(call, deployment, price),
  }
  const prices = pricesThatMayApply(json, deployment)
  const sized = (inputTokens: number, unseenTokens: number): Demand => {
    const at = (prices: readonly Price[] | null) =>
      prices === null ? null : worstRates(prices, { ...ingredients, inputTokens })
    const own = tariff?.card?.prices.get(call.model)
    const rates = worstRatesBy(
      tariff,
      at(prices),
      own === undefined ? null : at([own]),
      endpoint.media === undefined,
    )
    return { ...base, inputTokens, unseenTokens, rates }
  }
  const isRead = hasDocuments(parts)
  // All that nobody can look into fits the model's window.
  const unseen = (shown: number | null) =>
    isRead || shown === null ? (deployment.inputTokensMax ?? windowOf(model)) : 0
  const besides = instructions + call.context
  const shown = imageTokensMax(images, model)
  const most = call.bodyBytes + (shown ?? 0) + unseen(shown) + besides
  return {
    demand: sized(most, unseen(shown)),
    prompt: new Prompt(json, (promptTokens) => {
      const shown = imageTokens(images, model)
      const counted = promptTokens + (shown ?? 0) + unseen(shown) + besides
      return sized(Math.min(most, withMargin(counted, deployment.provider)), unseen(shown))
    }),
  }
}

/** Whatever of a call for pictures or sound does not depend on the length of its text. */
function unitsOf(call: Demanding, deployment: Deployment, price: Price): Units {
  const { media } = call.endpoint
  return media === undefined ? {} : media.most(price, mediaCallOf(call, deployment))
}

/**
 * The usual price; and the one for answers that are given first, unless the call wants others: a
 * project's own setting may make them of any call. Null: the model has no price.
 */
function pricesThatMayApply(json: Json, { price, services }: Deployment): Price[] | null {
  if (price === null) return null
  const asked = json['service_tier'] ?? 'auto'
  const mayBeFirst = asked === 'auto' || asked === 'priority'
  return mayBeFirst && services.priority !== undefined ? [price, services.priority] : [price]
}

/** The client's own cap; of two, the larger, since nobody knows which one the upstream goes by. */
function capOf(json: Json, { caps }: Endpoint): number | null {
  let most: number | null = null
  for (const name of caps) {
    const cap = wholeNumber(json, name, { least: 0, most: 1e9 })
    if (cap !== null) most = Math.max(cap, most ?? 0)
  }
  return most
}
