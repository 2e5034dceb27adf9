import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { Field, type Form } from '../form.tsx'
import { type LimitValues, WEEKDAYS } from '../limits.ts'
import { useData } from '../use-data.ts'
import { AllowedModels, ModelBudgets } from './limits-models.tsx'
import { ResetPreview } from './reset-preview.tsx'

/** What of a form the fields of limits need. */
export type LimitForm = Pick<Form<LimitValues>, 'values' | 'set' | 'errorOf'>

type TextName = {
  [Name in keyof LimitValues]: LimitValues[Name] extends string ? Name : never
}[keyof LimitValues]

const DURATIONS = ['1d', '7d', '30d', '1mo', 'weekly', 'monthly', 'quarterly', 'yearly', '12h']

/** Every limit of a tier, or of a customer alone, each explained where it is typed. */
export function LimitFields({
  form,
  budgetId,
  hasModels = true,
}: {
  readonly form: LimitForm
  /** Whose limits they are, if it exists already. */
  readonly budgetId: string | null
  /** Whether they say which models may be called. */
  readonly hasModels?: boolean
}) {
  const served = useData<{ data: readonly { id: string }[] }>('/models')
  const models = served.data?.data.map(({ id }) => id) ?? []
  return (
    <>
      <div class="pair">
        <LimitText
          form={form}
          name="max_budget"
          label="Max budget"
          unit="decimal"
          hint={
            'Dollars that can be spent in a period; then calls are refused. ' +
            '0 refuses every call. Empty: no limit.'
          }
        />
        <Duration form={form} budgetId={budgetId} />
      </div>
      <div class="pair">
        <LimitText
          form={form}
          name="rpm_limit"
          label="Requests a minute"
          unit="numeric"
          hint="More are refused until the minute is over. Empty: no limit."
        />
        <LimitText
          form={form}
          name="tpm_limit"
          label="Tokens a minute"
          unit="numeric"
          hint="Read and written ones together. Empty: no limit."
        />
        <LimitText
          form={form}
          name="max_parallel_requests"
          label="Calls at once"
          unit="numeric"
          hint="Calls in flight at the same time. Empty: no limit."
        />
        <LimitText
          form={form}
          name="soft_budget"
          label="Soft budget"
          unit="decimal"
          hint="Dollars at which an event is sent to the webhooks; nothing is refused. Empty: none."
        />
      </div>
      {hasModels && <AllowedModels form={form} served={models} />}
      <ModelBudgets form={form} served={models} />
      <More form={form} />
    </>
  )
}

function LimitText({
  form,
  name,
  label,
  hint,
  unit,
}: {
  readonly form: LimitForm
  readonly name: TextName
  readonly label: string
  readonly hint: ComponentChildren
  readonly unit: 'decimal' | 'numeric' | 'text'
}) {
  return (
    <Field label={label} hint={hint} error={form.errorOf(name)}>
      {(ids) => (
        <input
          {...ids}
          inputMode={unit}
          autocomplete="off"
          spellcheck={false}
          value={form.values[name]}
          onInput={(event) => form.set({ [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  )
}

function Duration({
  form,
  budgetId,
}: {
  readonly form: LimitForm
  readonly budgetId: string | null
}) {
  const id = useId()
  return (
    <Field
      label="Period"
      error={form.errorOf('budget_duration')}
      hint={
        <>
          When the spend begins anew at 0: a whole number with s, m, h, d, w or mo, such as 30d, or
          daily, weekly, monthly, quarterly, yearly. Empty: never.{' '}
          <ResetPreview values={form.values} budgetId={budgetId} />
        </>
      }
    >
      {(ids) => (
        <>
          <input
            {...ids}
            list={id}
            autocomplete="off"
            spellcheck={false}
            value={form.values.budget_duration}
            onInput={(event) => form.set({ budget_duration: event.currentTarget.value })}
          />
          <datalist id={id}>
            {DURATIONS.map((duration) => (
              <option key={duration} value={duration} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  )
}

const MODES = [
  ['', 'As the server is set'],
  ['strict', 'strict: no call passes the budget'],
  ['finish_last', 'finish_last: one call may finish over it'],
  ['soft', 'soft: look, call, charge afterwards'],
] as const

const DAY_NAMES = [['', 'As the server is set'], ...WEEKDAYS] as const

/** What is seldom set. It opens by itself where something is, or is wrong. */
function More({ form }: { readonly form: LimitForm }) {
  const names = ['budget_mode', 'timezone', 'week_start', 'day_of_month'] as const
  const isOpen = names.some((name) => form.values[name] !== '' || form.errorOf(name) !== null)
  return (
    <details open={isOpen}>
      <summary>More: how strictly, and in which zone</summary>
      <div class="stack">
        <LimitSelect
          form={form}
          name="budget_mode"
          label="Enforced"
          hint={
            'strict holds the most that a call can cost before it is sent; the others ' +
            'admit while anything is left, and may pass the budget.'
          }
          options={MODES}
        />
        <div class="pair">
          <LimitText
            form={form}
            name="timezone"
            label="Time zone"
            unit="text"
            hint={
              'Where days, weeks and months begin, such as Europe/Berlin. Empty: as the ' +
              'server is set.'
            }
          />
          <LimitSelect
            form={form}
            name="week_start"
            label="Weeks begin on"
            hint="For periods of one week."
            options={DAY_NAMES}
          />
          <LimitText
            form={form}
            name="day_of_month"
            label="Months begin on day"
            unit="numeric"
            hint="1 to 31; the last day of a shorter month stands in. Empty: as the server is set."
          />
        </div>
      </div>
    </details>
  )
}

function LimitSelect({
  form,
  name,
  label,
  hint,
  options,
}: {
  readonly form: LimitForm
  readonly name: TextName
  readonly label: string
  readonly hint: string
  readonly options: readonly (readonly [value: string, text: string])[]
}) {
  return (
    <Field label={label} hint={hint} error={form.errorOf(name)}>
      {(ids) => (
        <select
          {...ids}
          value={form.values[name]}
          onChange={(event) => form.set({ [name]: event.currentTarget.value })}
        >
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}
