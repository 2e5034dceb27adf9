import { createContext } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, messageOf, onSignedOut, respond } from './api.ts'
import { Dialog } from './dialog.tsx'
import { Field, Problem } from './form.tsx'

/** `GET /ui/session`. */
export type Session = {
  readonly role: 'admin' | 'read_only'
  readonly key_alias: string | null
  readonly version: string
}

const Current = createContext<Session | null>(null)

/** Who is signed in. To be used inside of `SignedIn`. */
export const useSession = (): Session => useContext(Current)!

/** Whether the one who is signed in may change anything. */
export const useIsAdmin = (): boolean => useSession().role === 'admin'

const PATH = '/ui/session'

const open = async (key: string) =>
  (await (
    await respond(PATH, { method: 'POST', headers: { authorization: `Bearer ${key}` } })
  ).json()) as Session

export async function signOut() {
  await respond(PATH, { method: 'DELETE' })
  location.assign('/ui')
}

/**
 * Shows its children to who is signed in, and the form for it to others. When a session is over in
 * the midst of work, the form comes over the page, and what had been asked goes on afterwards.
 */
export function SignedIn({ children }: { children: preact.ComponentChildren }) {
  const [session, setSession] = useState<Session | null | undefined>(undefined)
  const [waiting, setWaiting] = useState<PromiseWithResolvers<void> | null>(null)
  const pending = useRef<PromiseWithResolvers<void> | null>(null)

  useEffect(() => {
    onSignedOut(() => Promise.reject(new ApiError(401, '')))
    respond(PATH)
      .then(async (response) => setSession((await response.json()) as Session))
      .catch(() => setSession(null))
  }, [])
  useEffect(() => {
    if (session === null || session === undefined) return
    onSignedOut(() => {
      pending.current ??= Promise.withResolvers<void>()
      setWaiting(pending.current)
      return pending.current.promise
    })
  }, [session])

  if (session === undefined) return null
  const enter = (entered: Session) => {
    setSession(entered)
    pending.current?.resolve()
    pending.current = null
    setWaiting(null)
  }
  if (session === null) {
    return (
      <main class="sign-in">
        <h1>
          <Mark /> Tollgate
        </h1>
        <SignInForm onEnter={enter} />
      </main>
    )
  }
  return (
    <Current.Provider value={session}>
      {children}
      {waiting !== null && (
        <Dialog title="Your session is over" isRequired>
          <p>Sign in again to go on where you were. Nothing that you typed is lost.</p>
          <SignInForm onEnter={enter} />
        </Dialog>
      )}
    </Current.Provider>
  )
}

function SignInForm({ onEnter }: { onEnter: (session: Session) => void }) {
  const [key, setKey] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    setProblem(null)
    try {
      if (key.trim() === '') throw new ApiError(400, 'Paste a key first')
      onEnter(await open(key.trim()))
    } catch (error) {
      setProblem(messageOf(error))
    }
    setBusy(false)
  }
  return (
    <form class="stack" onSubmit={submit}>
      <Field
        label="Key"
        hint={
          'The master key, or a read_only key to look without changing anything. Without a ' +
          'master key of your own, the server printed one when it started.'
        }
      >
        {(ids) => (
          <input
            {...ids}
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        )}
      </Field>
      <Problem text={problem} />
      <button type="submit" class="primary" disabled={isBusy}>
        Sign in
      </button>
    </form>
  )
}

/** The mark of Tollgate: a barrier that lifts. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" />
    <path d="M8 23V9m0 5 16 6" />
  </svg>
)
