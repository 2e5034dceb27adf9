import { Elysia } from 'elysia'
import { Refusal } from '../errors.ts'
import type { Call } from '../gateway/call.ts'

export type CallParts = {
  readonly handleCall: (call: Call) => Promise<Response>
  /** Throws `unauthorized`. */
  readonly authorize: (headers: Headers) => void
  /** Bytes. */
  readonly bodyBytesMax: number
  readonly newId: () => string
}

/** The metered endpoints: each with and without `/v1`, for base URLs of either kind. */
const ENDPOINTS = ['/chat/completions'] as const

/**
 * Every metered path: bytes in, a call, its answer out. The body is not parsed here (`parse:
 * 'none'`): what the client sent is what the upstream gets.
 */
export const callRoutes = (parts: CallParts) => {
  const routes = new Elysia({ tags: ['calls'] })
  for (const path of ENDPOINTS) {
    for (const prefix of ['', '/v1']) {
      routes.post(`${prefix}${path}`, ({ request }) => answer(request, path, parts), {
        parse: 'none',
        detail: DETAIL,
      })
    }
  }
  return routes
}

async function answer(request: Request, path: string, parts: CallParts): Promise<Response> {
  parts.authorize(request.headers)
  const body = await readBody(request, parts.bodyBytesMax)
  const { headers, signal } = request
  return parts.handleCall({ id: parts.newId(), path, headers, body, signal })
}

async function readBody(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get('content-length') ?? 0)
  if (declared > bytesMax) throw tooLarge(declared, bytesMax)
  const body = new Uint8Array(await request.arrayBuffer())
  if (body.length > bytesMax) throw tooLarge(body.length, bytesMax)
  return body
}

const tooLarge = (bytes: number, bytesMax: number) =>
  new Refusal('body_too_large', `The body has ${bytes} bytes; at most ${bytesMax} are taken.`)

const DETAIL = {
  summary: 'A chat completion, on the tab of the customer in `user`',
  description: 'As OpenAI `POST /v1/chat/completions`, streamed or not.',
}
