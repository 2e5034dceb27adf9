/**
 * Path and query of a request's `url`, read without `new URL`: this runs for each call, and with a
 * `Host` header that cannot be one, Bun's `request.url` is no URL: it is the path and the query by
 * themselves, or has that host in it.
 */

/** Without a slash at the end, which makes no difference to Elysia either. */
export function pathOf(url: string): string {
  const path = wholePathOf(url)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** As it came. */
export function wholePathOf(url: string): string {
  const start = startOfPath(url)
  const mark = url.indexOf('?', start)
  return url.slice(start, mark === -1 ? url.length : mark)
}

/** What follows the question mark; empty without one. */
export function queryOf(url: string): string {
  const mark = url.indexOf('?', startOfPath(url))
  return mark === -1 ? '' : url.slice(mark + 1)
}

const startOfPath = (url: string): number =>
  url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('//') + 2)
