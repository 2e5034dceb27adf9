import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import { ApiError, messageOf } from './api.ts'

/** What ties a control to its label, its hint and its error. */
type Ids = {
  readonly id: string
  readonly name: string
  readonly 'aria-describedby': string | undefined
  readonly 'aria-invalid': boolean
}

/** A label, a control, what it means, and beneath it what is wrong with it. */
export function Field({
  label,
  hint,
  error = null,
  children,
}: {
  readonly label: string
  readonly hint?: ComponentChildren
  readonly error?: string | null
  readonly children: (ids: Ids) => ComponentChildren
}) {
  const id = useId()
  const about = [hint !== undefined && `${id}-hint`, error !== null && `${id}-error`]
  const describedBy = about.filter(Boolean).join(' ')
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        name: label,
        'aria-describedby': describedBy === '' ? undefined : describedBy,
        'aria-invalid': error !== null,
      })}
      {error !== null && (
        <p id={`${id}-error`} class="error">
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  )
}

/** A field for an amount of money, which has to be given. */
export const AmountField = ({
  value,
  onInput,
  ...field
}: {
  readonly label: string
  readonly hint: string
  readonly error: string | null
  readonly value: string
  readonly onInput: (value: string) => void
}) => (
  <Field {...field}>
    {(ids) => (
      <input
        {...ids}
        required
        inputMode="decimal"
        autocomplete="off"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    )}
  </Field>
)

/** What went wrong, where it did. Read out by screen readers as it appears. */
export const Problem = ({ text }: { readonly text: string | null }) => (
  <div role="alert">{text !== null && <p class="problem">{text}</p>}</div>
)

export type Form<Values extends Record<string, unknown>> = {
  readonly values: Values
  readonly isBusy: boolean
  set(change: Partial<Values>): void
  /** What is wrong with a field; null: nothing. */
  errorOf(name: keyof Values): string | null
  /** What went wrong that is no field's. */
  readonly problem: string | null
  /** Makes a submit handler: `send` is waited for, and what it throws is shown at its field. */
  submit(send: (values: Values) => Promise<void>): (event: Event) => void
  reset(): void
}

/** The values of a form, and what the server said of them. Nothing typed is lost by an error. */
export function useForm<Values extends Record<string, unknown>>(initial: Values): Form<Values> {
  const [values, setValues] = useState(initial)
  const [fault, setFault] = useState<{ param: string | null; message: string } | null>(null)
  const [isBusy, setBusy] = useState(false)
  const field = fieldOf(fault?.param ?? null, values)
  const isField = field !== null
  return {
    values,
    isBusy,
    set(change) {
      setValues((before) => ({ ...before, ...change }))
      if (field !== null && field in change) setFault(null)
    },
    errorOf: (name) => (field === name ? (fault?.message ?? null) : null),
    problem: fault !== null && !isField ? fault.message : null,
    submit: (send) => async (event) => {
      event.preventDefault()
      const form = event.currentTarget as HTMLFormElement
      setBusy(true)
      setFault(null)
      try {
        await send(values)
      } catch (error) {
        const param = error instanceof ApiError ? error.param : null
        setFault({ param, message: messageOf(error) })
        requestAnimationFrame(() => showFault(form))
      }
      setBusy(false)
    },
    reset() {
      setValues(initial)
      setFault(null)
    },
  }
}

/** The field that a parameter is of: itself, or what holds it, as in `models.gpt-4o.limit`. */
function fieldOf(param: string | null, values: Record<string, unknown>): string | null {
  if (param === null || param in values) return param
  const [outer] = param.split('.', 1)
  return outer! in values ? outer! : null
}

/** A long form may have what is wrong out of sight of the button. */
function showFault(form: HTMLFormElement) {
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  form.querySelector('.error, .problem')?.scrollIntoView({ block: 'center' })
}

/** The end of a form in a dialog: what went wrong, the way out, and the button that sends it. */
export const FormEnd = ({
  form,
  action,
  onClose,
}: {
  readonly form: { readonly problem: string | null; readonly isBusy: boolean }
  /** What the button says, and does. */
  readonly action: string
  readonly onClose: () => void
}) => (
  <>
    <Problem text={form.problem} />
    <footer>
      <button type="button" onClick={onClose}>
        Cancel
      </button>
      <button type="submit" class="primary" disabled={form.isBusy}>
        {action}
      </button>
    </footer>
  </>
)

/** An act with a button of its own: whether it runs, and what went wrong with it. */
export function useAct(): {
  readonly isBusy: boolean
  readonly problem: string | null
  run(act: () => Promise<unknown>): void
} {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  return {
    isBusy,
    problem,
    run(act) {
      setBusy(true)
      setProblem(null)
      act()
        .catch((error: unknown) => setProblem(messageOf(error)))
        .finally(() => setBusy(false))
    },
  }
}
