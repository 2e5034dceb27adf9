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
  readonly dialect: {
    readonly keyHeader: 'authorization' | 'api-key'
    readonly apiVersion: string | null
    readonly pathDeployment: string | null
  }
}

/** Headers of the client that an upstream should see; all others stay with us. */
const PASSED_ON = ['accept', 'idempotency-key', 'openai-beta', 'traceparent', 'tracestate'] as const

/** Azure's endpoints that are the resource's, and have no deployment in their address. */
const OF_RESOURCE = /^\/responses\b/

/**
 * Where and how to ask an OpenAI-compatible upstream. `path` is the endpoint below the base URL,
 * with its query if it has one: `/chat/completions`.
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
  const { apiKey, dialect, extraHeaders } = target
  const { keyHeader } = dialect
  if (apiKey !== null) headers[keyHeader] = keyHeader === 'api-key' ? apiKey : `Bearer ${apiKey}`
  return { url: addressOf(target, path), headers: Object.assign(headers, extraHeaders) }
}

function addressOf({ apiBase, dialect }: Target, path: string): string {
  const { apiVersion, pathDeployment } = dialect
  const within =
    pathDeployment === null || OF_RESOURCE.test(path)
      ? ''
      : `/deployments/${encodeURIComponent(pathDeployment)}`
  const url = `${apiBase}${within}${path}`
  if (apiVersion === null) return url
  return `${url}${path.includes('?') ? '&' : '?'}api-version=${encodeURIComponent(apiVersion)}`
}
