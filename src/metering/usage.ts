import type { Json } from './wire.ts'

/** Kinds of tokens that are read. */
export const INPUT_KINDS = [
  'input',
  'cachedInput',
  /** Written to a cache that lasts five minutes, or as long as the provider says. */
  'cacheWrite',
  /** Written to a cache that lasts an hour, which Anthropic has a price of its own for. */
  'cacheWriteHour',
  'inputAudio',
  'inputImage',
] as const

/** Kinds of tokens that are written. */
export const OUTPUT_KINDS = ['output', 'reasoning', 'outputAudio', 'outputImage'] as const

/** What some models are billed by in place of tokens. */
const OTHER_KINDS = [
  /** Whole pictures. */
  'images',
  /** Milliseconds of sound. */
  'audioMs',
  /** Unicode characters of text. */
  'characters',
] as const

/**
 * Everything that has a price of its own. The kinds are disjoint: a token is counted under exactly
 * one of them, so that usage times price is a plain sum and nothing is billed twice.
 */
export const KINDS = [...INPUT_KINDS, ...OUTPUT_KINDS, ...OTHER_KINDS] as const

export type Kind = (typeof KINDS)[number]

/** What is not counted in tokens; most models have no price for it. */
export type OtherKind = (typeof OTHER_KINDS)[number]
export type TokenKind = Exclude<Kind, OtherKind>

export const TOKEN_KINDS: readonly TokenKind[] = [...INPUT_KINDS, ...OUTPUT_KINDS]

export const isOutputKind = (kind: Kind): boolean =>
  (OUTPUT_KINDS as readonly Kind[]).includes(kind)

/** What one call used, by kind: tokens, or the unit of the kind; each a whole number from 0. */
export type Usage = Readonly<Record<Kind, number>>

export const NO_USAGE: Usage = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWriteHour: 0,
  inputAudio: 0,
  inputImage: 0,
  output: 0,
  reasoning: 0,
  outputAudio: 0,
  outputImage: 0,
  images: 0,
  audioMs: 0,
  characters: 0,
}

/** What two parts of a call used together. */
export function plus(one: Usage, other: Usage): Usage {
  const sum: Partial<Record<Kind, number>> = {}
  for (const kind of KINDS) sum[kind] = one[kind] + other[kind]
  return sum as Usage
}

/** Everything that was read: what OpenAI calls `prompt_tokens`. */
export const inputTokens = (usage: Usage): number => sumOf(usage, INPUT_KINDS)

/** Everything that was written: what OpenAI calls `completion_tokens`. */
export const outputTokens = (usage: Usage): number => sumOf(usage, OUTPUT_KINDS)

function sumOf(usage: Usage, kinds: readonly Kind[]): number {
  let sum = 0
  for (const kind of kinds) sum += usage[kind]
  return sum
}

/** No model reads or writes as much in one call: a count above it is a fault, not a count. */
const TOKENS_MAX = 1_000_000_000

/**
 * The `usage` of an OpenAI-compatible answer, by kind
 * (https://platform.openai.com/docs/api-reference/chat/object). Null when a count is missing, or is
 * not a whole number from 0 to 1e9: then the caller counts by itself.
 *
 * The kinds add up to what was read and written in all. A part that is larger than its whole is
 * cut down to it, so that no token is billed twice; a whole that is larger than OpenAI's rules
 * would have it (`readInAll`, `writtenInAll`) is believed, so that none is billed never.
 */
export function usageFromOpenAI(json: unknown): Usage | null {
  const fields = objectOf(json)
  const prompt = countOf(fields['prompt_tokens'])
  const total = countOf(fields['total_tokens'] ?? 0)
  // An embedding writes nothing, and says so by its total alone.
  const unsaid = total === null || total === 0 ? undefined : 0
  const completion = countOf(fields['completion_tokens'] ?? unsaid)
  const input = inputParts(fields)
  const output = outputParts(fields)
  const citations = countOf(fields['citation_tokens'] ?? 0)
  if (prompt === null || completion === null || total === null) return null
  if (input === null || output === null || citations === null) return null

  const asked = readInAll({ prompt, completion, total }, { ...input, reasoning: output.reasoning })
  // Perplexity's deep research bills what it read of its sources as input, and counts that and its
  // reasoning beside all the rest (https://docs.perplexity.ai/getting-started/pricing).
  const read = asked + citations
  const reasoned = (fields['citation_tokens'] ?? null) === null ? 0 : output.reasoning
  const cachedInput = Math.min(input.cached, read)
  const cacheWrites = Math.min(input.cacheWrite, read - cachedInput)
  const cacheWriteHour = Math.min(input.cacheWriteHour, cacheWrites)
  const inputAudio = Math.min(input.audio, read - cachedInput - cacheWrites)

  // xAI has reasoning beside `completion_tokens` (https://docs.x.ai/docs/key-information/consumption-and-rate-limits),
  // Gemini's OpenAI face does not name it at all: in both it is what the total has over and above.
  const written = Math.max(completion, total - asked) + reasoned
  const reasoning = Math.min(Math.max(output.reasoning, written - completion), written)
  const outputAudio = Math.min(output.audio, written - reasoning)
  return {
    ...NO_USAGE,
    input: read - cachedInput - cacheWrites - inputAudio,
    cachedInput,
    cacheWrite: cacheWrites - cacheWriteHour,
    cacheWriteHour,
    inputAudio,
    output: written - reasoning - outputAudio,
    reasoning,
    outputAudio,
  }
}

