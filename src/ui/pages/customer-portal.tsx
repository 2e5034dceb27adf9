import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { Field, Problem, useForm } from '../form.tsx'
import { Copy, Time } from '../parts.tsx'

/** `POST /customer/portal`. */
type Link = { readonly url: string; readonly expires_at: string }

const DURATIONS = { '1h': 'An hour', '1d': 'A day', '7d': 'A week', '30d': '30 days' } as const

/** Makes a link to the page that shows a customer its own usage. */
export function PortalDialog({
  id,
  onClose,
}: {
  readonly id: string
  readonly onClose: () => void
}) {
  const form = useForm<{ duration: string }>({ duration: '1h' })
  const [link, setLink] = useState<Link | null>(null)
  const make = form.submit(async ({ duration }) => {
    setLink(await post<Link>('/customer/portal', { user_id: id, duration }))
  })
  return (
    <Dialog title="A link to the customer's own page" onClose={onClose}>
      <form class="stack" onSubmit={make}>
        <p>
          A page to read only, in your name and colour, of what this customer alone spent, its
          limits and its usage. It needs no key: whoever has the link, sees it.
        </p>
        <Field
          label="Good for"
          hint="It cannot be taken back before, but by deleting the customer or another master key."
          error={form.errorOf('duration')}
        >
          {(ids) => (
            <select
              {...ids}
              value={form.values.duration}
              onChange={(event) => form.set({ duration: event.currentTarget.value })}
            >
              {Object.entries(DURATIONS).map(([duration, text]) => (
                <option key={duration} value={duration}>
                  {text}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Problem text={form.problem} />
        {link !== null && (
          <>
            <Copy text={link.url} label="Link" />
            <p class="hint">
              Good until <Time at={link.expires_at} />.{' '}
              <a href={link.url} target="_blank" rel="noreferrer">
                Open it
              </a>
            </p>
          </>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary" disabled={form.isBusy}>
            Make a link
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
