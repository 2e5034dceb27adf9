import { useId } from 'preact/hooks'
import { Dialog } from '../dialog.tsx'
import { Field, type Form, Problem, useForm } from '../form.tsx'
import { Time } from '../parts.tsx'
import { useData } from '../use-data.ts'
import { CustomerInput } from './customer-input.tsx'
import { KeyLimits } from './key-limits.tsx'
import { type Key, type KeyValues, NEW_KEY, valuesOf } from './key-values.ts'

export type KeyForm = Form<KeyValues>

/** Asks what a key is to be; `of`: one that is there is changed. */
export function KeyDialog({
  of = null,
  onSubmit,
  onClose,
}: {
  readonly of?: Key | null
  readonly onSubmit: (values: KeyValues) => Promise<void>
  readonly onClose: () => void
}) {
  const form = useForm<KeyValues>(of === null ? NEW_KEY : valuesOf(of))
  const { values, set, errorOf } = form
  return (
    <Dialog title={of === null ? 'Create a key' : 'Edit a key'} onClose={onClose}>
      <form class="stack" onSubmit={form.submit(onSubmit)}>
        <Field
          label="Alias"
          hint="A name for people, and in refusals. No two keys have the same."
          error={errorOf('key_alias')}
        >
          {(ids) => (
            <input
              {...ids}
              value={values.key_alias}
              autocomplete="off"
              onInput={(event) => set({ key_alias: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field
          label="Role"
          hint="Neither can change anything: that is what the master key is for."
          error={errorOf('key_type')}
        >
          {(ids) => (
            <select
              {...ids}
              value={values.key_type}
              onChange={(event) =>
                set({ key_type: event.currentTarget.value as KeyValues['key_type'] })
              }
            >
              <option value="llm_api">calls: to call models</option>
              <option value="read_only">read_only: to read reports, and this console</option>
            </select>
          )}
        </Field>
        {values.key_type === 'llm_api' && <ForCalls form={form} />}
        <Expiry form={form} now={of} />
        <Problem text={form.problem} />
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={form.isBusy}>
            {of === null ? 'Create' : 'Save'}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

/** What only a key for calls has. */
function ForCalls({ form }: { readonly form: KeyForm }) {
  const { values, set, errorOf } = form
  return (
    <>
      <Field
        label="Customer"
        hint={
          'Its calls go on the tab of this customer, whatever they say themselves. Empty: each ' +
          'call names its customer.'
        }
        error={errorOf('customer_id')}
      >
        {(ids) => (
          <CustomerInput
            {...ids}
            value={values.customer_id}
            onValue={(id) => set({ customer_id: id })}
          />
        )}
      </Field>
      <ModelChoice form={form} />
      <KeyLimits form={form} />
    </>
  )
}

function ModelChoice({ form: { values, set, errorOf } }: { readonly form: KeyForm }) {
  const { data } = useData<{ readonly data: readonly { readonly id: string }[] }>('/models')
  const served = data?.data.map(({ id }) => id) ?? []
  // One that is not served any more stays, until somebody takes it out.
  const names = [...new Set([...served, ...values.models])]
  const toggle = (name: string, isChosen: boolean) =>
    set({
      models: isChosen ? [...values.models, name] : values.models.filter((other) => other !== name),
    })
  const error = errorOf('models')
  return (
    <fieldset>
      <legend>Models</legend>
      <p class="hint">The only ones that it may call. None chosen: all.</p>
      <div class="choices">
        {names.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={values.models.includes(name)}
              onChange={(event) => toggle(name, event.currentTarget.checked)}
            />{' '}
            {name}
          </label>
        ))}
      </div>
      {error !== null && <p class="error">{error}</p>}
    </fieldset>
  )
}

const DURATIONS = ['1h', '1d', '7d', '30d', '90d', '12mo']

function Expiry({ form, now }: { readonly form: KeyForm; readonly now: Key | null }) {
  const { values, set, errorOf } = form
  const listId = useId()
  return (
    <>
      <Field
        label="Good for"
        hint={
          <>
            From now: a whole number with s, m, h, d, w or mo, such as 30d.{' '}
            {now === null ? (
              'Empty: for ever.'
            ) : (
              <>
                Empty: as it is ({now.expires === null ? 'for ever' : <Time at={now.expires} />});
                -1: for ever.
              </>
            )}
          </>
        }
        error={errorOf('duration')}
      >
        {(ids) => (
          <input
            {...ids}
            list={listId}
            autocomplete="off"
            value={values.duration}
            onInput={(event) => set({ duration: event.currentTarget.value })}
          />
        )}
      </Field>
      <datalist id={listId}>
        {DURATIONS.map((duration) => (
          <option key={duration} value={duration} />
        ))}
      </datalist>
    </>
  )
}
