import { objectOf } from './usage.ts'
import type { Json } from './wire.ts'

/** Tools that Anthropic runs by itself: for a fee, or over text that nobody has seen before. */
const SERVER_TOOL = /^(web_search|web_fetch|code_execution)_/

/**
 * The member of a call to Anthropic that makes it cost what the tokens at the usual price do not:
 * answers that come faster or from a chosen region, and tools that it runs itself, whose fees and
 * findings nobody can know before (https://docs.claude.com/en/docs/about-claude/pricing). Null:
 * there is none.
 */
export function billedBesides(json: Json): string | null {
  if (json['speed'] === 'fast') return 'speed'
  if (json['inference_geo'] === 'us') return 'inference_geo'
  if (Array.isArray(json['mcp_servers']) && json['mcp_servers'].length > 0) return 'mcp_servers'
  const tools = Array.isArray(json['tools']) ? json['tools'] : []
  const index = tools.findIndex((tool) => SERVER_TOOL.test(String(objectOf(tool)['type'])))
  return index === -1 ? null : `tools[${index}]`
}
