import type { Dialect } from './config.ts'

/** How to reach a provider that Tollgate speaks to, when the config does not say it. */
export type KnownProvider = {
  /**
   * Where it is, up to what comes before `/chat/completions`; `{region}` in it is one of `places`.
   * Null: the config must say where.
   */
  readonly apiBase: string | null
  /** Environment variables with the address, for servers that everybody runs elsewhere. */
  readonly baseVariables: readonly string[]
  /** Environment variables with the key; the first that is set counts. */
  readonly keyVariables: readonly string[]
  /** It answers nobody without a key. */
  readonly needsKey: boolean
  /** What an address is completed with, by its name there. */
  readonly places: Readonly<Record<string, Place>>
  /** Models that it has, but not under this address; null: none are known. */
  readonly elsewhere: RegExp | null
  readonly dialect: Dialect
}

/** Where a part of an address is said: in `litellm_params`, else in the environment. */
export type Place = { readonly params: readonly string[]; readonly variables: readonly string[] }

/**
 * What nearly all take. `max_tokens` they all heed; `max_completion_tokens` many do not, or refuse,
 * and a cap that is not heeded is a budget that is passed.
 */
export const COMPATIBLE: Dialect = {
  keyHeader: 'authorization',
  apiVersion: null,
  pathDeployment: null,
  chatCap: 'max_tokens',
  takesCompletionCap: false,
  takesStreamOptions: true,
  drops: [],
}

/** As OpenAI itself, whose newer models refuse `max_tokens`. */
export const AS_OPENAI: Dialect = {
  ...COMPATIBLE,
  chatCap: 'max_completion_tokens',
  takesCompletionCap: true,
}

/**
 * Refuses what it does not know, `stream_options` and `max_completion_tokens` among it, and tells
 * the usage of a stream unasked: https://github.com/openai/openai-agents-python/issues/442,
 * https://github.com/editor-code-assistant/eca/issues/231
 */
const AS_MISTRAL: Dialect = { ...COMPATIBLE, takesStreamOptions: false }

const hosted = (apiBase: string, ...keyVariables: string[]): KnownProvider => {
  const usual = { places: {}, elsewhere: null, dialect: COMPATIBLE }
  return { apiBase, baseVariables: [], keyVariables, needsKey: true, ...usual }
}

/** `variable` is the beginning of LiteLLM's two names: `LM_STUDIO` of `LM_STUDIO_API_BASE`. */
const selfHosted = (apiBase: string | null, variable: string | null = null): KnownProvider => {
  return {
    apiBase,
    baseVariables: variable === null ? [] : [`${variable}_API_BASE`],
    keyVariables: variable === null ? [] : [`${variable}_API_KEY`],
    needsKey: false,
    places: {},
    elsewhere: null,
    dialect: COMPATIBLE,
  }
}

const speaking = (dialect: Dialect, provider: KnownProvider) => ({ ...provider, dialect })

const mistral = (apiBase: string, key: string) => speaking(AS_MISTRAL, hosted(apiBase, key))

const OLLAMA = selfHosted('http://localhost:11434/v1', 'OLLAMA')

const AWS_REGION: Place = {
  params: ['aws_region_name'],
  variables: ['AWS_REGION_NAME', 'AWS_REGION', 'AWS_DEFAULT_REGION'],
}

/**
 * With a key of Bedrock's own, for nothing is signed here. Claude, Nova and Llama are served in
 * formats of Bedrock's alone (https://tanstack.com/ai/latest/docs/adapters/bedrock).
 */
const bedrock = (apiBase: string): KnownProvider => ({
  ...hosted(apiBase, 'AWS_BEARER_TOKEN_BEDROCK'),
  places: { region: AWS_REGION },
  elsewhere: /(^|\.)(anthropic|amazon|meta)\./,
})

/** Asked with an access token of Google's, which holds for an hour: nothing renews it here. */
const VERTEX: KnownProvider = {
  ...hosted(
    'https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/endpoints/openapi',
  ),
  places: {
    project: { params: ['vertex_project', 'vertex_ai_project'], variables: ['VERTEXAI_PROJECT'] },
    location: {
      params: ['vertex_location', 'vertex_ai_location'],
      variables: ['VERTEXAI_LOCATION'],
    },
  },
  elsewhere: /^claude-/,
}

/** Their addresses are made in `azure.ts`, of what the config says. */
const azure = (
  prefix: 'AZURE' | 'AZURE_AI',
  dialect: Dialect,
  ...more: string[]
): KnownProvider => ({
  ...selfHosted(null, prefix),
  keyVariables: [`${prefix}_API_KEY`, ...more],
  needsKey: true,
  dialect,
})
const AZURE = azure('AZURE', AS_OPENAI, 'AZURE_OPENAI_API_KEY')

