import { objectOf } from '../../metering/usage.ts'
import type { Json } from '../../metering/wire.ts'
import { cacheOf } from './content.ts'
import { shown, type Untranslatable, wrong } from './untranslatable.ts'

/**
 * OpenAI's `tools`, `tool_choice` and `parallel_tool_calls` as Anthropic's
 * (https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview).
 */
export function toolsOf(json: Json, cannot: Untranslatable): Json {
  const { tools, tool_choice, parallel_tool_calls } = json
  if (tools === undefined || tools === null) return {}
  if (!Array.isArray(tools)) throw wrong('tools', `must be a list, got ${shown(tools)}`)
  const own = tools.flatMap((tool, index) => toolOf(objectOf(tool), `tools[${index}]`, cannot))
  if (own.length === 0) return {}
  const choice = choiceOf(tool_choice ?? null, cannot)
  const isOneByOne = parallel_tool_calls === false && choice?.['type'] !== 'none'
  const single = isOneByOne ? { disable_parallel_tool_use: true } : {}
  if (choice === null && !isOneByOne) return { tools: own }
  return { tools: own, tool_choice: { ...(choice ?? { type: 'auto' }), ...single } }
}

function toolOf(tool: Json, param: string, cannot: Untranslatable): Json[] {
  if (tool['type'] !== 'function') {
    const why = `must be "function" for an Anthropic model, got ${shown(tool['type'])}`
    cannot.refuse(`${param}.type`, why)
    return []
  }
  const { name, description, parameters, strict } = objectOf(tool['function'])
  if (typeof name !== 'string') {
    throw wrong(`${param}.function.name`, `must be text, got ${shown(name)}`)
  }
  return [
    {
      name,
      ...(typeof description === 'string' ? { description } : {}),
      input_schema: parameters ?? { type: 'object', properties: {} },
      ...(strict === true ? { strict } : {}),
      ...cacheOf({ ...objectOf(tool['function']), ...tool }),
    },
  ]
}

function choiceOf(choice: unknown, cannot: Untranslatable): Json | null {
  if (choice === null) return null
  if (choice === 'auto' || choice === 'none') return { type: choice }
  if (choice === 'required') return { type: 'any' }
  const { type, function: named } = objectOf(choice)
  const { name } = objectOf(named)
  if (type === 'function' && typeof name === 'string') return { type: 'tool', name }
  const right = 'must be "auto", "none", "required" or name a function for an Anthropic model'
  cannot.refuse('tool_choice', `${right}, got ${shown(choice)}`)
  return null
}
