import { post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { Field, FormEnd, useForm } from '../form.tsx'
import { type LimitValues, NO_LIMITS } from '../limits.ts'
import { type Binding, BindingFields, bindingJson } from './binding.tsx'
import type { Budget } from './customer-parts.tsx'
import { NO_PROFILE, type Profile, ProfileFields, profileJson } from './profile-form.tsx'

type Values = LimitValues & Binding & Profile & { readonly user_id: string }

/** Opens a tab. */
export function NewCustomer({
  tiers,
  onClose,
  onMade,
}: {
  readonly tiers: readonly Budget[]
  readonly onClose: () => void
  readonly onMade: (id: string) => void
}) {
  const form = useForm<Values>({
    user_id: '',
    ...NO_PROFILE,
    binding: tiers.length > 0 ? 'tier' : 'none',
    budget_id: tiers[0]?.budget_id ?? '',
    ...NO_LIMITS,
  })
  const make = form.submit(async (values) => {
    await post('/customer/new', {
      user_id: values.user_id,
      ...profileJson(values),
      ...bindingJson(values),
    })
    onMade(values.user_id)
  })
  return (
    <Dialog title="New customer" onClose={onClose}>
      <form class="stack" onSubmit={make}>
        <Field
          label="Customer ID"
          hint="Your own id for it, as calls send it in “user”. It cannot be changed later."
          error={form.errorOf('user_id')}
        >
          {(ids) => (
            <input
              {...ids}
              required
              autocomplete="off"
              spellcheck={false}
              value={form.values.user_id}
              onInput={(event) => form.set({ user_id: event.currentTarget.value })}
            />
          )}
        </Field>
        <ProfileFields form={form} />
        <BindingFields form={form} tiers={tiers} budgetId={null} />
        <FormEnd form={form} action="Create" onClose={onClose} />
      </form>
    </Dialog>
  )
}
