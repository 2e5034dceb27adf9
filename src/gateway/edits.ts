import type { Json } from '../metering/wire.ts'
import type { Deployment } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'
import type { Streaming } from './read-call.ts'

/** What must differ upstream: the model's name there, what is ours, a cap, a stream's usage. */
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
  const edits = new Map<string, string | null>()
  if (json['model'] !== deployment.upstreamModel) {
    edits.set('model', JSON.stringify(deployment.upstreamModel))
  }
  for (const name of [...OURS[endpoint.format], ...(endpoint.ours ?? [])]) {
    if (name in json) edits.set(name, null)
  }
  if (endpoint.asksForUsage && asked.stream && !asked.usage) {
    const options = json['stream_options'] as object | null | undefined
    edits.set('stream_options', JSON.stringify({ ...options, include_usage: true }))
  }
  if (cap === null) return edits
  // The client's own names for it, if it has set one.
  const given = endpoint.caps.filter((name) => typeof json[name] === 'number')
  const added = given.length > 0 ? given : [endpoint.capFor(deployment.provider)]
  for (const name of added) if (name !== null) edits.set(name, String(cap))
  for (const [name, value] of Object.entries(endpoint.fitTo(json, cap))) {
    edits.set(name, JSON.stringify(value))
  }
  return edits
}

/** What is for the gateway alone; Anthropic refuses a member that it does not know. */
const OURS = {
  openai: ['litellm_metadata'],
  anthropic: ['litellm_metadata', 'user', 'safety_identifier'],
} as const