/**
 * The `usage` of an answer of `/responses`, or null as above. The same counts under other names
 * (https://platform.openai.com/docs/api-reference/responses/object).
 */
export function usageFromResponses(json: unknown): Usage | null {
  const fields = objectOf(json)
  return usageFromOpenAI({
    prompt_tokens: fields['input_tokens'],
    prompt_tokens_details: fields['input_tokens_details'],
    completion_tokens: fields['output_tokens'],
    completion_tokens_details: fields['output_tokens_details'],
    total_tokens: fields['total_tokens'],
  })
}

type InputParts = {
  readonly cached: number
  /** For however long. */
  readonly cacheWrite: number
  /** Of these, for an hour. */
  readonly cacheWriteHour: number
  readonly audio: number
  /** The cache counts that came under Anthropic's names, which may stand beside `prompt_tokens`. */
  readonly anthropic: { readonly cached: number; readonly cacheWrite: number }
}

/**
 * Names of the same thing: `prompt_cache_hit_tokens` is DeepSeek's
 * (https://api-docs.deepseek.com/guides/kv_cache), a `cached_tokens` outside of the details is
 * Moonshot's, `cache_write_tokens` is OpenAI's and OpenRouter's, `cache_creation_tokens` LiteLLM's,
 * `cache_creation_input_tokens` in the details Alibaba's. How much of it was written for an hour is
 * in Anthropic's own `cache_creation`, and in LiteLLM's `cache_creation_token_details`.
 */
function inputParts(fields: Json): InputParts | null {
  const details = objectOf(fields['prompt_tokens_details'])
  const anthropicCached = countOf(fields['cache_read_input_tokens'] ?? 0)
  const anthropicWrite = countOf(fields['cache_creation_input_tokens'] ?? 0)
  const cached = countOf(
    details['cached_tokens'] ??
      fields['prompt_cache_hit_tokens'] ??
      fields['cached_tokens'] ??
      anthropicCached,
  )
  const cacheWrite = countOf(
    details['cache_write_tokens'] ??
      details['cache_creation_tokens'] ??
      details['cache_creation_input_tokens'] ??
      anthropicWrite,
  )
  const byTime = objectOf(details['cache_creation_token_details'] ?? fields['cache_creation'])
  const cacheWriteHour = countOf(byTime['ephemeral_1h_input_tokens'] ?? 0)
  const audio = countOf(details['audio_tokens'] ?? 0)
  if (anthropicCached === null || anthropicWrite === null) return null
  if (cached === null || cacheWrite === null || cacheWriteHour === null || audio === null) {
    return null
  }
  const anthropic = { cached: anthropicCached, cacheWrite: anthropicWrite }
  return { cached, cacheWrite, cacheWriteHour, audio, anthropic }
}

function outputParts(fields: Json): { reasoning: number; audio: number } | null {
  const details = objectOf(fields['completion_tokens_details'])
  const reasoning = countOf(details['reasoning_tokens'] ?? fields['reasoning_tokens'] ?? 0)
  const audio = countOf(details['audio_tokens'] ?? 0)
  return reasoning === null || audio === null ? null : { reasoning, audio }
}

/**
 * Everything that was read. OpenAI's `prompt_tokens` is that, cache and all, and so is LiteLLM's
 * even where it has Anthropic's names too. Anthropic itself counts cache reads and writes beside
 * the rest (https://docs.claude.com/en/docs/build-with-claude/prompt-caching), and some gateways
 * pass that on: it shows by a total that has them on top, or by a part that cannot be inside.
 */
function readInAll(
  { prompt, completion, total }: { prompt: number; completion: number; total: number },
  { cached, cacheWrite, anthropic, reasoning }: InputParts & { readonly reasoning: number },
): number {
  const cache = cached + cacheWrite
  const onTop = total - prompt - completion
  if (onTop === cache && onTop !== reasoning) return prompt + cache
  const read = anthropic.cached > prompt ? prompt + anthropic.cached : prompt
  return cached + anthropic.cacheWrite > read ? read + anthropic.cacheWrite : read
}

export const objectOf = (json: unknown): Json =>
  typeof json === 'object' && json !== null ? (json as Json) : {}

/** A count that can be one: a whole number from 0 to 1e9; else null. */
export function countOf(value: unknown): number | null {
  const isCount = Number.isInteger(value) && (value as number) >= 0
  return isCount && (value as number) <= TOKENS_MAX ? (value as number) : null
}
