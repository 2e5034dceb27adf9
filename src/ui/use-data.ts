import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { address, get, type Query, respond } from './api.ts'

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
  const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` }
  return useAnswer(asked, (signal) => get<Answer>(asked!, {}, { signal, headers }), bearer)
}

/** A page of a list that goes by cursors. */
export type Page<Row> = {
  readonly rows: readonly Row[]
  /** The cursor of the next page; null: this is the last. */
  readonly next: string | null
  /** How many there are on all pages, as far as the server says it. */
  readonly total: number | null
  /** There are so many at least; the rest was not counted. */
  readonly totalAtLeast: number | null
}

/** The same, of a list whose next page and length are in the headers. */
export function usePage<Row>(path: string, query: Query): Loaded<Page<Row>> {
  const asked = address(path, query)
  return useAnswer(asked, async (signal) => {
    const response = await respond(asked, { signal })
    const { headers } = response
    const count = (name: string) => (headers.has(name) ? Number(headers.get(name)) : null)
    return {
      rows: (await response.json()) as readonly Row[],
      next: headers.get('x-next-cursor'),
      total: count('x-total-count'),
      totalAtLeast: count('x-total-count-at-least'),
    }
  })
}

/** What a question that changes nothing would be answered to this body; null: it is not asked. */
export function usePreview<Answer>(path: string, json: unknown): Loaded<Answer> {
  const asked = json === null ? null : JSON.stringify(json)
  return useAnswer(
    asked,
    async (signal) => (await respond(path, { json, signal })).json() as Promise<Answer>,
  )
}

/** What `load` gives for what is `asked`; the last answer stays until there is another. */
function useAnswer<Answer>(
  asked: string | null,
  load: (signal: AbortSignal) => Promise<Answer>,
  bearer: string | null = null,
): Loaded<Answer> {
  const [state, setState] = useState<{ data?: Answer; error?: unknown; of?: string | null }>({})
  const [round, setRound] = useState(0)
  const reload = useCallback(() => setRound((before) => before + 1), [])
  useEffect(() => {
    if (asked === null) return
    const { signal, abort } = cancelling()
    load(signal).then(
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

/** Calls `act` when a value has become another one: not for the first. */
export function useChange(value: unknown, act: () => void) {
  const known = useRef(value)
  useEffect(() => {
    if (known.current === value) return
    known.current = value
    act()
  }, [value])
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