/** It refuses `stream_options`: https://github.com/continuedev/continue/issues/12936 */
const DATABRICKS: KnownProvider = {
  ...selfHosted(null, 'DATABRICKS'),
  needsKey: true,
  dialect: { ...COMPATIBLE, takesStreamOptions: false },
}

const COHERE = hosted('https://api.cohere.ai/compatibility/v1', 'COHERE_API_KEY', 'CO_API_KEY')

/**
 * All speak OpenAI's wire format but `anthropic`, which has one of its own. Names and variables are
 * LiteLLM's (https://docs.litellm.ai/docs/providers), so that its configs work. `…_API_BASE` is
 * read only where there is no public address: an `OPENAI_API_BASE` or `ANTHROPIC_BASE_URL` that
 * was set for clients of Tollgate would send Tollgate's own calls back to itself.
 *
 * Not LiteLLM's: deepseek, which it sends to the beta address (https://api-docs.deepseek.com);
 * github, whose old address is gone (https://docs.github.com/en/github-models/quickstart); and
 * those whose own formats it speaks. Here they are asked at
 * https://ai.google.dev/gemini-api/docs/openai,
 * https://cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview,
 * https://docs.ollama.com/api/openai-compatibility, https://docs.cohere.com/docs/compatibility-api,
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html and
 * https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility.
 */
