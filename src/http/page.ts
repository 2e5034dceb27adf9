import { gzipSync } from 'node:zlib'

/** A page that a browser loads: its HTML, its script and its style. */
export type Page = {
  readonly html: string
  readonly script: string
  readonly style: string
}

type Asked = { readonly request: Request }

/**
 * The handlers of a page's parts. `load` is asked once, when the first of them is; each is packed
 * once too. `headers` are those of the HTML.
 */
export function pageParts(load: () => Promise<Page>, headers: Readonly<Record<string, string>>) {
  let loaded: Promise<Record<keyof Page, Packed>> | null = null
  const page = () =>
    (loaded ??= load().then(({ html, script, style }) => ({
      html: packed(html),
      script: packed(script),
      style: packed(style),
    })))
  const asset =
    (name: 'script' | 'style', type: string) =>
    async ({ request }: Asked) =>
      packedAnswer((await page())[name], request, {
        'content-type': `text/${type}; charset=utf-8`,
        // Its address carries its version.
        'cache-control': 'public, max-age=31536000, immutable',
      })
  return {
    html: async ({ request }: Asked) =>
      packedAnswer((await page()).html, request, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        ...headers,
      }),
    script: asset('script', 'javascript'),
    style: asset('style', 'css'),
  }
}

/**
 * The browser itself sees to it that a page runs no script but ours, asks nobody else, and is shown
 * in no frame but of `ancestors`: whatever a customer's id or an upstream's error says, it stays
 * text.
 */
export const pagePolicy = (ancestors: readonly string[]): string =>
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; " +
  `frame-ancestors ${ancestors.length === 0 ? "'none'" : ancestors.join(' ')}`

type Packed = { readonly plain: string; readonly gzipped: Uint8Array<ArrayBuffer> }

const packed = (plain: string): Packed => ({ plain, gzipped: gzipSync(plain) })

function packedAnswer(
  { plain, gzipped }: Packed,
  { headers }: Request,
  more: Readonly<Record<string, string>>,
): Response {
  const isPacked = /\bgzip\b/.test(headers.get('accept-encoding') ?? '')
  return new Response(isPacked ? gzipped : plain, {
    headers: { ...more, vary: 'accept-encoding', ...(isPacked && { 'content-encoding': 'gzip' }) },
  })
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

/** Text as HTML has it. */
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => ESCAPES[mark]!)
