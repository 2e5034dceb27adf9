import { gzipSync } from 'node:zlib'
import { Elysia } from 'elysia'
import { SESSION_PATH } from './session.ts'

/** A page that a browser loads: its HTML, its script and its style. */
export type Page = {
  readonly html: string
  readonly script: string
  readonly style: string
}

const PREFIX = '/ui'

/** Open to anyone: the pages hold nothing until somebody has signed in. */
export const isConsolePath = (path: string): boolean =>
  (path === PREFIX || path.startsWith(`${PREFIX}/`)) && path !== SESSION_PATH

/**
 * The browser itself sees to it that the page runs no script but ours, asks nobody else, and is
 * shown in no frame: whatever a customer's id or an upstream's error says, it stays text.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * The admin console: one page, whatever its address, which asks our public API. It is built from
 * `ui/` by whoever bundles us (or when it is first asked for, run from source) and embedded, so it
 * needs no file and no internet. `load` is asked once.
 */
export function consoleRoutes(load: () => Promise<Page>) {
  let loaded: Promise<Record<keyof Page, Packed>> | null = null
  const page = () => (loaded ??= load().then(packed))
  const html = async ({ request }: { request: Request }) =>
    answer((await page()).html, request, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': POLICY,
      'referrer-policy': 'same-origin',
    })
  const asset = (name: 'script' | 'style', type: string) => async (asked: { request: Request }) =>
    answer((await page())[name], asked.request, {
      'content-type': `text/${type}; charset=utf-8`,
      // Its address carries its version.
      'cache-control': 'public, max-age=31536000, immutable',
    })
  const hidden = { detail: { hide: true } }
  return new Elysia({ normalize: false })
    .get(`${PREFIX}/app.js`, asset('script', 'javascript'), hidden)
    .get(`${PREFIX}/app.css`, asset('style', 'css'), hidden)
    .get(PREFIX, html, hidden)
    .get(`${PREFIX}/*`, html, hidden)
}

type Packed = { readonly plain: string; readonly gzipped: Uint8Array<ArrayBuffer> }

function packed({ html, script, style }: Page): Record<keyof Page, Packed> {
  const pack = (plain: string): Packed => ({ plain, gzipped: gzipSync(plain) })
  return { html: pack(html), script: pack(script), style: pack(style) }
}

function answer({ plain, gzipped }: Packed, { headers }: Request, more: Record<string, string>) {
  const isPacked = /\bgzip\b/.test(headers.get('accept-encoding') ?? '')
  return new Response(isPacked ? gzipped : plain, {
    headers: { ...more, vary: 'accept-encoding', ...(isPacked && { 'content-encoding': 'gzip' }) },
  })
}
