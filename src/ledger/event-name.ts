/**
 * What receivers can be told of: a charge or a crossing, by the names of LiteLLM's webhook, and
 * what happens to credit that is paid in advance.
 */
export const EVENT_NAMES = [
  'spend_tracked',
  'soft_budget_crossed',
  'threshold_crossed',
  'budget_crossed',
  'projected_limit_exceeded',
  'margin_negative',
  'credit_granted',
  'credit_low',
  'credit_exhausted',
] as const

export type EventName = (typeof EVENT_NAMES)[number]
