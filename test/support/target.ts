import { startServer } from './server.ts'

/** What a target was sent. */
export type Received = {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Headers
  body: Buffer
  /** Whoever asked has gone. */
  hungUp: boolean
}

/** A server that requests are passed through to, and Tollgate in front of it. */
export async function startPassage(
  entries: (at: string) => readonly string[],
  settings: readonly string[] = [],
) {
  const received: Received[] = []
  const target = {
    received,
    last: () => received.at(-1)!,
    /** What it says; may wait. */
    answer: (_: Received): Response | Promise<Response> => new Response('fine'),
    /** Called with each piece of a body as it comes. */
    onPiece: (_: Uint8Array): void => {},
  }
  const listening = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const { method, headers } = request
      const path = `${pathname}${search}`
      const about = { method, path, headers, body: Buffer.alloc(0), hungUp: false }
      request.signal.addEventListener('abort', () => {
        about.hungUp = true
      })
      received.push(about)
      for await (const piece of request.body ?? []) {
        about.body = Buffer.concat([about.body, piece])
        target.onPiece(piece)
      }
      return target.answer(about)
    },
  })
  const at = `http://127.0.0.1:${listening.port}`
  const server = await startServer({
    config: `
model_list:
  - {model_name: demo, litellm_params: {model: demo/demo}}
general_settings:
  user_header_name: X-Shop-User
  pass_through_endpoints:
${entries(at)
  .map((entry) => `    - {${entry}}\n`)
  .join('')}
tollgate_settings:
  max_body_mb: 1
${settings.map((line) => `  ${line}\n`).join('')}`,
  })
  return {
    at,
    server,
    target,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await listening.stop(true)
    },
  }
}
