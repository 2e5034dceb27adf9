import { type Price, ratesWithoutTokens } from '../metering/price.ts'
import type { Encode } from '../metering/tokens.ts'
import { NO_USAGE, type Usage } from '../metering/usage.ts'
import { countInTurns, countPromptInTurns } from './counting.ts'
import { mediaCallOf } from './media-call.ts'
import type { MeteredCall } from './settle.ts'

/** Of a model without a price, whose calls are counted by tokens. */
const UNKNOWN: Price = { rates: ratesWithoutTokens({}), tiers: [], source: 'unknown' }

/** What is charged of what an upstream reports; null: it reports nothing that has a price. */
export function chargedOf(call: MeteredCall, reported: Usage | null): Usage | null {
  const { endpoint, deployment } = call
  if (reported === null || endpoint.media === undefined) return reported
  return endpoint.media.charged(
    reported,
    deployment.price ?? UNKNOWN,
    mediaCallOf(call, deployment),
  )
}

/** What a call used by our own count: of what it asks with, and of what was delivered. */
export async function countedUsage(
  call: MeteredCall,
  delivered: string,
  tokenizerFor: (model: string) => Promise<Encode>,
): Promise<Usage> {
  const { deployment, json } = call
  const { media } = call.endpoint
  const price = deployment.price ?? UNKNOWN
  const said = { text: delivered, tokens: 0, promptTokens: 0 }
  // The tokenizer is not loaded for whom nobody asks for tokens.
  if (price.hasTokens !== false) {
    const encode = await tokenizerFor(deployment.pricedAs.model)
    said.promptTokens = await countPromptInTurns(json, encode)
    said.tokens = await countInTurns([delivered], encode)
  }
  if (media === undefined) return { ...NO_USAGE, input: said.promptTokens, output: said.tokens }
  return media.used(said, price, mediaCallOf(call, deployment))
}
