import { textIn } from '../../metering/odd-json.ts'
import { objectOf } from '../../metering/usage.ts'
import type { Json } from '../../metering/wire.ts'
import { blocksOf, cacheOf, textBlocksOf } from './content.ts'
import { shown, wrong } from './untranslatable.ts'

/** What is asked, in Anthropic's shape. */
export type Conversation = { readonly system: readonly Json[]; readonly messages: readonly Json[] }

type Turn = { readonly role: 'user' | 'assistant'; readonly content: Json[] }

/**
 * OpenAI's messages as Anthropic's. Instructions of `system` and `developer` stand apart there, all
 * at the front. What tools answered is said by the user, and turns of one side after another are
 * one turn: answers to parallel calls have to come together
 * (https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use). A message's `name`
 * has no place. Throws `invalid_request` naming what cannot be said.
 */
export function conversationOf(messages: unknown): Conversation {
  if (!Array.isArray(messages)) throw wrong('messages', `must be a list, got ${shown(messages)}`)
  const system: Json[] = []
  const turns: Turn[] = []
  for (const [index, entry] of messages.entries()) {
    const message = objectOf(entry)
    const param = `messages[${index}]`
    const { role, content } = message
    if (role === 'system' || role === 'developer') {
      system.push(...marked(textBlocksOf(content, `${param}.content`), message))
    } else {
      say(turns, turnOf(message, param))
    }
  }
  return { system, messages: turns }
}

function turnOf(message: Json, param: string): Turn {
  const { role, content } = message
  switch (role) {
    case 'user': {
      const blocks = blocksOf(content, `${param}.content`)
      if (blocks.length === 0) throw wrong(`${param}.content`, 'must not be empty')
      return { role, content: marked(blocks, message) }
    }
    case 'assistant':
      return { role, content: marked(assistantBlocks(message, param), message) }
    case 'tool':
      return { role: 'user', content: [toolResult(message, param)] }
    default: {
      const right = 'must be "system", "developer", "user", "assistant" or "tool"'
      throw wrong(`${param}.role`, `${right}, got ${shown(role)}`)
    }
  }
}

/** Adds a turn, to the one before if that is of the same side. */
function say(turns: Turn[], turn: Turn) {
  const last = turns.at(-1)
  if (turn.content.length === 0) return
  if (last?.role === turn.role) last.content.push(...turn.content)
  else turns.push(turn)
}

/** A mark on a whole message is one on its last block. */
function marked(blocks: Json[], message: Json): Json[] {
  const last = blocks.at(-1)
  return last === undefined ? blocks : [...blocks.slice(0, -1), { ...last, ...cacheOf(message) }]
}

/**
 * What was thought comes first, then what was said, then the calls. Anthropic knows thoughts again
 * by their signature, which OpenAI's wire has no place for: `thinking_blocks` is LiteLLM's.
 */
function assistantBlocks(message: Json, param: string): Json[] {
  if (message['function_call'] !== undefined && message['function_call'] !== null) {
    throw wrong(`${param}.function_call`, 'is an old form; send `tool_calls`')
  }
  const thoughts = listOf(message['thinking_blocks'], `${param}.thinking_blocks`)
  const calls = listOf(message['tool_calls'], `${param}.tool_calls`)
  return [
    ...thoughts.map(objectOf),
    ...blocksOf(message['content'] ?? message['refusal'], `${param}.content`),
    ...calls.map((call, index) => toolUse(objectOf(call), `${param}.tool_calls[${index}]`)),
  ]
}

function toolUse(call: Json, param: string): Json {
  const { id, function: asked } = call
  const { name, arguments: given } = objectOf(asked)
  if (typeof id !== 'string') throw wrong(`${param}.id`, `must be text, got ${shown(id)}`)
  if (typeof name !== 'string') {
    throw wrong(`${param}.function.name`, `must be text, got ${shown(name)}`)
  }
  return { type: 'tool_use', id, name, input: inputOf(given, `${param}.function.arguments`) }
}

function inputOf(given: unknown, param: string): Json {
  if (given === undefined || given === '') return {}
  let input: unknown = null
  try {
    input = JSON.parse(textIn(given))
  } catch {
    // Said below.
  }
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Json
  throw wrong(param, `must be the JSON of an object, got ${shown(given)}`)
}

function toolResult(message: Json, param: string): Json {
  const { tool_call_id: id, content } = message
  if (typeof id !== 'string') throw wrong(`${param}.tool_call_id`, `must be text, got ${shown(id)}`)
  const blocks = blocksOf(content, `${param}.content`)
  const said = typeof content === 'string' ? content : blocks
  return { type: 'tool_result', tool_use_id: id, content: said, ...cacheOf(message) }
}

function listOf(value: unknown, param: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrong(param, `must be a list, got ${shown(value)}`)
  return value
}
