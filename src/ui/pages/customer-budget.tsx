import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { AmountField, FormEnd, useForm } from '../form.tsx'
import { exactMoney } from '../format.ts'
import { type LimitValues, limitValues } from '../limits.ts'
import { Section } from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { type Binding, BindingFields, bindingJson } from './binding.tsx'
import { type Budget, type Customer, TierName } from './customer-parts.tsx'
import { LimitList } from './limit-list.tsx'

type Change = {
  readonly of: Customer
  readonly onClose: () => void
  readonly onChange: () => void
}

/** What binds a customer, and the ways to change that. */
export function CustomerBudget({
  of,
  tiers,
  onChange,
}: {
  readonly of: Customer
  /** Null: not known yet. */
  readonly tiers: readonly Budget[] | null
  readonly onChange: () => void
}) {
  const [open, setOpen] = useState<'limits' | 'spend' | null>(null)
  const isAdmin = useIsAdmin()
  const about = { of, onChange, onClose: () => setOpen(null) }
  const names = new Set(tiers?.map(({ budget_id }) => budget_id))
  return (
    <Section
      title="Budget and limits"
      actions={
        isAdmin && (
          <div class="actions">
            <button type="button" disabled={tiers === null} onClick={() => setOpen('limits')}>
              Change limits
            </button>
            <button type="button" onClick={() => setOpen('spend')}>
              Correct the spend
            </button>
          </div>
        )
      }
    >
      <dl class="keyed">
        <dt>Budget</dt>
        <dd>{tiers === null ? '…' : <TierName of={of} tiers={names} />}</dd>
        <dt>Limits</dt>
        <dd>
          <LimitList of={of.litellm_budget_table} />
        </dd>
      </dl>
      <Details of={of} />
      {open === 'limits' && tiers !== null && <ChangeLimits {...about} tiers={tiers} />}
      {open === 'spend' && <CorrectSpend {...about} />}
    </Section>
  )
}

/** What was said of it, where something was. */
function Details({ of }: { readonly of: Customer }) {
  const { default_model: model, allowed_model_region: region, metadata } = of
  const hasMetadata = Object.keys(metadata).length > 0
  if (model === null && region === null && !hasMetadata) return null
  return (
    <dl class="keyed">
      {model !== null && (
        <>
          <dt>Default model</dt>
          <dd>{model}</dd>
        </>
      )}
      {region !== null && (
        <>
          <dt>Region</dt>
          <dd>{region}</dd>
        </>
      )}
      {hasMetadata && (
        <>
          <dt>Metadata</dt>
          <dd>
            <pre>{JSON.stringify(metadata, null, 2)}</pre>
          </dd>
        </>
      )}
    </dl>
  )
}

function bindingOf({ budget_id: id }: Customer, tiers: readonly Budget[]): Binding {
  const isTier = tiers.some(({ budget_id }) => budget_id === id)
  if (id !== null && isTier) return { binding: 'tier', budget_id: id }
  return { binding: id === null ? 'none' : 'own', budget_id: tiers[0]?.budget_id ?? '' }
}

function ChangeLimits({
  of,
  tiers,
  onClose,
  onChange,
}: Change & { readonly tiers: readonly Budget[] }) {
  const now = bindingOf(of, tiers)
  const hasOwn = now.binding === 'own'
  const form = useForm<LimitValues & Binding>({ ...limitValues(of.litellm_budget_table), ...now })
  const save = form.submit(async (values) => {
    await post('/customer/update', { user_id: of.user_id, ...bindingJson(values, hasOwn) })
    onChange()
    onClose()
  })
  return (
    <Dialog title="Change limits" onClose={onClose}>
      <form class="stack" onSubmit={save}>
        <p>They hold from the next call on. What was spent in this period stays spent.</p>
        <BindingFields form={form} tiers={tiers} budgetId={hasOwn ? of.budget_id : null} />
        <FormEnd form={form} action="Save" onClose={onClose} />
      </form>
    </Dialog>
  )
}

function CorrectSpend({ of, onClose, onChange }: Change) {
  const form = useForm({ spend: String(of.spend) })
  const typed = Number(form.values.spend)
  const difference = typed - of.spend
  const save = form.submit(async ({ spend }) => {
    const amount = spend.trim() === '' ? spend : Number(spend)
    await post('/customer/update', {
      user_id: of.user_id,
      spend: Number.isNaN(amount) ? spend : amount,
    })
    onChange()
    onClose()
  })
  return (
    <Dialog title="Correct the spend" onClose={onClose}>
      <form class="stack" onSubmit={save}>
        <AmountField
          label="Spend of this period"
          hint={
            'Dollars. Nothing in the ledger is changed: the difference is written to it as a ' +
            'correction, a row of its own, so that spend stays the sum of the rows.'
          }
          error={form.errorOf('spend')}
          value={form.values.spend}
          onInput={(spend) => form.set({ spend })}
        />
        {Number.isFinite(difference) && difference !== 0 && (
          <p>
            A correction of {difference > 0 && '+'}
            {exactMoney(difference)} will be written.
          </p>
        )}
        <FormEnd form={form} action="Correct" onClose={onClose} />
      </form>
    </Dialog>
  )
}
