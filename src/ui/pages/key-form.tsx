import { useId } from 'preact/hooks'
import { Dialog } from '../dialog.tsx'
import { Field, type Form, Problem, useForm } from '../form.tsx'
import { Time } from '../parts.tsx'
import { useData } from '../use-data.ts'
import { BindingFields } from './binding.tsx'
import { CustomerInput } from './customer-input.tsx'
import type { Budget } from './customer-parts.tsx'
import { type Key, type KeyValues, NEW_KEY, valuesOf } from './key-values.ts'
import { AllowedModels } from './limits-models.tsx'

type KeyForm = Pick<Form<KeyValues>, 'values' | 'set' | 'errorOf'>

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
  const { data: tiers = [] } = useData<readonly Budget[]>('/budget/list')
  const { set, errorOf } = form
  // A list that has nothing chosen shows its first.
  const budget_id = form.values.budget_id || (tiers[0]?.budget_id ?? '')
  const values = { ...form.values, budget_id }
  return (
    <Dialog title={of === null ? 'Create a key' : 'Edit a key'} onClose={onClose}>
      <form class="stack" onSubmit={form.submit(() => onSubmit(values))}>
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
        {values.key_type === 'llm_api' && (
          <ForCalls form={{ values, set, errorOf }} tiers={tiers} />
        )}
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
function ForCalls({ form, tiers }: { readonly form: KeyForm; readonly tiers: readonly Budget[] }) {
  const { values, set, errorOf } = form
  const served = useData<{ readonly data: readonly { readonly id: string }[] }>('/models')
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
      <AllowedModels
        form={form}
        served={served.data?.data.map(({ id }) => id) ?? []}
        hint="A call for any other model is refused, and it sees no other in the list of models."
      />
      <BindingFields form={form} tiers={tiers} budgetId={null} of="key" />
    </>
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
