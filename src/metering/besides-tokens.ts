import { textIn } from './odd-json.ts'
import { objectOf } from './usage.ts'
import type { Json } from './wire.ts'

/**
 * The member of a call that makes it cost what nobody can know before from its tokens at the usual
 * price. Null: there is none.
 */
export const billedBesides = (json: Json, provider: string): string | null =>
  provider === 'anthropic' ? besidesOfAnthropic(json) : besidesOfOpenAI(json)

/** Tools that Anthropic runs by itself: for a fee, over unseen text, or by other models. */
const SERVER_TOOL = /^(web_search|web_fetch|code_execution|advisor)_/

/**
 * Of a call to Anthropic: answers that come faster or from a chosen region
 * (https://docs.claude.com/en/docs/about-claude/pricing), tools that it runs itself, other models
 * that answer instead, a conversation that it keeps, or makes shorter by itself.
 */
function besidesOfAnthropic(json: Json): string | null {
  if (json['speed'] === 'fast') return 'speed'
  if (json['inference_geo'] === 'us') return 'inference_geo'
  const other = ['fallbacks', 'thread'].find((name) => (json[name] ?? null) !== null)
  if (other !== undefined) return other
  const { edits } = objectOf(json['context_management'])
  const isShortened = Array.isArray(edits) && edits.some((edit) => isOf(edit, /^compact/))
  if (isShortened) return 'context_management'
  if (Array.isArray(json['mcp_servers']) && json['mcp_servers'].length > 0) return 'mcp_servers'
  return toolOf(json, (tool) => isOf(tool, SERVER_TOOL))
}

/**
 * Tools that OpenAI, xAI, Google and Groq run themselves: for a fee each time, over unseen text, or
 * by other models. A type may end in a version.
 */
const HOSTED_TOOL = new RegExp(
  '^(?:(?:web|x|file|collections|google|browser)_search|web_fetch|code_interpreter|' +
    'code_execution|image_generation|mcp)(?:_|$)',
)

/** Where a shell is OpenAI's own container, and not the client's machine. */
const CONTAINER = /^container_/

/**
 * Searches of OpenAI and Perplexity, of xAI, what OpenRouter does besides, and models that it asks
 * instead.
 */
const OTHERS = ['web_search_options', 'search_parameters', 'plugins', 'models'] as const

/**
 * Of a call in OpenAI's format (https://platform.openai.com/docs/pricing#built-in-tools,
 * https://docs.x.ai/docs/guides/tools/overview, https://openrouter.ai/docs/features/web-search,
 * https://console.groq.com/docs/tool-use/built-in-tools).
 */
function besidesOfOpenAI(json: Json): string | null {
  const other = OTHERS.find((name) => isAsked(json[name]))
  if (other !== undefined) return other
  return toolOf(
    json,
    (tool) => isOf(tool, HOSTED_TOOL) || isOf(objectOf(tool)['environment'], CONTAINER),
  )
}

const isAsked = (value: unknown): boolean =>
  (value ?? null) !== null && !(Array.isArray(value) && value.length === 0)

function toolOf({ tools }: Json, isWanted: (tool: unknown) => boolean): string | null {
  const index = Array.isArray(tools) ? tools.findIndex(isWanted) : -1
  return index === -1 ? null : `tools[${index}]`
}

const isOf = (json: unknown, type: RegExp): boolean => type.test(textIn(objectOf(json)['type']))
