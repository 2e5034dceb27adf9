import { useState } from 'preact/hooks'
import { ApiError, post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { AmountField, Field, type Form, FormEnd, useForm } from '../form.tsx'
import { exactMoney, time } from '../format.ts'
import type { Grant } from './customer-credit.tsx'

type About = {
  readonly id: string
  readonly onChange: () => void
  readonly onClose: () => void
}

/** What an order of credit may say, as typed; a dialog has some of it. */
type Order = { readonly amount: string; readonly reason: string }

/** A number, or what was typed in its place: then the server says what is wrong with it. */
const numberOf = (text: string): number | string =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text.trim()

/** Names an order. Not `randomUUID`, which browsers have on secure origins alone. */
const newKey = (): string =>
  `console-${[...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')}`

/**
 * Sends orders of one dialog, all under one key: when an answer is lost on its way, the same order
 * sent again does nothing twice.
 */
function useOrder({ id, onChange, onClose }: About) {
  const [key] = useState(newKey)
  return async (name: 'grant' | 'adjust' | 'refund', order: Record<string, unknown>) => {
    await post(`/customer/credit/${name}`, { user_id: id, idempotency_key: key, ...order })
    onChange()
    onClose()
  }
}

/** Brings credit in. */
export function GrantCredit(about: About) {
  const form = useForm({ amount: '', reason: '', expires_at: '', priority: '' })
  const order = useOrder(about)
  const send = form.submit(({ amount, reason, expires_at, priority }) =>
    order('grant', {
      amount: numberOf(amount),
      reason,
      expires_at: expires_at === '' ? null : timeOf(expires_at),
      priority: priority.trim() === '' ? null : numberOf(priority),
    }),
  )
  return (
    <Dialog title="Grant credit" onClose={about.onClose}>
      <form class="stack" onSubmit={send}>
        <Amount form={form} hint="Dollars that come in." />
        <Reason
          form={form}
          hint="Such as the number of an invoice. It is on the customer's statement."
        />
        <div class="pair">
          <Field
            label="Expires"
            hint="What is left then goes. In your time zone. Empty: never."
            error={form.errorOf('expires_at')}
          >
            {(ids) => (
              <input
                {...ids}
                type="datetime-local"
                value={form.values.expires_at}
                onInput={(event) => form.set({ expires_at: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field
            label="Priority"
            hint="The lower, the sooner it is used. Empty: 50."
            error={form.errorOf('priority')}
          >
            {(ids) => (
              <input
                {...ids}
                inputMode="numeric"
                autocomplete="off"
                value={form.values.priority}
                onInput={(event) => form.set({ priority: event.currentTarget.value })}
              />
            )}
          </Field>
        </div>
        <FormEnd form={form} action="Grant" onClose={about.onClose} />
      </form>
    </Dialog>
  )
}

/** Puts a balance right, in either direction. */
export function AdjustCredit(about: About) {
  const form = useForm({ amount: '', reason: '', call_id: '' })
  const order = useOrder(about)
  const send = form.submit(({ amount, reason, call_id }) =>
    order('adjust', {
      amount: numberOf(amount),
      reason,
      call_id: call_id.trim() === '' ? null : call_id.trim(),
    }),
  )
  return (
    <Dialog title="Adjust the balance" onClose={about.onClose}>
      <form class="stack" onSubmit={send}>
        <Amount
          form={form}
          hint="Dollars: above 0 they come in, below 0 they go out. The spend stays as it is."
        />
        <Reason form={form} hint="It is on the customer's statement." />
        <Field
          label="Call"
          hint="The id of a call whose charge is given back, in part or whole. Empty: none."
          error={form.errorOf('call_id')}
        >
          {(ids) => (
            <input
              {...ids}
              autocomplete="off"
              spellcheck={false}
              value={form.values.call_id}
              onInput={(event) => form.set({ call_id: event.currentTarget.value })}
            />
          )}
        </Field>
        <FormEnd form={form} action="Adjust" onClose={about.onClose} />
      </form>
    </Dialog>
  )
}

/** Pays credit out. */
export function RefundCredit({ grants, ...about }: About & { readonly grants: readonly Grant[] }) {
  const form = useForm({ amount: '', reason: '', grant_id: '' })
  const order = useOrder(about)
  const send = form.submit(({ amount, reason, grant_id }) =>
    order('refund', {
      amount: numberOf(amount),
      reason,
      grant_id: grant_id === '' ? null : grant_id,
    }),
  )
  return (
    <Dialog title="Refund credit" onClose={about.onClose}>
      <form class="stack" onSubmit={send}>
        <p>Money that its buyer gets back leaves the wallet. You pay it out yourself.</p>
        <Amount form={form} hint="Dollars that go out, never more than is available." />
        <Reason form={form} hint="It is on the customer's statement." />
        <Field label="Of" hint="The grant that it is taken of." error={form.errorOf('grant_id')}>
          {(ids) => (
            <select
              {...ids}
              value={form.values.grant_id}
              onChange={(event) => form.set({ grant_id: event.currentTarget.value })}
            >
              <option value="">those that would be used last</option>
              {grants.map(({ id, remaining, reason, created_at }) => (
                <option key={id} value={id}>
                  {exactMoney(remaining)} left, {reason ?? time(created_at)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <FormEnd form={form} action="Refund" onClose={about.onClose} />
      </form>
    </Dialog>
  )
}

/** A time as the browser's field has it, in the viewer's zone. Throws `ApiError`. */
function timeOf(local: string): string {
  const at = new Date(local)
  if (!Number.isNaN(at.getTime())) return at.toISOString()
  throw new ApiError(400, `This is no time: ${local}`, 'expires_at')
}

/** What the fields that all of them have need of a form. */
type OrderForm = Pick<Form<Order>, 'values' | 'set' | 'errorOf'>

const Amount = ({ form, hint }: { readonly form: OrderForm; readonly hint: string }) => (
  <AmountField
    label="Amount"
    hint={hint}
    error={form.errorOf('amount')}
    value={form.values.amount}
    onInput={(amount) => form.set({ amount })}
  />
)

const Reason = ({ form, hint }: { readonly form: OrderForm; readonly hint: string }) => (
  <Field label="Reason" hint={hint} error={form.errorOf('reason')}>
    {(ids) => (
      <input
        {...ids}
        required
        maxLength={500}
        autocomplete="off"
        value={form.values.reason}
        onInput={(event) => form.set({ reason: event.currentTarget.value })}
      />
    )}
  </Field>
)
