import type { Target, UpstreamRequest } from '../openai.ts'

/**
 * The version of the API for clients that name none, and for what is translated: the next one,
 * 2026-10-21, takes no `temperature` (https://platform.claude.com/docs/en/api/versioning).
 */
const VERSION = '2023-06-01'

/** Headers of the client that Anthropic should see; all others stay with us. */
const PASSED_ON = [
  'accept',
  'anthropic-beta',
  'idempotency-key',
  'traceparent',
  'tracestate',
] as const

/**
 * Where and how to ask Anthropic; `path` is the endpoint below the base URL: `/messages`.
 *
 * `accept-encoding: identity`, because a stream must pass as it comes: a compressed one would
 * arrive in the compressor's blocks.
 */
export function anthropicRequest(target: Target, path: string, client: Headers): UpstreamRequest {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    'anthropic-version': client.get('anthropic-version') ?? VERSION,
  }
  for (const name of PASSED_ON) {
    const value = client.get(name)
    if (value !== null) headers[name] = value
  }
  if (target.apiKey !== null) headers['x-api-key'] = target.apiKey
  return { url: `${target.apiBase}${path}`, headers: { ...headers, ...target.extraHeaders } }
}
