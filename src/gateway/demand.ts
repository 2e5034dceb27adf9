import { Refusal } from '../errors.ts'
import { hasAudio, imageCount, imageTokensMax } from '../metering/images.ts'
import { type Demand, worstRates } from '../metering/worst-case.ts'
import type { Deployment } from './deployments.ts'
import { Prompt } from './prompt.ts'

type Json = Readonly<Record<string, unknown>>

/** Where a client caps an answer: OpenAI's present name for it, and the one that all know. */
export const CAPS = ['max_completion_tokens', 'max_tokens'] as const

/** More choices than any provider gives. */
const CHOICES_MAX = 128

/**
 * What is added to our count of a prompt before it is held: our tokenizer is OpenAI's, others split
 * a text into more pieces (Anthropic's newer ones into up to a third more), and a provider may show
 * the model more than was sent (its own instructions, the frame of a tool).
 */
const MARGIN = { openai: 0.05, other: 0.4 }
const MARGIN_TOKENS = 16

/** What a call may come to, and how its prompt would be counted if that is needed. */
export type CallDemand = {
  readonly demand: Demand
  /** Knows the same with the prompt counted. */
  readonly prompt: Prompt
}

/**
 * What a call may come to at worst. The prompt is not counted for that: it cannot have more tokens
 * than bytes, and for a customer far from its limit that is good enough and costs nothing.
 * Throws `invalid_request` for a cap or a number of choices that is none.
 */
export function demandOf(
  call: { readonly json: Json; readonly bodyBytes: number },
  deployment: Deployment,
): CallDemand {
  const { json } = call
  const images = imageCount(json) * imageTokensMax(deployment.upstreamModel)
  const base = {
    cap: capOf(json),
    choices: wholeNumber(json, 'n', { least: 1, most: CHOICES_MAX }) ?? 1,
    modelMax: deployment.outputTokensMax,
  }
  const sized = (inputTokens: number): Demand => {
    const about = { inputTokens, hasAudio: hasAudio(json) }
    const rates = deployment.price === null ? null : worstRates(deployment.price, about)
    return { ...base, inputTokens, rates }
  }
  const most = call.bodyBytes + images
  const margin = deployment.provider === 'openai' ? MARGIN.openai : MARGIN.other
  return {
    demand: sized(most),
    prompt: new Prompt(json, (promptTokens) => {
      const counted = promptTokens + images
      return sized(Math.min(most, Math.ceil(counted * (1 + margin)) + MARGIN_TOKENS))
    }),
  }
}

/** The client's own cap; of two, the larger, since nobody knows which one the upstream goes by. */
function capOf(json: Json): number | null {
  const caps = CAPS.map((name) => wholeNumber(json, name, { least: 0, most: 1e9 }))
  const given = caps.filter((cap) => cap !== null)
  return given.length === 0 ? null : Math.max(...given)
}

function wholeNumber(
  json: Json,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number | null {
  const value = json[name] ?? null
  if (value === null) return null
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number
  }
  const got = JSON.stringify(value).slice(0, 100)
  const message = `\`${name}\` must be a whole number from ${least} to ${most}, got ${got}.`
  throw new Refusal('invalid_request', message, { param: name })
}
