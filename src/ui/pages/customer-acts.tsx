import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { post } from '../api.ts'
import { Confirm, Dialog } from '../dialog.tsx'
import { FormEnd, Problem, useAct, useForm } from '../form.tsx'
import type { Customer } from './customer-parts.tsx'
import { PortalDialog } from './customer-portal.tsx'
import { type Profile, ProfileFields, profileJson } from './profile-form.tsx'

type Act = 'edit' | 'portal' | 'block' | 'delete'
type About = {
  readonly of: Customer
  readonly onChange: () => void
  readonly onClose: () => void
}

/** What can be done with a customer. */
export function CustomerActs({
  of,
  onChange,
}: {
  readonly of: Customer
  readonly onChange: () => void
}) {
  const [open, setOpen] = useState<Act | null>(null)
  const about = { of, onChange, onClose: () => setOpen(null) }
  return (
    <>
      <button type="button" onClick={() => setOpen('edit')}>
        Edit
      </button>
      <button type="button" onClick={() => setOpen('portal')}>
        Its own page
      </button>
      <button type="button" onClick={() => setOpen('block')}>
        {of.blocked ? 'Unblock' : 'Block'}
      </button>
      <button type="button" class="danger" onClick={() => setOpen('delete')}>
        Delete
      </button>
      {open === 'edit' && <Edit {...about} />}
      {open === 'portal' && <PortalDialog id={of.user_id} onClose={about.onClose} />}
      {open === 'block' && <Block {...about} />}
      {open === 'delete' && <Delete {...about} />}
    </>
  )
}

function Edit({ of, onChange, onClose }: About) {
  const hasMetadata = Object.keys(of.metadata).length > 0
  const form = useForm<Profile>({
    alias: of.alias ?? '',
    default_model: of.default_model ?? '',
    allowed_model_region: of.allowed_model_region ?? '',
    metadata: hasMetadata ? JSON.stringify(of.metadata, null, 2) : '',
  })
  const save = form.submit(async (values) => {
    await post('/customer/update', { user_id: of.user_id, ...profileJson(values) })
    onChange()
    onClose()
  })
  return (
    <Dialog title="Edit" onClose={onClose}>
      <form class="stack" onSubmit={save}>
        <ProfileFields form={form} />
        <FormEnd form={form} action="Save" onClose={onClose} />
      </form>
    </Dialog>
  )
}

function Block({ of, onChange, onClose }: About) {
  const act = useAct()
  const name = of.blocked ? 'unblock' : 'block'
  const change = async () => {
    await post(`/customer/${name}`, { user_ids: [of.user_id] })
    onChange()
    onClose()
  }
  return (
    <Confirm
      title={of.blocked ? 'Unblock this customer?' : 'Block this customer?'}
      action={of.blocked ? 'Unblock' : 'Block'}
      isBusy={act.isBusy}
      onConfirm={() => act.run(change)}
      onClose={onClose}
    >
      <p>
        {of.blocked
          ? 'Its calls are taken again, within its limits.'
          : 'Its calls are refused from now on, whatever is left of its budget. Calls in flight ' +
            'go on to their end and are charged.'}
      </p>
      <Problem text={act.problem} />
    </Confirm>
  )
}

function Delete({ of, onClose }: About) {
  const act = useAct()
  const { route } = useLocation()
  const remove = async () => {
    await post('/customer/delete', { user_ids: [of.user_id] })
    route('/ui/customers')
  }
  return (
    <Confirm
      title="Delete this customer?"
      action="Delete"
      isBusy={act.isBusy}
      onConfirm={() => act.run(remove)}
      onClose={onClose}
    >
      <p>
        The tab of <code>{of.user_id}</code> is closed. This cannot be undone.
      </p>
      <ul class="notes">
        <li>The ledger keeps every row that it was charged, and reports still count them.</li>
        <li>
          The same id created again, also by a call that names it, starts a fresh tab: with nothing
          spent, without these limits, and not blocked. To keep it out, block it instead.
        </li>
        <li>Calls in flight go on, and settle on the old tab.</li>
      </ul>
      <Problem text={act.problem} />
    </Confirm>
  )
}
