/** How to reach the providers that Tollgate speaks to, when the config does not say it. */
export type KnownProvider = {
  /** Where it is, up to what comes before `/chat/completions`. Null: the config must say where. */
  readonly apiBase: string | null
  /** Environment variables with the address, for servers that everybody runs elsewhere. */
  readonly baseVariables: readonly string[]
  /** Environment variables with the key; the first that is set counts. */
  readonly keyVariables: readonly string[]
  /** It answers nobody without a key. */
  readonly needsKey: boolean
}

const hosted = (apiBase: string, ...keyVariables: string[]): KnownProvider => {
  return { apiBase, baseVariables: [], keyVariables, needsKey: true }
}

/** `variable` is the beginning of LiteLLM's two names: `LM_STUDIO` of `LM_STUDIO_API_BASE`. */
const selfHosted = (apiBase: string | null, variable: string | null = null): KnownProvider => {
  return {
    apiBase,
    baseVariables: variable === null ? [] : [`${variable}_API_BASE`],
    keyVariables: variable === null ? [] : [`${variable}_API_KEY`],
    needsKey: false,
  }
}

/**
 * All speak OpenAI's wire format but `anthropic`, which has one of its own. Names and variables are
 * LiteLLM's (https://docs.litellm.ai/docs/providers), so that its configs work. `…_API_BASE` is
 * read only where there is no public address: an `OPENAI_API_BASE` or `ANTHROPIC_BASE_URL` that
 * was set for clients of Tollgate would send Tollgate's own calls back to itself.
 *
 * Not LiteLLM's: deepseek, which it sends to the beta address
 * (https://api-docs.deepseek.com), and gemini and ollama, whose own formats it speaks; here they
 * are asked at https://ai.google.dev/gemini-api/docs/openai and
 * https://docs.ollama.com/api/openai-compatibility.
 */
