import { openaiUsage, usageFromAnthropic } from '../../metering/anthropic-usage.ts'
import { textIn } from '../../metering/odd-json.ts'
import { objectOf } from '../../metering/usage.ts'
import type { Json } from '../../metering/wire.ts'

/** Why an answer ended, in OpenAI's words (https://docs.claude.com/en/api/handling-stop-reasons). */
const FINISHES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    end_turn: 'stop',
    stop_sequence: 'stop',
    pause_turn: 'stop',
    tool_use: 'tool_calls',
    max_tokens: 'length',
    model_context_window_exceeded: 'length',
    refusal: 'content_filter',
  }),
)

/** What is new has an end all the same. */
export const finishOf = (stopReason: unknown): string => FINISHES.get(textIn(stopReason)) ?? 'stop'

/** What Anthropic says of a refusal; null: nothing, or it was none. */
export function refusalOf({ stop_reason, stop_details }: Json): string | null {
  if (stop_reason !== 'refusal') return null
  const { explanation } = objectOf(stop_details)
  return typeof explanation === 'string' ? explanation : null
}

/**
 * An answer of `/messages` as one of `/chat/completions`; `created` is in seconds. What was thought
 * is in `reasoning_content`, and with its signature in `thinking_blocks`, as LiteLLM has both
 * (https://docs.litellm.ai/docs/reasoning_content).
 */
export function toOpenAI(message: Json, created: number): Json {
  const { id, model, content, stop_reason, usage } = message
  const counted = usageFromAnthropic(usage)
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [
      {
        index: 0,
        message: messageOf(blocksIn(content), refusalOf(message)),
        logprobs: null,
        finish_reason: finishOf(stop_reason),
      },
    ],
    ...(counted === null ? {} : { usage: openaiUsage(counted) }),
  }
}

const blocksIn = (content: unknown): Json[] => (Array.isArray(content) ? content.map(objectOf) : [])

function messageOf(blocks: readonly Json[], refusal: string | null): Json {
  const text = textOf(blocks, 'text')
  const thoughts = blocks.filter(isThought)
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toolCall)
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    refusal,
    ...(thoughts.length === 0
      ? {}
      : { reasoning_content: textOf(thoughts, 'thinking'), thinking_blocks: thoughts }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

export const isThought = ({ type }: Json): boolean =>
  type === 'thinking' || type === 'redacted_thinking'

const textOf = (blocks: readonly Json[], member: 'text' | 'thinking'): string =>
  blocks
    .filter(({ type }) => type === member)
    .map((block) => block[member])
    .join('')

const toolCall = ({ id, name, input }: Json): Json => ({
  id,
  type: 'function',
  function: { name, arguments: JSON.stringify(input ?? {}) },
})
