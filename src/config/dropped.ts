import type { Dialect } from './config.ts'
import type { MapField, Reader } from './reader.ts'

/** What a call may cost depends on these, and what it is. */
const KEPT = new Set(
  'best_of input max_output_tokens max_tokens messages model n prompt stream'.split(' '),
)

/**
 * LiteLLM's `additional_drop_params`: members of a body that an upstream refuses, left out of what
 * it is sent (https://docs.litellm.ai/docs/completion/drop_params). A cap by a name that is to be
 * dropped becomes one by the other.
 */
export function withDropped(reader: Reader, params: MapField, dialect: Dialect): Dialect {
  const field = reader.field(params, 'additional_drop_params')
  const drops: string[] = []
  for (const item of reader.items(field, 'a list of members of a call, such as stream_options')) {
    const name = reader.text(item)
    if (name === null) continue
    if (!/^\w+$/.test(name)) {
      reader.wrong(item, 'the name of a member of a call, such as stream_options')
    } else if (KEPT.has(name)) {
      reader.wrong(item, 'another member: what a call is, or what it may cost, hangs on this one')
    } else drops.push(name)
  }
  const has = (name: string) => drops.includes(name)
  const isOlder = has('max_completion_tokens')
  return {
    ...dialect,
    drops: drops.filter((name) => name !== 'max_completion_tokens'),
    takesStreamOptions: dialect.takesStreamOptions && !has('stream_options'),
    takesCompletionCap: dialect.takesCompletionCap && !isOlder,
    chatCap: isOlder ? 'max_tokens' : dialect.chatCap,
  }
}
