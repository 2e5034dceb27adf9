import { type ModelRow, NEW_ROW } from '../limits.ts'
import type { LimitForm } from './limits-form.tsx'

/** The only models that may be called, of those that are served. */
export function AllowedModels({
  form,
  served,
  hint = 'A call for any other model is refused. With none chosen, every call is.',
}: {
  readonly form: LimitForm
  readonly served: readonly string[]
  readonly hint?: string
}) {
  const { models } = form.values
  const error = form.errorOf('models')
  const all = [...new Set([...served, ...(models ?? [])])]
  const toggle = (model: string, isChosen: boolean) => {
    const others = (models ?? []).filter((chosen) => chosen !== model)
    form.set({ models: isChosen ? [...others, model] : others })
  }
  return (
    <fieldset class="group">
      <legend>Models</legend>
      <div class="actions">
        <label>
          <input
            type="radio"
            checked={models === null}
            onChange={() => form.set({ models: null })}
          />{' '}
          All that are served
        </label>
        <label>
          <input
            type="radio"
            checked={models !== null}
            onChange={() => form.set({ models: models ?? [] })}
          />{' '}
          Only some
        </label>
      </div>
      {models !== null && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is for the keyboard too.
        <section class="choices" tabIndex={0} aria-label="Models that may be called">
          {all.map((model) => (
            <label key={model}>
              <input
                type="checkbox"
                checked={models.includes(model)}
                onChange={(event) => toggle(model, event.currentTarget.checked)}
              />{' '}
              {model}
              {!served.includes(model) && <span class="muted"> (not served)</span>}
            </label>
          ))}
        </section>
      )}
      {error !== null && <p class="error">{error}</p>}
      <p class="hint">{hint}</p>
    </fieldset>
  )
}

const COLUMNS = [
  ['max_budget', 'Dollars', 'decimal'],
  ['budget_duration', 'Each', 'text'],
  ['rpm_limit', 'Requests/min', 'numeric'],
  ['tpm_limit', 'Tokens/min', 'numeric'],
] as const

/** Limits for single models, beside those for all of them together. */
export function ModelBudgets({
  form,
  served,
}: {
  readonly form: LimitForm
  readonly served: readonly string[]
}) {
  const rows = form.values.model_max_budget
  const error = form.errorOf('model_max_budget')
  const replace = (at: number, ...by: readonly ModelRow[]) =>
    form.set({ model_max_budget: rows.toSpliced(at, 1, ...by) })
  const free = served.filter((model) => !rows.some((row) => row.model === model))
  return (
    <fieldset class="group">
      <legend>Per model</legend>
      {rows.map((row, at) => (
        <div key={at} class="model-row">
          <label>
            <span class="hint">Model</span>
            <select
              value={row.model}
              onChange={(event) => replace(at, { ...row, model: event.currentTarget.value })}
            >
              <option value="">Choose…</option>
              {[...(row.model === '' ? [] : [row.model]), ...free].map((model) => (
                <option key={model} value={model}>
                  {model}
                </option>
              ))}
            </select>
          </label>
          {COLUMNS.map(([name, label, unit]) => (
            <label key={name}>
              <span class="hint">{label}</span>
              <input
                inputMode={unit}
                placeholder={name === 'budget_duration' ? '30d' : 'no limit'}
                autocomplete="off"
                value={row[name]}
                onInput={(event) => replace(at, { ...row, [name]: event.currentTarget.value })}
              />
            </label>
          ))}
          <button type="button" class="quiet" onClick={() => replace(at)}>
            Remove <span class="unseen">{row.model}</span>
          </button>
        </div>
      ))}
      {error !== null && <p class="error">{error}</p>}
      <p class="hint">
        What may be used of one model, beside the limits above. Without a period of its own, dollars
        count over the whole life of the budget.
      </p>
      <div>
        <button
          type="button"
          disabled={free.length === 0}
          onClick={() => form.set({ model_max_budget: [...rows, NEW_ROW] })}
        >
          Add a model
        </button>
      </div>
    </fieldset>
  )
}