export const PROVIDERS: ReadonlyMap<string, KnownProvider> = new Map(
  Object.entries({
    abliteration: hosted('https://api.abliteration.ai/v1', 'ABLITERATION_API_KEY'),
    ai21_chat: hosted('https://api.ai21.com/studio/v1', 'AI21_API_KEY'),
    aihubmix: hosted('https://aihubmix.com/v1', 'AIHUBMIX_API_KEY'),
    aiml: hosted('https://api.aimlapi.com/v1', 'AIML_API_KEY'),
    anthropic: hosted('https://api.anthropic.com/v1', 'ANTHROPIC_API_KEY'),
    apertis: hosted('https://api.stima.tech/v1', 'STIMA_API_KEY'),
    assemblyai: hosted('https://llm-gateway.assemblyai.com/v1', 'ASSEMBLYAI_API_KEY'),
    azure: AZURE,
    azure_ai: azure('AZURE_AI', COMPATIBLE),
    azure_text: AZURE,
    baseten: hosted('https://inference.baseten.co/v1', 'BASETEN_API_KEY'),
    bedrock: bedrock('https://bedrock-runtime.{region}.amazonaws.com/openai/v1'),
    bedrock_mantle: bedrock('https://bedrock-mantle.{region}.api.aws/v1'),
    cerebras: hosted('https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY'),
    chutes: hosted('https://llm.chutes.ai/v1', 'CHUTES_API_KEY'),
    cloudflare: {
      ...hosted(
        'https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1',
        'CLOUDFLARE_API_KEY',
      ),
      places: { account: { params: [], variables: ['CLOUDFLARE_ACCOUNT_ID'] } },
    },
    codestral: mistral('https://codestral.mistral.ai/v1', 'CODESTRAL_API_KEY'),
    cohere: COHERE,
    cohere_chat: COHERE,
    crusoe: hosted('https://managed-inference-api-proxy.crusoecloud.com/v1', 'CRUSOE_API_KEY'),
    custom_openai: selfHosted(null),
    dashscope: hosted(
      'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
      'DASHSCOPE_API_KEY',
    ),
    databricks: DATABRICKS,
    deepinfra: hosted('https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY'),
    deepseek: hosted('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
    featherless_ai: hosted('https://api.featherless.ai/v1', 'FEATHERLESS_AI_API_KEY'),
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
    galadriel: hosted('https://api.galadriel.com/v1', 'GALADRIEL_API_KEY'),
    gemini: hosted(
      'https://generativelanguage.googleapis.com/v1beta/openai',
      'GEMINI_API_KEY',
      'GOOGLE_API_KEY',
    ),
    github: hosted('https://models.github.ai/inference', 'GITHUB_API_KEY'),
    gmi: hosted('https://api.gmi-serving.com/v1', 'GMI_API_KEY'),
    groq: hosted('https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
    helicone: hosted('https://ai-gateway.helicone.ai', 'HELICONE_API_KEY'),
    hosted_vllm: selfHosted(null, 'HOSTED_VLLM'),
    huggingface: hosted('https://router.huggingface.co/v1', 'HUGGINGFACE_API_KEY', 'HF_TOKEN'),
    hyperbolic: hosted('https://api.hyperbolic.xyz/v1', 'HYPERBOLIC_API_KEY'),
    lambda_ai: hosted('https://api.lambda.ai/v1', 'LAMBDA_API_KEY'),
    litellm_proxy: selfHosted(null, 'LITELLM_PROXY'),
    llamagate: hosted('https://api.llamagate.dev/v1', 'LLAMAGATE_API_KEY'),
    llamafile: selfHosted(null, 'LLAMAFILE'),
    lm_studio: selfHosted(null, 'LM_STUDIO'),
    meta_llama: hosted('https://api.llama.com/compat/v1', 'LLAMA_API_KEY'),
    minimax: hosted('https://api.minimax.io/v1', 'MINIMAX_API_KEY'),
    mistral: mistral('https://api.mistral.ai/v1', 'MISTRAL_API_KEY'),
    moonshot: hosted('https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY'),
    morph: hosted('https://api.morphllm.com/v1', 'MORPH_API_KEY'),
    'nano-gpt': hosted('https://nano-gpt.com/api/v1', 'NANOGPT_API_KEY'),
    nebius: hosted('https://api.studio.nebius.ai/v1', 'NEBIUS_API_KEY'),
    novita: hosted('https://api.novita.ai/v3/openai', 'NOVITA_API_KEY'),
    nscale: hosted('https://inference.api.nscale.com/v1', 'NSCALE_API_KEY'),
    nvidia_nim: hosted('https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY'),
    ollama: OLLAMA,
    ollama_chat: OLLAMA,
    openai: speaking(AS_OPENAI, hosted('https://api.openai.com/v1', 'OPENAI_API_KEY')),
    openai_like: selfHosted(null),
    openrouter: hosted('https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY', 'OR_API_KEY'),
    ovhcloud: hosted('https://oai.endpoints.kepler.ai.cloud.ovh.net/v1', 'OVHCLOUD_API_KEY'),
    perplexity: hosted('https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY', 'PERPLEXITY_API_KEY'),
    poe: hosted('https://api.poe.com/v1', 'POE_API_KEY'),
    publicai: hosted('https://api.publicai.co/v1', 'PUBLICAI_API_KEY'),
    sambanova: hosted('https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY'),
    scaleway: hosted('https://api.scaleway.ai/v1', 'SCW_SECRET_KEY'),
    synthetic: hosted('https://api.synthetic.new/openai/v1', 'SYNTHETIC_API_KEY'),
    'text-completion-openai': hosted('https://api.openai.com/v1', 'OPENAI_API_KEY'),
    together_ai: hosted(
      'https://api.together.xyz/v1',
      'TOGETHER_API_KEY',
      'TOGETHER_AI_API_KEY',
      'TOGETHERAI_API_KEY',
      'TOGETHER_AI_TOKEN',
    ),
    v0: hosted('https://api.v0.dev/v1', 'V0_API_KEY'),
    veniceai: hosted('https://api.venice.ai/api/v1', 'VENICE_AI_API_KEY'),
    vercel_ai_gateway: hosted(
      'https://ai-gateway.vercel.sh/v1',
      'VERCEL_AI_GATEWAY_API_KEY',
      'VERCEL_OIDC_TOKEN',
    ),
    vertex_ai: VERTEX,
    vertex_ai_beta: VERTEX,
    vllm: selfHosted(null),
    volcengine: hosted('https://ark.cn-beijing.volces.com/api/v3', 'VOLCENGINE_API_KEY'),
    wandb: hosted('https://api.inference.wandb.ai/v1', 'WANDB_API_KEY'),
    xai: hosted('https://api.x.ai/v1', 'XAI_API_KEY'),
    xiaomi_mimo: hosted('https://api.xiaomimimo.com/v1', 'XIAOMI_MIMO_API_KEY'),
    xinference: selfHosted(null, 'XINFERENCE'),
    zai: hosted('https://api.z.ai/api/paas/v4', 'ZAI_API_KEY'),
  }),
)

/** What completes the addresses of some, in `litellm_params`. */
export const PLACE_KEYS: readonly string[] = [...PROVIDERS.values()].flatMap(({ places }) =>
  Object.values(places).flatMap(({ params }) => params),
)

/** LiteLLM's others. Most have a wire format of their own, which Tollgate does not speak yet. */
export const UNSUPPORTED_PROVIDERS: ReadonlySet<string> = new Set(
  `
  ai21 aleph_alpha amazon_nova anthropic_text anyscale auto_router bytez chatgpt
  clarifai cometapi compactifai custom datarobot deepgram docker_model_runner elevenlabs empower
  fal_ai gigachat github_copilot gradient_ai heroku infinity jina_ai lemonade maritalk nlp_cloud
  oci oobabooga palm petals predibase ragflow recraft replicate runwayml sagemaker
  sagemaker_chat sagemaker_nova sap snowflake stability text-completion-codestral topaz triton
  voyage watsonx watsonx_text
  `
    .trim()
    .split(/\s+/),
)
