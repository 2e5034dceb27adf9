import { PROVIDERS, UNSUPPORTED_PROVIDERS } from './providers.ts'

export type ModelAddress = {
  readonly provider: string
  /** What the upstream is asked for. */
  readonly upstreamModel: string
  /** What its published price is found under. */
  readonly pricedAs: PricedAs
}

/** A model as LiteLLM names it: `azure`, `gpt-4o`. */
export type PricedAs = { readonly provider: string; readonly model: string }

/** Models that LiteLLM knows by their bare name, and does not send to OpenAI. */
const BARE_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'vertex_ai'],
  [/^command-/, 'cohere'],
]

/**
 * Reads LiteLLM's `provider/model`. With an `api_base` it may also be a model id alone, in which a
 * slash is part of the name: only a provider that is known is taken off. Null: not a known one.
 */
export function parseModel(model: string, hasApiBase: boolean): ModelAddress | null {
  if (model === 'demo') return addressOf('demo', 'demo')
  const slash = model.indexOf('/')
  const prefix = model.slice(0, Math.max(0, slash))
  const rest = model.slice(slash + 1)
  if (isProvider(prefix) && rest !== '') return addressOf(prefix, rest)
  if (hasApiBase) return addressOf('openai', model)
  if (slash !== -1) return null
  return addressOf(BARE_NAMES.find(([pattern]) => pattern.test(model))?.[1] ?? 'openai', model)
}

/** A `base_model`, which may lack its provider: then it is the deployment's. */
export function parseBaseModel(text: string, provider: string): PricedAs {
  const slash = text.indexOf('/')
  const prefix = text.slice(0, Math.max(0, slash))
  const model = text.slice(slash + 1)
  return isProvider(prefix) && model !== ''
    ? { provider: prefix, model }
    : { provider, model: text }
}

const isProvider = (name: string): boolean =>
  name === 'demo' || PROVIDERS.has(name) || UNSUPPORTED_PROVIDERS.has(name)

function addressOf(provider: string, model: string): ModelAddress {
  return {
    provider,
    upstreamModel: upstreamName(provider, model),
    pricedAs: pricedName(provider, model),
  }
}

/** The price data has models by their own name, and of a router by who serves them. */
function pricedName(provider: string, model: string): PricedAs {
  const [server, ...rest] = model.split('/')
  if (provider === 'huggingface' && rest.length === 2) {
    return { provider: `huggingface_${server}`, model: rest.join('/') }
  }
  const isOwn = provider.startsWith('vertex_ai')
  return { provider, model: isOwn ? model : upstreamName(provider, model) }
}

/** The name that the upstream knows, where LiteLLM's is another. */
function upstreamName(provider: string, model: string): string {
  switch (provider) {
    case 'fireworks_ai':
      // The whole path of a model, which LiteLLM completes.
      return model.startsWith('accounts/') ? model : `accounts/fireworks/models/${model}`
    case 'vertex_ai':
    case 'vertex_ai_beta':
      // https://cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview
      return model.startsWith('gemini-') ? `google/${model}` : model
    case 'bedrock':
      // LiteLLM's names of Bedrock's own wire formats.
      return model.replace(/^(converse|invoke)\//, '')
    case 'huggingface':
      return routedName(model)
    default:
      return model
  }
}

/**
 * LiteLLM's `together/deepseek-ai/DeepSeek-R1` is `deepseek-ai/DeepSeek-R1:together` to the router
 * itself (https://huggingface.co/docs/inference-providers).
 */
function routedName(model: string): string {
  const parts = model.split('/')
  return parts.length === 3 ? `${parts[1]}/${parts[2]}:${parts[0]}` : model
}

/** Models of OpenAI's that are OpenAI's own to serve; `gpt-oss` anybody may. */
const OPENAI_MODEL = /(^|\/)(gpt-(?!oss)|chatgpt-|o\d(-|$))/

/** Whether a model is one that OpenAI alone serves, by its name with or without its maker's. */
export const isOfOpenAI = (model: string): boolean => OPENAI_MODEL.test(model)

/**
 * The address as calls are sent to it: without a slash at the end, and without the path of the
 * call itself, which some configs have. Ollama is often given by host alone; its OpenAI-compatible
 * paths begin with `/v1`, and so do Anthropic's, which LiteLLM completes.
 */
export function baseOf(address: string, provider: string): string {
  const base = address
    .trim()
    .replace(/(\/chat\/completions|\/messages)?\/*$/, '')
    .replace(/\/+$/, '')
  if (provider === 'anthropic') return base.endsWith('/v1') ? base : `${base}/v1`
  const isBareOllama = provider.startsWith('ollama') && new URL(base).pathname === '/'
  return isBareOllama ? `${base}/v1` : base
}
