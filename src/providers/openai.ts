/** What it takes to ask an upstream. */
export type UpstreamRequest = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** The part of a deployment that a provider needs in order to ask it. */
export type Target = {
  readonly apiBase: string | null
  readonly apiKey: string | null
  readonly extraHeaders: Readonly<Record<string, string>>
}

/** Headers of the client that an upstream should see; all others stay with us. */
const PASSED_ON = ['accept', 'idempotency-key', 'openai-beta', 'traceparent', 'tracestate'] as const

/**
 * Where and how to ask an OpenAI-compatible upstream. `path` is the endpoint below the base URL:
 * `/chat/completions`.
 *
 * `accept-encoding: identity`, because a stream must pass as it comes: a compressed one would
 * arrive in the compressor's blocks.
 */
export function openaiRequest(target: Target, path: string, client: Headers): UpstreamRequest {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
  }
  for (const name of PASSED_ON) {
    const value = client.get(name)
    if (value !== null) headers[name] = value
  }
  if (target.apiKey !== null) headers['authorization'] = `Bearer ${target.apiKey}`
  return { url: `${target.apiBase}${path}`, headers: { ...headers, ...target.extraHeaders } }
}
