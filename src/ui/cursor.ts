import { useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { address } from './api.ts'

/** Where one is in a list that goes by cursors. It is in the address, so that a link shows it. */
export type Place = {
  /** Undefined: the first page. */
  readonly cursor: string | undefined
  /** From 1. */
  readonly page: number
  /** Goes a page on, or back; `next` is the cursor of the page after this one. */
  go(page: number, next: string | null): void
}

/**
 * A list's place, under a name of its own where a page has several lists. A cursor leads forward
 * only, so the way that one came is remembered; who came by a link goes back to the first page.
 */
export function usePlace(name = ''): Place {
  const { path, query, route } = useLocation()
  const before = useRef(new Map<string, string | undefined>())
  const [cursorName, pageName] = [`${name}cursor`, `${name}page`]
  const cursor = query[cursorName] || undefined
  const page = cursor === undefined ? 1 : Math.max(2, Number(query[pageName]) || 2)
  return {
    cursor,
    page,
    go(to, next) {
      const isForward = to > page
      if (isForward && next !== null) before.current.set(next, cursor)
      const target = isForward ? next : before.current.get(cursor ?? '')
      const { [cursorName]: _, [pageName]: __, ...others } = query
      const place = target ? { [cursorName]: target, [pageName]: String(to) } : {}
      route(address(path, { ...others, ...place }))
    },
  }
}

/** Changes what an address asks for. What is empty is left out, and lists begin anew. */
export function useQuery(...lists: readonly string[]) {
  const { path, query, route } = useLocation()
  const begun = lists.flatMap((name) => [`${name}cursor`, `${name}page`])
  const change = (changes: Readonly<Record<string, string>>) => {
    const all = Object.entries({ ...query, ...changes })
    const kept = all.filter(([name, value]) => value !== '' && !begun.includes(name))
    route(address(path, Object.fromEntries(kept)), true)
  }
  return { query, change }
}
