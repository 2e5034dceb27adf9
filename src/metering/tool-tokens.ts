import { textIn } from './odd-json.ts'
import { objectOf } from './usage.ts'
import type { Json } from './wire.ts'

/** How to use tools: 159 to 804 tokens for the models so far, by model and `tool_choice`. */
const INSTRUCTIONS_MAX = 1_000

/** A tool of Anthropic's own: a shell 245, an editor 700, a screen 735 and up to 499 besides. */
const OWN_TOOL_MAX = 1_300

/**
 * The most tokens that a Claude is shown besides what a call says, because the call has tools:
 * instructions that come with any, and the definitions of those that are only named. They are
 * charged as input (https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview#pricing,
 * https://docs.claude.com/en/docs/about-claude/pricing#specific-tool-pricing).
 */
export function toolTokensMax({ tools }: Json): number {
  if (!Array.isArray(tools) || tools.length === 0) return 0
  return INSTRUCTIONS_MAX + tools.filter(isOwn).length * OWN_TOOL_MAX
}

/** Types of tools that the call itself defines, Anthropic's and OpenAI's. */
const DEFINED = new Set(['', 'custom', 'function'])

const isOwn = (tool: unknown): boolean => !DEFINED.has(textIn(objectOf(tool)['type']))
