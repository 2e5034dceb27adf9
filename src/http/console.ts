import { Elysia } from 'elysia'
import { type Page, pageParts, pagePolicy } from './page.ts'
import { SESSION_PATH } from './session.ts'

const PREFIX = '/ui'

/** Open to anyone: the pages hold nothing until somebody has signed in. */
export const isConsolePath = (path: string): boolean =>
  (path === PREFIX || path.startsWith(`${PREFIX}/`)) && path !== SESSION_PATH

/**
 * The admin console: one page, whatever its address, which asks our public API. It is built from
 * `ui/` by whoever bundles us (or when it is first asked for, run from source) and embedded, so it
 * needs no file and no internet.
 */
export function consoleRoutes(load: () => Promise<Page>) {
  const { html, script, style } = pageParts(load, {
    'content-security-policy': pagePolicy([]),
    'referrer-policy': 'same-origin',
  })
  const hidden = { detail: { hide: true } }
  return new Elysia({ normalize: false })
    .get(`${PREFIX}/app.js`, script, hidden)
    .get(`${PREFIX}/app.css`, style, hidden)
    .get(PREFIX, html, hidden)
    .get(`${PREFIX}/*`, html, hidden)
}
