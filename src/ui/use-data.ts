import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { address, get, type Query } from './api.ts'

export type Loaded<Answer> = {
  /** What was answered last: it stays while the next is on its way. */
  readonly data: Answer | undefined
  readonly error: unknown
  readonly isLoading: boolean
  readonly reload: () => void
}

/**
 * What a path answers, asked anew whenever the path or its query changes, and by `reload`. Null:
 * nothing is asked. With a `bearer` it is asked with that, and nobody has to sign in.
 */
export function useData<Answer>(
  path: string | null,
  query: Query = {},
  bearer: string | null = null,
): Loaded<Answer> {
  const asked = path === null ? null : address(path, query)
  const [state, setState] = useState<{ data?: Answer; error?: unknown; of?: string | null }>({})
  const [round, setRound] = useState(0)
  const reload = useCallback(() => setRound((before) => before + 1), [])
  useEffect(() => {
    if (asked === null) return
    const { signal, abort } = cancelling()
    const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` }
    get<Answer>(asked, {}, { signal, headers }).then(
      (data) => signal.aborted || setState({ data, of: asked }),
      (error: unknown) =>
        signal.aborted || setState(({ data }) => ({ ...(data && { data }), error, of: asked })),
    )
    return abort
  }, [asked, bearer, round])
  return {
    data: state.data,
    error: state.error ?? null,
    isLoading: asked !== null && state.of !== asked,
    reload,
  }
}

const cancelling = () => {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

/** Calls `act` every so often while the page is seen, and when it is seen again. */
export function useEvery(ms: number, act: () => void) {
  const latest = useRef(act)
  latest.current = act
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && latest.current()
    const timer = setInterval(look, ms)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [ms])
}

/** What was last given, once it has not changed for a while: for searches as one types. */
export function useSettled<Value>(value: Value, ms = 250): Value {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return settled
}
