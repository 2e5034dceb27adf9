import type { DeploymentConfig, RoutingRules } from './config.ts'
import type { Field, MapField, Reader } from './reader.ts'

export const STRATEGIES = ['simple-shuffle', 'least-busy', 'latency-based-routing'] as const

/** LiteLLM's others: what they choose by is not looked at here. */
const OTHER_STRATEGIES = new Set([
  'usage-based-routing',
  'usage-based-routing-v2',
  'cost-based-routing',
  'provider-budget-routing',
])

/** LiteLLM's own defaults (https://docs.litellm.ai/docs/routing). */
export const DEFAULT_ROUTING: RoutingRules = {
  strategy: 'simple-shuffle',
  allowedFails: 3,
  cooldownMs: 5_000,
  fallbacks: new Map(),
  defaultFallbacks: [],
  contextWindowFallbacks: new Map(),
  contentPolicyFallbacks: new Map(),
}

/** What `router_settings` says of routing, or `litellm_settings`, which LiteLLM reads as well. */
export function readRouting(
  reader: Reader,
  sections: { readonly router: MapField | null; readonly litellm: MapField | null },
): RoutingRules {
  const field = (key: string) =>
    reader.field(sections.router, key) ?? reader.field(sections.litellm, key)
  const fails = reader.number(field('allowed_fails'), 'a whole number of failures from 0', {
    min: 0,
    max: 1e6,
    isWhole: true,
  })
  const cooldown = reader.number(field('cooldown_time'), 'a number of seconds from 0 to 86400', {
    min: 0,
    max: 86_400,
  })
  return {
    strategy: readStrategy(reader, reader.field(sections.router, 'routing_strategy')),
    allowedFails: fails ?? DEFAULT_ROUTING.allowedFails,
    cooldownMs: cooldown === null ? DEFAULT_ROUTING.cooldownMs : Math.round(cooldown * 1000),
    fallbacks: readFallbacks(reader, field('fallbacks')),
    defaultFallbacks: readNames(reader, field('default_fallbacks')),
    contextWindowFallbacks: readFallbacks(reader, field('context_window_fallbacks')),
    contentPolicyFallbacks: readFallbacks(reader, field('content_policy_fallbacks')),
  }
}

function readStrategy(reader: Reader, field: Field | null): RoutingRules['strategy'] {
  const text = field === null ? null : reader.text(field)
  if (field === null || text === null) return DEFAULT_ROUTING.strategy
  if (OTHER_STRATEGIES.has(text)) {
    const what = `${text} has no effect in Tollgate; simple-shuffle is used in its place`
    reader.report.warning(field.setting.line, `${field.name}: ${what}`)
    return DEFAULT_ROUTING.strategy
  }
  return reader.word(field, STRATEGIES) ?? DEFAULT_ROUTING.strategy
}

/** LiteLLM's list of maps: `[{gpt-4o: [gpt-4o-mini, claude]}]`. */
function readFallbacks(
  reader: Reader,
  field: Field | null,
): ReadonlyMap<string, readonly string[]> {
  const fallbacks = new Map<string, readonly string[]>()
  for (const item of reader.items(field, 'a list of maps, as in [{gpt-4o: [gpt-4o-mini]}]')) {
    const map = reader.map(item)
    if (map === null) continue
    for (const model of map.setting.entries.keys()) {
      fallbacks.set(model, readNames(reader, reader.field(map, model)))
    }
  }
  return fallbacks
}

function readNames(reader: Reader, field: Field | null): string[] {
  const names = reader.items(field, 'a list of models').map((item) => reader.text(item))
  return names.filter((name) => name !== null)
}

/** Says which fallback names a model that nobody serves. */
export function checkFallbacks(
  reader: Reader,
  rules: RoutingRules,
  deployments: readonly DeploymentConfig[],
) {
  const served = new Set(deployments.map(({ modelName }) => modelName))
  const named = [rules.fallbacks, rules.contextWindowFallbacks, rules.contentPolicyFallbacks]
  const targets = named.flatMap((map) => [...map.keys(), ...[...map.values()].flat()])
  for (const name of new Set([...targets, ...rules.defaultFallbacks])) {
    if (served.has(name)) continue
    reader.report.warning(1, `a fallback names the model ${name}, which model_list does not have`)
  }
}
