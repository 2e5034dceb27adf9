import { textIn } from './odd-json.ts'
import { objectOf } from './usage.ts'
import type { Json } from './wire.ts'

/** Tools that Anthropic runs by itself: for a fee, over unseen text, or by other models. */
const SERVER_TOOL = /^(web_search|web_fetch|code_execution|advisor)_/

/**
 * The member of a call to Anthropic that makes it cost what nobody can know before from its tokens
 * at the usual price: answers that come faster or from a chosen region
 * (https://docs.claude.com/en/docs/about-claude/pricing), tools that it runs itself, other models
 * that answer instead, a conversation that it keeps, or makes shorter by itself. Null: there is
 * none.
 */
export function billedBesides(json: Json): string | null {
  if (json['speed'] === 'fast') return 'speed'
  if (json['inference_geo'] === 'us') return 'inference_geo'
  const other = ['fallbacks', 'thread'].find((name) => (json[name] ?? null) !== null)
  if (other !== undefined) return other
  const { edits } = objectOf(json['context_management'])
  const isShortened = Array.isArray(edits) && edits.some((edit) => isOf(edit, /^compact/))
  if (isShortened) return 'context_management'
  if (Array.isArray(json['mcp_servers']) && json['mcp_servers'].length > 0) return 'mcp_servers'
  const tools = Array.isArray(json['tools']) ? json['tools'] : []
  const index = tools.findIndex((tool) => isOf(tool, SERVER_TOOL))
  return index === -1 ? null : `tools[${index}]`
}

const isOf = (json: unknown, type: RegExp): boolean => type.test(textIn(objectOf(json)['type']))
