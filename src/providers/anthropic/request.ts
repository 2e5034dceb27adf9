import { objectOf } from '../../metering/usage.ts'
import type { Json } from '../../metering/wire.ts'
import { conversationOf } from './conversation.ts'
import { thinkingOf } from './thinking.ts'
import { toolsOf } from './tools.ts'
import { shown, Untranslatable, wrong } from './untranslatable.ts'

/** Anthropic wants a cap on every call; this is LiteLLM's where nobody knows the model's own. */
const MAX_TOKENS_OTHERWISE = 4_096

/** What decides how a call is translated, besides itself. */
export type Translation = {
  /** The longest answer of the model, which is the cap of a call without one; null: not known. */
  readonly outputTokensMax: number | null
  /** LiteLLM's `drop_params`: what cannot be said is left out. */
  readonly dropsParams: boolean
}

/** What has no say in the answer, or is the gateway's: nothing is lost when it is left out. */
const WITHOUT_A_SAY = new Set([
  'litellm_metadata',
  'metadata',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
  'store',
  'stream_options',
  'user',
])

/** Read below, or in the files for their subject. */
const TRANSLATED = new Set([
  'max_completion_tokens',
  'max_tokens',
  'messages',
  'model',
  'parallel_tool_calls',
  'reasoning_effort',
  'response_format',
  'service_tier',
  'stop',
  'stream',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_p',
])

/** Anthropic's own, which its clients send beside OpenAI's as they do to LiteLLM. */
const ANTHROPICS = ['cache_control', 'inference_geo', 'speed', 'top_k'] as const

/** Of these the neutral value asks for nothing. */
const NEUTRAL: ReadonlyMap<string, (value: unknown) => boolean> = new Map(
  Object.entries<(value: unknown) => boolean>({
    frequency_penalty: (value) => value === 0,
    logit_bias: (value) => Object.keys(objectOf(value)).length === 0,
    logprobs: (value) => value === false,
    modalities: (value) => Array.isArray(value) && value.every((modality) => modality === 'text'),
    n: (value) => value === 1,
    presence_penalty: (value) => value === 0,
  }),
)

/**
 * A call of `/chat/completions` as one of Anthropic's `/messages`
 * (https://docs.claude.com/en/api/messages, https://docs.claude.com/en/api/openai-sdk). Throws
 * `invalid_request` for what is wrong, and for what Anthropic has nothing for, naming the field.
 */
export function toAnthropic(json: Json, translation: Translation): Json {
  const cannot = new Untranslatable(translation.dropsParams)
  refuseOthers(json, cannot)
  const model = String(json['model'])
  const maxTokens = capOf(json) ?? translation.outputTokensMax ?? MAX_TOKENS_OTHERWISE
  const { system, messages } = conversationOf(json['messages'])
  const { thinking, effort } = thinkingOf(json, { model, maxTokens })
  const format = formatOf(json['response_format'] ?? null, cannot)
  const output = {
    ...(effort === undefined ? {} : { effort }),
    ...(format === null ? {} : { format }),
  }
  return {
    model,
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...toolsOf(json, cannot),
    ...stopOf(json['stop'] ?? null),
    ...temperatureOf(json['temperature'] ?? null, cannot),
    ...optional('top_p', json['top_p']),
    ...optional('thinking', thinking),
    ...(Object.keys(output).length === 0 ? {} : { output_config: output }),
    ...tierOf(json['service_tier'] ?? null, cannot),
    ...userOf(json),
    ...(json['stream'] === true ? { stream: true } : {}),
    ...Object.assign({}, ...ANTHROPICS.map((name) => optional(name, json[name]))),
  }
}

const optional = (name: string, value: unknown): Json =>
  value === undefined || value === null ? {} : { [name]: value }

function refuseOthers(json: Json, cannot: Untranslatable) {
  for (const [name, value] of Object.entries(json)) {
    if (value === null || TRANSLATED.has(name) || WITHOUT_A_SAY.has(name)) continue
    if ((ANTHROPICS as readonly string[]).includes(name) || NEUTRAL.get(name)?.(value)) continue
    cannot.refuse(name, `cannot be said to an Anthropic model, got ${shown(value)}`)
  }
}

/** Of two caps the larger, which is what is held for. */
function capOf(json: Json): number | null {
  const caps = [json['max_completion_tokens'], json['max_tokens']]
  const given = caps.filter((cap) => typeof cap === 'number')
  return given.length === 0 ? null : Math.max(...given)
}

function stopOf(stop: unknown): Json {
  if (stop === null) return {}
  const sequences = Array.isArray(stop) ? stop : [stop]
  if (!sequences.every((sequence) => typeof sequence === 'string')) {
    throw wrong('stop', `must be text or a list of texts, got ${shown(stop)}`)
  }
  return sequences.length === 0 ? {} : { stop_sequences: sequences }
}

/** OpenAI's goes up to 2, Anthropic's to 1. */
function temperatureOf(temperature: unknown, cannot: Untranslatable): Json {
  if (temperature === null) return {}
  if (typeof temperature !== 'number' || temperature < 0 || temperature > 2) {
    throw wrong('temperature', `must be a number from 0 to 2, got ${shown(temperature)}`)
  }
  if (temperature <= 1) return { temperature }
  cannot.refuse('temperature', `goes up to 1 for an Anthropic model, got ${temperature}`)
  return {}
}

/** https://docs.claude.com/en/docs/build-with-claude/structured-outputs */
function formatOf(format: unknown, cannot: Untranslatable): Json | null {
  const { type, json_schema } = objectOf(format)
  if (format === null || type === 'text') return null
  const { schema } = objectOf(json_schema)
  if (type === 'json_schema' && typeof schema === 'object' && schema !== null) {
    return { type, schema }
  }
  const right = 'must be of type "text" or "json_schema", with a schema, for an Anthropic model'
  cannot.refuse('response_format', `${right}, got ${shown(format)}`)
  return null
}

/** https://docs.claude.com/en/api/service-tiers */
function tierOf(tier: unknown, cannot: Untranslatable): Json {
  if (tier === null || tier === 'auto') return {}
  if (tier === 'default') return { service_tier: 'standard_only' }
  const right = 'must be "auto" or "default" for an Anthropic model'
  cannot.refuse('service_tier', `${right}, got ${shown(tier)}`)
  return {}
}

/** Whom Anthropic is told of: it wants no address and no number of a person, as LiteLLM has it. */
const PERSONAL = /@|^\+?[\d\s().-]{7,}$/

function userOf(json: Json): Json {
  const user = json['user'] ?? json['safety_identifier']
  const isTold = typeof user === 'string' && user !== '' && !PERSONAL.test(user)
  return isTold ? { metadata: { user_id: user } } : {}
}
