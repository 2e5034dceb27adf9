import { type Ask, type Server, type ServerOptions, startServer, type Told } from './server.ts'
import { startUpstream, type Upstream, type UpstreamOptions } from './upstream.ts'
import type { Tokens } from './wire.ts'

/** Dollars a million tokens of each kind: whole nano-dollars a token, so sums can be done by hand. */
export const DOLLARS_A_MILLION: Tokens = {
  input: 3,
  cachedInput: 0.3,
  cacheWrite: 3.75,
  inputAudio: 10,
  output: 15,
  reasoning: 12,
  outputAudio: 20,
}

/** What the ledger must say that these tokens cost, in nano-dollars, before any rounding. */
export const nanosOf = (tokens: Partial<Tokens>): number =>
  Object.entries(tokens).reduce(
    (sum, [kind, count]) => sum + count * DOLLARS_A_MILLION[kind as keyof Tokens] * 1000,
    0,
  )

/** The real server in front of an upstream of ours, which it serves as `gpt-4o-mini`. */
export type Gateway = AsyncDisposable & {
  readonly upstream: Upstream
  readonly server: Server
  /** A chat completion of `gpt-4o-mini` for the customer `alice`; `more` is put over that. */
  chat(more?: object, init?: Ask): Promise<Told>
  /** The same, as it comes. */
  stream(more?: object, init?: Ask): Promise<Response>
  /** `/customer/info`, or null for an unknown one. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects, and fails if not.
  customer(id: string): Promise<any>
}

export type GatewayOptions = ServerOptions & {
  readonly upstream?: UpstreamOptions
  /** Lines of YAML added under the deployment's `litellm_params`. */
  readonly params?: readonly string[]
  /** YAML of further models and sections. */
  readonly settings?: string | ((upstream: Upstream) => string)
}

export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const upstream = await startUpstream(options.upstream)
  const server = await startServer({ config: configOf(upstream, options), ...options })
  const body = (more: object) => ({
    model: 'gpt-4o-mini',
    user: 'alice',
    messages: [{ role: 'user', content: 'Say hello' }],
    ...more,
  })
  return {
    upstream,
    server,
    chat: (more = {}, init = {}) =>
      server.ask('/v1/chat/completions', { json: body(more), ...init }),
    stream: (more = {}, init = {}) =>
      server.fetch('/v1/chat/completions', { json: body({ stream: true, ...more }), ...init }),
    async customer(id) {
      const { status, json } = await server.ask(
        `/customer/info?end_user_id=${encodeURIComponent(id)}`,
      )
      return status === 404 ? null : json
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await upstream.stop()
    },
  }
}

export function configOf(
  upstream: Upstream,
  { params = [], settings = '' }: GatewayOptions,
): string {
  const perToken = (kind: keyof Tokens) => `${DOLLARS_A_MILLION[kind]}e-6`
  return `
model_list:
  - model_name: gpt-4o-mini
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: ${upstream.url}
      api_key: sk-upstream-secret
      input_cost_per_token: ${perToken('input')}
      output_cost_per_token: ${perToken('output')}
      cache_read_input_token_cost: ${perToken('cachedInput')}
      cache_creation_input_token_cost: ${perToken('cacheWrite')}
      input_cost_per_audio_token: ${perToken('inputAudio')}
      output_cost_per_audio_token: ${perToken('outputAudio')}
      output_cost_per_reasoning_token: ${perToken('reasoning')}
${params.map((line) => `      ${line}\n`).join('')}
  - model_name: renamed
    litellm_params:
      model: openai/gpt-4o
      api_base: ${upstream.url}
      api_key: sk-upstream-secret
      input_cost_per_token: ${perToken('input')}
      output_cost_per_token: ${perToken('output')}
  - model_name: unpriced
    litellm_params:
      model: openai/nobody-knows-this-model
      api_base: ${upstream.url}
      api_key: sk-upstream-secret
${typeof settings === 'string' ? settings : settings(upstream)}`
}
