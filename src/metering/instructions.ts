import { textIn } from './odd-json.ts'
import { objectOf } from './usage.ts'
import type { Json } from './wire.ts'

/** How to use tools: 159 to 804 tokens for the models so far, by model and `tool_choice`. */
const TOOLS_MAX = 1_000

/** A tool of Anthropic's own: a shell 245, an editor 700, a screen 735 and up to 499 besides. */
const OWN_TOOL_MAX = 1_300

/** How to keep to a schema: nobody publishes how many, but that they are few. */
const SCHEMA_MAX = 1_000

/**
 * The most tokens that a Claude is shown besides what a call says: instructions that come with
 * tools and with a schema for its answer, and the definitions of tools that are only named. They
 * are charged as input (https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview#pricing,
 * https://docs.claude.com/en/docs/about-claude/pricing#specific-tool-pricing,
 * https://docs.claude.com/en/docs/build-with-claude/structured-outputs).
 */
export function instructionTokensMax(body: Json): number {
  const tools = Array.isArray(body['tools']) ? body['tools'] : []
  const own = tools.filter(isOwn).length * OWN_TOOL_MAX
  return (tools.length === 0 ? 0 : TOOLS_MAX + own) + (hasSchema(body) ? SCHEMA_MAX : 0)
}

/** Types of tools that the call itself defines, Anthropic's and OpenAI's. */
const DEFINED = new Set(['', 'custom', 'function'])

const isOwn = (tool: unknown): boolean => !DEFINED.has(textIn(objectOf(tool)['type']))

/** Anthropic's name of it, the one before, and OpenAI's. */
const hasSchema = (body: Json): boolean =>
  [objectOf(body['output_config'])['format'], body['output_format'], body['response_format']].some(
    (format) => textIn(objectOf(format)['type']) === 'json_schema',
  )
