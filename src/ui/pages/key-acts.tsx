import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Confirm, Dialog } from '../dialog.tsx'
import { Problem, useAct } from '../form.tsx'
import { Copy } from '../parts.tsx'
import { KeyDialog } from './key-form.tsx'
import { bodyOf, type Key, nameOf } from './key-values.ts'

/** What `POST /key/generate` and `/key/regenerate` answer, as far as it is shown. */
type Made = { readonly key: string }

/** A secret that was just made. It belongs to the page: the row of its key may go at any time. */
export type Secret = { readonly name: string; readonly secret: string }

/** What acts on keys tell: that there is a change to be seen, and a secret to be kept. */
type Told = { readonly onChange: () => void; readonly onSecret: (secret: Secret) => void }

/** The secret of a key, this once. It is left by its button alone, and not by a slip. */
export const SecretDialog = ({
  name,
  secret,
  onClose,
}: Secret & {
  readonly onClose: () => void
}) => (
  <Dialog title={`The secret of ${name}`} isRequired>
    <div class="stack">
      <p class="notice">
        It is shown now and never again: only its hash is kept. Copy it to where it is used. Whoever
        has it can do what the key may.
      </p>
      <Copy label="The secret" text={secret} />
    </div>
    <footer>
      <button type="button" class="primary" onClick={onClose}>
        I have copied it
      </button>
    </footer>
  </Dialog>
)

/** The button that makes a key. */
export function CreateKey({ onChange, onSecret }: Told) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button type="button" class="primary" onClick={() => setOpen(true)}>
        + Create Key
      </button>
      {isOpen && (
        <KeyDialog
          onClose={() => setOpen(false)}
          onSubmit={async (values) => {
            const { key: secret } = await post<Made>('/key/generate', bodyOf(values))
            setOpen(false)
            onSecret({ name: values.key_alias.trim() || 'the new key', secret })
            onChange()
          }}
        />
      )}
    </>
  )
}

type Open = 'edit' | 'regenerate' | 'delete'

/** What can be done with a key that is there. */
export function KeyActs({ of: key, onChange, onSecret }: Told & { readonly of: Key }) {
  const [open, setOpen] = useState<Open | null>(null)
  const { isBusy, problem, run } = useAct()
  const name = nameOf(key)
  const close = () => setOpen(null)
  const block = async () => {
    await post(key.blocked ? '/key/unblock' : '/key/block', { key: key.token })
    onChange()
  }
  return (
    <>
      <div class="actions acts">
        <Act name={name} onClick={() => setOpen('edit')}>
          Edit
        </Act>
        <Act name={name} isBusy={isBusy} onClick={() => run(block)}>
          {key.blocked ? 'Unblock' : 'Block'}
        </Act>
        <Act name={name} onClick={() => setOpen('regenerate')}>
          Regenerate
        </Act>
        <Act name={name} onClick={() => setOpen('delete')}>
          Delete
        </Act>
      </div>
      <Problem text={problem} />
      {open === 'edit' && (
        <KeyDialog
          of={key}
          onClose={close}
          onSubmit={async (values) => {
            await post('/key/update', { key: key.token, ...bodyOf(values, key) })
            close()
            onChange()
          }}
        />
      )}
      {open === 'regenerate' && (
        <Regenerate
          of={key}
          onClose={close}
          onMade={({ key: secret }) => {
            close()
            onSecret({ name, secret })
            onChange()
          }}
        />
      )}
      {open === 'delete' && <Delete of={key} onClose={close} onDone={onChange} />}
    </>
  )
}

/** Says to screen readers which key it is about. */
const Act = ({
  name,
  isBusy = false,
  onClick,
  children,
}: {
  readonly name: string
  readonly isBusy?: boolean
  readonly onClick: () => void
  readonly children: string
}) => (
  <button type="button" class="small" disabled={isBusy} onClick={onClick}>
    {children}
    <span class="unseen"> {name}</span>
  </button>
)

function Regenerate({
  of: key,
  onClose,
  onMade,
}: {
  readonly of: Key
  readonly onClose: () => void
  readonly onMade: (made: Made) => void
}) {
  const { isBusy, problem, run } = useAct()
  return (
    <Confirm
      title={`Make the secret of ${nameOf(key)} anew?`}
      action="Regenerate"
      isBusy={isBusy}
      onClose={onClose}
      onConfirm={() =>
        run(async () => onMade(await post<Made>('/key/regenerate', { key: key.token })))
      }
    >
      <p>
        The old secret, {key.key_name}, is refused from then on, wherever it is in use. All else of
        the key stays: its customer, its limits, and what was spent with it.
      </p>
      <Problem text={problem} />
    </Confirm>
  )
}

function Delete({
  of: key,
  onClose,
  onDone,
}: {
  readonly of: Key
  readonly onClose: () => void
  readonly onDone: () => void
}) {
  const { isBusy, problem, run } = useAct()
  const remove = async () => {
    await post('/key/delete', { keys: [key.token] })
    onClose()
    onDone()
  }
  return (
    <Confirm
      title={`Delete ${nameOf(key)}?`}
      action="Delete"
      isBusy={isBusy}
      onClose={onClose}
      onConfirm={() => run(remove)}
    >
      <p>
        Calls with {key.key_name} are refused at once; those under way end and are charged. The
        ledger keeps what was spent with it. It cannot be undone: to keep it out for a while, block
        it.
      </p>
      <Problem text={problem} />
    </Confirm>
  )
}
