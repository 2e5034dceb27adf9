import { messageOf, post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { FormEnd, useForm } from '../form.tsx'
import { plural } from '../format.ts'
import { limitsJson, limitValues } from '../limits.ts'
import { usePreview, useSettled } from '../use-data.ts'
import { countJson, MoneyFields, moneyValues } from './budget-money.tsx'
import { withCard } from './card-form.tsx'
import type { Budget, Customer } from './customer-parts.tsx'
import { LimitFields } from './limits-form.tsx'

/** Changes a tier, and says before who would be over it. */
export function EditBudget({
  of,
  onClose,
  onChange,
}: {
  readonly of: Budget
  readonly onClose: () => void
  readonly onChange: () => void
}) {
  const form = useForm({ ...limitValues(of), ...moneyValues(of) })
  const json = { budget_id: of.budget_id, ...limitsJson(form.values) }
  const save = form.submit((values) =>
    withCard(values, async (rate_card) => {
      await post('/budget/update', { ...json, rate_card, count: countJson(values) })
      onChange()
      onClose()
    }),
  )
  return (
    <Dialog title={`Edit ${of.budget_id}`} onClose={onClose}>
      <form class="stack" onSubmit={save}>
        <p>It changes for everyone on it, from their next call on.</p>
        <WhoIsOver json={json} />
        <LimitFields form={form} budgetId={of.budget_id} />
        <MoneyFields form={form} />
        <FormEnd form={form} action="Save" onClose={onClose} />
      </form>
    </Dialog>
  )
}

/** `POST /budget/preview`. */
type Preview = {
  readonly customers: number
  readonly over_now: number
  readonly over_after: number
  /** Some of those newly over. */
  readonly examples: readonly Customer[]
}

function WhoIsOver({ json }: { readonly json: unknown }) {
  const text = useSettled(JSON.stringify(json))
  const preview = usePreview<Preview>('/budget/preview', JSON.parse(text))
  return (
    <section class="notice" aria-live="polite" aria-label="Who would be over">
      {preview.error === null ? (
        preview.data !== undefined && <Over of={preview.data} />
      ) : (
        <p class="error">{messageOf(preview.error)}</p>
      )}
    </section>
  )
}

function Over({ of: { customers, over_now, over_after, examples } }: { readonly of: Preview }) {
  if (customers === 0) return <p>Nobody is on it.</p>
  return (
    <>
      <p>
        Of {plural(customers, 'customer')} on it, <strong>{over_after}</strong> would have used up
        the budget at once; now it is {over_now}.
      </p>
      {examples.length > 0 && (
        <>
          <p>Newly over:</p>
          <ul class="notes">
            {examples.map(({ user_id, alias }) => (
              <li key={user_id}>{alias === null ? user_id : `${alias} (${user_id})`}</li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}