export const PROVIDERS: ReadonlyMap<string, KnownProvider> = new Map(
  Object.entries({
    ai21_chat: hosted('https://api.ai21.com/studio/v1', 'AI21_API_KEY'),
    anthropic: hosted('https://api.anthropic.com/v1', 'ANTHROPIC_API_KEY'),
    cerebras: hosted('https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY'),
    codestral: hosted('https://codestral.mistral.ai/v1', 'CODESTRAL_API_KEY'),
    custom_openai: selfHosted(null),
    dashscope: hosted(
      'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
      'DASHSCOPE_API_KEY',
    ),
    deepinfra: hosted('https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY'),
    deepseek: hosted('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
    fireworks_ai: hosted(
      'https://api.fireworks.ai/inference/v1',
      'FIREWORKS_API_KEY',
      'FIREWORKS_AI_API_KEY',
      'FIREWORKSAI_API_KEY',
      'FIREWORKS_AI_TOKEN',
    ),
    friendliai: hosted(
      'https://api.friendli.ai/serverless/v1',
      'FRIENDLIAI_API_KEY',
      'FRIENDLI_TOKEN',
    ),
    gemini: hosted(
      'https://generativelanguage.googleapis.com/v1beta/openai',
      'GEMINI_API_KEY',
      'GOOGLE_API_KEY',
    ),
    groq: hosted('https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
    hosted_vllm: selfHosted(null, 'HOSTED_VLLM'),
    litellm_proxy: selfHosted(null, 'LITELLM_PROXY'),
    llamafile: selfHosted(null, 'LLAMAFILE'),
    lm_studio: selfHosted(null, 'LM_STUDIO'),
    meta_llama: hosted('https://api.llama.com/compat/v1', 'LLAMA_API_KEY'),
    mistral: hosted('https://api.mistral.ai/v1', 'MISTRAL_API_KEY'),
    moonshot: hosted('https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY'),
    nvidia_nim: hosted('https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY'),
    ollama: selfHosted('http://localhost:11434/v1', 'OLLAMA'),
    ollama_chat: selfHosted('http://localhost:11434/v1', 'OLLAMA'),
    openai: hosted('https://api.openai.com/v1', 'OPENAI_API_KEY'),
    openai_like: selfHosted(null),
    openrouter: hosted('https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY', 'OR_API_KEY'),
    perplexity: hosted('https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY', 'PERPLEXITY_API_KEY'),
    sambanova: hosted('https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY'),
    'text-completion-openai': hosted('https://api.openai.com/v1', 'OPENAI_API_KEY'),
    together_ai: hosted(
      'https://api.together.xyz/v1',
      'TOGETHER_API_KEY',
      'TOGETHER_AI_API_KEY',
      'TOGETHERAI_API_KEY',
      'TOGETHER_AI_TOKEN',
    ),
    vllm: selfHosted(null),
    volcengine: hosted('https://ark.cn-beijing.volces.com/api/v3', 'VOLCENGINE_API_KEY'),
    xai: hosted('https://api.x.ai/v1', 'XAI_API_KEY'),
    xinference: selfHosted(null, 'XINFERENCE'),
  }),
)

/** LiteLLM's others. Most have a wire format of their own, which Tollgate does not speak yet. */
export const UNSUPPORTED_PROVIDERS: ReadonlySet<string> = new Set(
  `
  ai21 aiml aleph_alpha amazon_nova anthropic_text anyscale apertis assemblyai
  auto_router azure azure_ai azure_text baseten bedrock bedrock_mantle bytez chatgpt chutes
  clarifai cloudflare cohere cohere_chat cometapi compactifai custom databricks datarobot
  deepgram docker_model_runner elevenlabs empower fal_ai featherless_ai galadriel gigachat github
  github_copilot gmi gradient_ai helicone heroku huggingface hyperbolic infinity jina_ai
  lambda_ai lemonade maritalk minimax morph nano-gpt nebius nlp_cloud novita nscale oci oobabooga
  ovhcloud palm petals poe predibase publicai ragflow recraft replicate runwayml sagemaker
  sagemaker_chat sagemaker_nova sap scaleway snowflake stability synthetic
  text-completion-codestral topaz triton v0 veniceai vercel_ai_gateway vertex_ai vertex_ai_beta
  voyage wandb watsonx watsonx_text zai
  `
    .trim()
    .split(/\s+/),
)

/** Models that LiteLLM knows by their bare name, and does not send to OpenAI. */
const BARE_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'vertex_ai'],
  [/^command-/, 'cohere'],
]

export type ModelAddress = {
  readonly provider: string
  /** What the upstream is asked for. */
  readonly upstreamModel: string
}

/**
 * Reads LiteLLM's `provider/model`. With an `api_base` it may also be a model id alone, in which a
 * slash is part of the name: only a provider that is known is taken off. Null: not a known one.
 */
export function parseModel(model: string, hasApiBase: boolean): ModelAddress | null {
  if (model === 'demo') return { provider: 'demo', upstreamModel: 'demo' }
  const slash = model.indexOf('/')
  const prefix = model.slice(0, Math.max(0, slash))
  const rest = model.slice(slash + 1)
  if (isProvider(prefix) && rest !== '') {
    return { provider: prefix, upstreamModel: upstreamName(prefix, rest) }
  }
  if (hasApiBase) return { provider: 'openai', upstreamModel: model }
  if (slash !== -1) return null
  const provider = BARE_NAMES.find(([pattern]) => pattern.test(model))?.[1] ?? 'openai'
  return { provider, upstreamModel: model }
}

const isProvider = (name: string): boolean =>
  name === 'demo' || PROVIDERS.has(name) || UNSUPPORTED_PROVIDERS.has(name)

/** Fireworks wants the whole path of a model, which LiteLLM completes. */
const upstreamName = (provider: string, model: string): string =>
  provider === 'fireworks_ai' && !model.startsWith('accounts/')
    ? `accounts/fireworks/models/${model}`
    : model

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
