/**
 * The longest answer of well-known models, in tokens, as their makers publish it. So that a call
 * without a cap has a worst case, and so that no cap we send is larger than the upstream takes
 * (OpenAI: "max_tokens is too large"). Null when it is not known for sure: the config can say
 * (`model_info.max_output_tokens`), and otherwise the server's default is assumed and sent.
 *
 * A table of our own, and a short one: too low a number would let a call without a cap pass what
 * is held for it, too high a one would be refused as a cap. So only exact families are in it.
 *
 * OpenAI: https://platform.openai.com/docs/models · Anthropic:
 * https://docs.claude.com/en/docs/about-claude/models/overview · Google:
 * https://ai.google.dev/gemini-api/docs/models · DeepSeek:
 * https://api-docs.deepseek.com/quick_start/pricing
 */
const BY_FAMILY: readonly (readonly [RegExp, number])[] = [
  [/^gpt-5(?:\.[12])?(?:-mini|-nano|-codex)?(?:-\d{4}|$)/, 128_000],
  [/^o1-mini/, 65_536],
  [/^o[134](?:-mini|-pro)?(?:-\d{4}|$)/, 100_000],
  [/^gpt-4\.1(?:-mini|-nano)?(?:-\d{4}|$)/, 32_768],
  [/^gpt-4o-2024-05-13$/, 4_096],
  [/^gpt-4o(?:-mini)?(?:-\d{4}|$)/, 16_384],
  [/^gpt-4-turbo(?:-\d{4}|$)/, 4_096],
  [/^gpt-3\.5-turbo(?:-\d{4}|$)/, 4_096],
  [/^claude-(?:sonnet|opus|haiku)-4[-.]5/, 64_000],
  [/^claude-sonnet-4(?:-\d{8}|-0|$)/, 64_000],
  [/^claude-opus-4(?:-1)?(?:-\d{8}|-0|$)/, 32_000],
  [/^claude-3-7-sonnet/, 64_000],
  [/^claude-3-5-(?:sonnet|haiku)/, 8_192],
  [/^claude-3-(?:opus|haiku|sonnet)/, 4_096],
  [/^gemini-2\.5-(?:pro|flash|flash-lite)$/, 65_536],
  [/^gemini-(?:2\.0-flash|1\.5-(?:pro|flash))/, 8_192],
]

/**
 * Null: not known. A maker before the model (`openai/gpt-4o`, as OpenRouter has it) is left off.
 */
export function outputTokensMax(provider: string, model: string): number | null {
  if (provider === 'demo') return 256
  const name = model.slice(model.lastIndexOf('/') + 1)
  return BY_FAMILY.find(([family]) => family.test(name))?.[1] ?? null
}
