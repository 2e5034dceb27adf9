import { nearest, Refusal } from '../errors.ts'
import type { Limits } from '../ledger/budget.ts'

/** The refusal of a model that is not served, in a field that names one. */
export function notServed(
  model: string,
  served: readonly string[],
  field = 'default_model',
): Refusal {
  const meant = nearest(model, served)
  const hint = meant === null ? '' : `; did you mean ${meant}?`
  return new Refusal(
    'unprocessable',
    `${field} ${model} is not served; served are ${served.join(', ')}${hint}`,
    { param: field },
  )
}

/** Throws `unprocessable` for a model that is not served: what it limits would never be met. */
export function requireServed(
  models: readonly (string | null | undefined)[],
  served: readonly string[],
  field = 'default_model',
) {
  for (const model of models) {
    if (typeof model === 'string' && !served.includes(model)) throw notServed(model, served, field)
  }
}

/** The same for all the models that limits name. */
export function requireServedIn(limits: Partial<Limits>, served: readonly string[]) {
  requireServed(limits.models ?? [], served, 'models')
  requireServed(Object.keys(limits.modelMaxBudget ?? {}), served, 'model_max_budget')
}
