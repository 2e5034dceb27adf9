import type { Json } from '../metering/wire.ts'
import type { Deployment } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'
import type { Streaming } from './read-call.ts'

/**
 * What must differ upstream: the model's name there, what is ours, a cap, a stream's usage, and
 * what the upstream does not know. Null takes a member out.
 */
export function editsFor(
  json: Json,
  about: {
    readonly endpoint: Endpoint
    readonly deployment: Deployment
    readonly asked: Streaming
    readonly cap: number | null
  },
): Map<string, string | null> {
  const { endpoint, deployment, asked, cap } = about
  const { dialect } = deployment
  const edits = new Map<string, string | null>()
  if (json['model'] !== deployment.upstreamModel) {
    edits.set('model', JSON.stringify(deployment.upstreamModel))
  }
  const ours = [...OURS[endpoint.format], ...(endpoint.ours ?? [])]
  for (const name of [...ours, ...dialect.drops]) {
    if (name in json) edits.set(name, null)
  }
  if (endpoint.asksForUsage && !dialect.takesStreamOptions) {
    if ('stream_options' in json) edits.set('stream_options', null)
  } else if (endpoint.asksForUsage && asked.stream && !asked.usage) {
    const options = json['stream_options'] as object | null | undefined
    edits.set('stream_options', JSON.stringify({ ...options, include_usage: true }))
  }
  for (const [name, value] of capsFor(json, { endpoint, deployment, cap })) edits.set(name, value)
  for (const [name, value] of Object.entries(cap === null ? {} : endpoint.fitTo(json, cap))) {
    edits.set(name, JSON.stringify(value))
  }
  return edits
}

/** What is for the gateway alone; Anthropic refuses a member that it does not know. */
const OURS = {
  openai: ['litellm_metadata'],
  anthropic: ['litellm_metadata', 'user', 'safety_identifier'],
} as const

/** OpenAI's present name of a chat's cap, that not all heed. */
const COMPLETION_CAP = 'max_completion_tokens'

/** The client's own names for a cap keep their name if the upstream heeds it. */
function capsFor(
  json: Json,
  { endpoint, deployment, cap }: { endpoint: Endpoint; deployment: Deployment; cap: number | null },
): (readonly [string, string | null])[] {
  const { chatCap, takesCompletionCap } = deployment.dialect
  const given = endpoint.caps.filter((name) => typeof json[name] === 'number')
  if (!takesCompletionCap && endpoint.caps.includes(COMPLETION_CAP) && COMPLETION_CAP in json) {
    const value = cap ?? json['max_tokens'] ?? json[COMPLETION_CAP] ?? null
    const other = value === null ? [] : [['max_tokens', String(value)] as const]
    return [[COMPLETION_CAP, null], ...other]
  }
  if (cap === null) return []
  const names = given.length > 0 ? given : [endpoint.capFor(chatCap)]
  return names.filter((name) => name !== null).map((name) => [name, String(cap)] as const)
}
