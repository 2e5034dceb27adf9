/** What receivers can be told of, by the names of LiteLLM's webhook: a charge, or a crossing. */
export const EVENT_NAMES = [
  'spend_tracked',
  'soft_budget_crossed',
  'threshold_crossed',
  'budget_crossed',
  'projected_limit_exceeded',
] as const

export type EventName = (typeof EVENT_NAMES)[number]
