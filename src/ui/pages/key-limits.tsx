import { Field } from '../form.tsx'
import { money } from '../format.ts'
import { useData } from '../use-data.ts'
import type { Budget } from './customer-parts.tsx'
import type { KeyForm } from './key-form.tsx'
import type { KeyValues, LimitName } from './key-values.ts'

/** Each limit of a key's own: what it is called, and what it means. */
const EXPLAINED: Readonly<Record<LimitName, { readonly label: string; readonly hint: string }>> = {
  max_budget: {
    label: 'Max budget, dollars',
    hint: 'Most that its calls may cost in a period. 0 refuses every call.',
  },
  budget_duration: {
    label: 'Period',
    hint:
      'After it the spend begins at 0 again: a whole number with s, m, h, d, w or mo, such as ' +
      '30d or 1mo. Empty: never.',
  },
  soft_budget: {
    label: 'Soft budget, dollars',
    hint: 'At this spend an event is sent; nothing is refused.',
  },
  rpm_limit: { label: 'Requests a minute', hint: 'One more is refused, with when to come back.' },
  tpm_limit: { label: 'Tokens a minute', hint: 'Read and written together.' },
  max_parallel_requests: { label: 'Calls at once', hint: 'One more is refused.' },
}

/** What limits a key: nothing, a shared budget, or limits of its own. */
export function KeyLimits({ form }: { readonly form: KeyForm }) {
  const { values, set, errorOf } = form
  return (
    <>
      <Field
        label="Limits"
        hint={
          'Of all calls with this key together, whoever their customer is. That one’s own budget ' +
          'binds besides.'
        }
      >
        {(ids) => (
          <select
            {...ids}
            value={values.limited}
            onChange={(event) =>
              set({ limited: event.currentTarget.value as KeyValues['limited'] })
            }
          >
            <option value="no">none</option>
            <option value="shared">those of a budget</option>
            <option value="own">its own</option>
          </select>
        )}
      </Field>
      {values.limited === 'shared' && <SharedBudget form={form} />}
      {values.limited === 'own' && (
        <div class="columns">
          {Object.entries(EXPLAINED).map(([name, { label, hint }]) => (
            <Field key={name} label={label} hint={hint} error={errorOf(name as LimitName)}>
              {(ids) => (
                <input
                  {...ids}
                  inputMode={name === 'budget_duration' ? 'text' : 'decimal'}
                  autocomplete="off"
                  value={values[name as LimitName]}
                  onInput={(event) => set({ [name]: event.currentTarget.value })}
                />
              )}
            </Field>
          ))}
        </div>
      )}
    </>
  )
}

function SharedBudget({ form: { values, set, errorOf } }: { readonly form: KeyForm }) {
  const { data = [] } = useData<readonly Budget[]>('/budget/list')
  return (
    <Field
      label="Budget"
      hint={data.length === 0 ? 'There is none yet: make one under Budgets.' : undefined}
      error={errorOf('budget_id')}
    >
      {(ids) => (
        <select
          {...ids}
          required
          value={values.budget_id}
          onChange={(event) => set({ budget_id: event.currentTarget.value })}
        >
          <option value="">Choose one</option>
          {data.map(({ budget_id: id, max_budget: most }) => (
            <option key={id} value={id}>
              {id}
              {most !== null && ` (${money(most)})`}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}
