import {
  countOf,
  inputTokens,
  type Kind,
  NO_USAGE,
  objectOf,
  outputTokens,
  type Usage,
} from './usage.ts'
import type { Json } from './wire.ts'

/**
 * The `usage` of Anthropic's own answers, by kind (https://docs.claude.com/en/api/messages). Null
 * when a count is missing or is none, as in `usageFromOpenAI`.
 *
 * `input_tokens` is without what was read from a cache or written to one: the three stand side by
 * side (https://docs.claude.com/en/docs/build-with-claude/prompt-caching). How much of a write lasts
 * five minutes and how much an hour is in `cache_creation`; without it, all lasts five minutes.
 * Thinking is a part of `output_tokens`. What it took to make a conversation shorter is in none of
 * them, but among the `iterations` (https://docs.claude.com/en/docs/build-with-claude/compaction).
 */
export function usageFromAnthropic(json: unknown): Usage | null {
  const { iterations } = objectOf(json)
  const compactions = Array.isArray(iterations)
    ? iterations.filter((iteration) => objectOf(iteration)['type'] === 'compaction')
    : []
  let sum = countsOf(json)
  for (const compaction of compactions) {
    const other = countsOf(compaction)
    if (sum === null || other === null) return null
    sum = added(sum, other)
  }
  return sum
}

function added(one: Usage, other: Usage): Usage {
  const kinds = Object.entries(one).map(([kind, count]) => [kind, count + other[kind as Kind]])
  return Object.fromEntries(kinds) as Usage
}

function countsOf(json: unknown): Usage | null {
  const fields = objectOf(json)
  const input = countOf(fields['input_tokens'])
  const cachedInput = countOf(fields['cache_read_input_tokens'] ?? 0)
  const writes = cacheWrites(fields)
  const output = countOf(fields['output_tokens'])
  const details = objectOf(fields['output_tokens_details'])
  const thinking = countOf(details['thinking_tokens'] ?? 0)
  if (input === null || cachedInput === null || writes === null) return null
  if (output === null || thinking === null) return null
  const reasoning = Math.min(thinking, output)
  return { ...NO_USAGE, input, cachedInput, ...writes, output: output - reasoning, reasoning }
}

function cacheWrites(fields: Json): Pick<Usage, 'cacheWrite' | 'cacheWriteHour'> | null {
  const all = countOf(fields['cache_creation_input_tokens'] ?? 0)
  const byTime = objectOf(fields['cache_creation'])
  const short = countOf(byTime['ephemeral_5m_input_tokens'] ?? 0)
  const hour = countOf(byTime['ephemeral_1h_input_tokens'] ?? 0)
  if (all === null || short === null || hour === null) return null
  // Parts that are more than their whole are believed, so that no token is billed never.
  return { cacheWrite: Math.max(short, all - hour), cacheWriteHour: hour }
}

/**
 * What the last event of a stream says, over what its first one said: the counts of the last are of
 * the whole answer, and may leave out what the first one had
 * (https://docs.claude.com/en/docs/build-with-claude/streaming). Null also when the last does not
 * say what was written: the first has a count of that too, of the beginning.
 */
export function streamedUsage(first: unknown, last: unknown): Usage | null {
  if (countOf(objectOf(last)['output_tokens']) === null) return null
  const told = Object.entries(objectOf(last)).filter(([, value]) => value !== null)
  return usageFromAnthropic({ ...objectOf(first), ...Object.fromEntries(told) })
}

/** A usage in Anthropic's words. */
export const anthropicUsage = (usage: Usage) => ({
  input_tokens: usage.input + usage.inputAudio + usage.inputImage,
  cache_creation_input_tokens: usage.cacheWrite + usage.cacheWriteHour,
  cache_read_input_tokens: usage.cachedInput,
  output_tokens: outputTokens(usage),
})

/** A usage in OpenAI's words, with the details of caches in LiteLLM's. */
export const openaiUsage = (usage: Usage) => ({
  prompt_tokens: inputTokens(usage),
  completion_tokens: outputTokens(usage),
  total_tokens: inputTokens(usage) + outputTokens(usage),
  prompt_tokens_details: {
    cached_tokens: usage.cachedInput,
    cache_creation_tokens: usage.cacheWrite + usage.cacheWriteHour,
    cache_creation_token_details: {
      ephemeral_5m_input_tokens: usage.cacheWrite,
      ephemeral_1h_input_tokens: usage.cacheWriteHour,
    },
  },
  completion_tokens_details: { reasoning_tokens: usage.reasoning },
})
