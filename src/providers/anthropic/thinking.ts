import { textIn } from '../../metering/odd-json.ts'
import type { Json } from '../../metering/wire.ts'
import { shown, wrong } from './untranslatable.ts'

/** OpenAI's efforts as Anthropic's (https://docs.claude.com/en/docs/build-with-claude/effort). */
const EFFORTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    minimal: 'low',
    low: 'low',
    medium: 'medium',
    high: 'high',
    xhigh: 'xhigh',
    max: 'max',
  }),
)

/**
 * Tokens to think for, by effort, for models that want a number: LiteLLM's
 * (https://docs.litellm.ai/docs/providers/anthropic#usage---thinking--reasoning_content).
 */
const BUDGETS: Readonly<Record<string, number>> = { low: 1_024, medium: 2_048, high: 4_096 }

/** Anthropic takes no fewer, and fewer than `max_tokens` of the call. */
const BUDGET_MIN = 1_024

/**
 * `reasoning_effort` as Anthropic's `thinking`. From 4.6 on a model decides by itself how long it
 * thinks, by the effort; those before are given a number of tokens
 * (https://docs.claude.com/en/docs/build-with-claude/adaptive-thinking). Where the cap leaves no
 * room for that, nothing is thought. A client's own `thinking` goes before all of it.
 */
export function thinkingOf(
  json: Json,
  { model, maxTokens }: { readonly model: string; readonly maxTokens: number },
): { readonly thinking?: unknown; readonly effort?: string } {
  const asked = json['reasoning_effort'] ?? null
  const own = json['thinking'] ?? null
  if (asked === null) return own === null ? {} : { thinking: own }
  const isAdaptive = isSelfPaced(model)
  if (asked === 'none') {
    if (own !== null) return { thinking: own }
    return isAdaptive ? { thinking: { type: 'disabled' } } : {}
  }
  const effort = EFFORTS.get(textIn(asked))
  if (effort === undefined) {
    const right = `must be "none", ${[...EFFORTS.keys()].map(shown).join(', ')}`
    throw wrong('reasoning_effort', `${right}, got ${shown(asked)}`)
  }
  if (isAdaptive) return { thinking: own ?? { type: 'adaptive' }, effort }
  if (own !== null) return { thinking: own }
  const budget = Math.min(BUDGETS[effort] ?? BUDGETS['high']!, maxTokens - 1)
  return budget < BUDGET_MIN ? {} : { thinking: { type: 'enabled', budget_tokens: budget } }
}

/** `claude-opus-4-6`, `claude-sonnet-5`; not `claude-3-7-sonnet`, `claude-sonnet-4-20250514`. */
const NAME = /claude-[a-z]+-(\d+)(?:-(\d{1,2}))?(?!\d)/

function isSelfPaced(model: string): boolean {
  const [, major, minor] = NAME.exec(model) ?? []
  if (major === undefined) return false
  return Number(major) > 4 || (Number(major) === 4 && Number(minor ?? 0) >= 6)
}
