import { Field, type Form } from '../form.tsx'
import { type LimitValues, limitsJson, limitWords } from '../limits.ts'
import type { Budget } from './customer-parts.tsx'
import { LimitFields } from './limits-form.tsx'

/** What binds a customer, as chosen in a form. */
export type Binding = {
  readonly binding: 'tier' | 'own' | 'none'
  /** The tier. */
  readonly budget_id: string
}

type Values = LimitValues & Binding

/** As the server takes it: a tier, or limits of its own in place of one, or neither. */
export function bindingJson(values: Values, hasOwn = false): Record<string, unknown> {
  if (values.binding === 'tier') return { budget_id: values.budget_id }
  if (values.binding === 'none') return { budget_id: null }
  // What it has of its own is changed; without that, the tier is left for it.
  return hasOwn ? limitsJson(values) : { budget_id: null, ...limitsJson(values) }
}

const CHOICES = [
  ['tier', 'On a tier'],
  ['own', 'Limits of its own'],
  ['none', 'No limits'],
] as const

/** The choice between a tier, limits of its own, and none. What was typed for one is kept. */
export function BindingFields({
  form,
  tiers,
  budgetId,
  of = 'customer',
}: {
  readonly form: Pick<Form<Values>, 'values' | 'set' | 'errorOf'>
  readonly tiers: readonly Budget[]
  /** Its own budget, if it has one. */
  readonly budgetId: string | null
  /** A key has its models beside its limits. */
  readonly of?: 'customer' | 'key'
}) {
  const { binding, budget_id: id } = form.values
  const tier = tiers.find(({ budget_id }) => budget_id === id)
  return (
    <fieldset class="group">
      <legend>Budget</legend>
      <div class="actions">
        {CHOICES.map(([value, text]) => (
          <label key={value}>
            <input
              type="radio"
              checked={binding === value}
              disabled={value === 'tier' && tiers.length === 0}
              onChange={() => form.set({ binding: value })}
            />{' '}
            {text}
          </label>
        ))}
      </div>
      {binding === 'tier' && (
        <Field
          label="Tier"
          hint={tier === undefined ? '' : limitWords(tier).join(' · ') || 'nothing is limited'}
          error={form.errorOf('budget_id')}
        >
          {(ids) => (
            <select
              {...ids}
              value={id}
              onChange={(event) => form.set({ budget_id: event.currentTarget.value })}
            >
              {tiers.map(({ budget_id }) => (
                <option key={budget_id} value={budget_id}>
                  {budget_id}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {binding === 'own' && (
        <LimitFields form={form} budgetId={budgetId} hasModels={of === 'customer'} />
      )}
      {binding === 'none' && (
        <p class="hint">
          {of === 'key'
            ? 'Its calls are counted, and refused only by the limits of their customer.'
            : "Its calls are counted and never refused, unless the server's config has a default " +
              'for those without a budget.'}
        </p>
      )}
    </fieldset>
  )
}
