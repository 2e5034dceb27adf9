import { ValidationError } from 'elysia'
import { nearest, Refusal } from '../errors.ts'
import { ANTHROPIC_PATHS } from '../gateway/endpoint.ts'
import { logError, logTrouble } from '../log.ts'
import { anthropicError } from '../metering/messages-wire.ts'
import type { Json } from '../metering/wire.ts'

/** What a request asked for that failed, and the routes there are. */
type Asked = {
  readonly method: string
  readonly path: string
  readonly routes: readonly { readonly method: string; readonly path: string }[]
  readonly diskRefusal: DiskRefusal
}

/** What a client is told when the disk under the books failed; null: that was not it. */
export type DiskRefusal = (error: unknown) => Refusal | null

/** As the log may have it: LiteLLM has keys in a path. */
const shown = ({ method, path }: Asked) => `${method} ${path.replace(/sk-[^/]+/g, 'sk-…')}`

/** A browser must not take for a page what a client wrote into an id, and we repeat. */
export const NOT_SNIFFED = { 'x-content-type-options': 'nosniff' }

/** Whatever was thrown becomes the one error shape here, and nowhere else. */
export function failureResponse(error: unknown, code: string | number, asked: Asked): Response {
  const refusal = asRefusal(error, code, asked) ?? troubleRefusal(error, asked)
  if (refusal !== null) {
    const headers = { ...NOT_SNIFFED, ...refusal.headers }
    return Response.json(shapedFor(asked, refusal.toJSON()), { status: refusal.status, headers })
  }
  logError(`${shown(asked)} failed`, error)
  const message = 'Internal error. The log of the server says more.'
  const internal = { error: { message, type: 'api_error', param: null, code: '500' } }
  return Response.json(shapedFor(asked, internal), { status: 500, headers: NOT_SNIFFED })
}

/** Anthropic's clients want one member more, and its words for what goes wrong. */
const shapedFor = ({ path }: Asked, common: Json): Json =>
  ANTHROPIC_PATHS.includes(path.replace(/^\/v1/, '')) ? anthropicError(common) : common

function asRefusal(error: unknown, code: string | number, asked: Asked): Refusal | null {
  if (error instanceof Refusal) return error
  if (error instanceof ValidationError) {
    const fault = error.all[0] as { path?: string; summary?: string } | undefined
    const param = fault?.path?.slice(1).replaceAll('/', '.') ?? ''
    const sentence = fault?.summary ?? `The ${error.type} is not valid`
    return new Refusal('invalid_request', sentence, param === '' ? {} : { param })
  }
  if (code === 'PARSE') {
    const { cause } = error as Error
    if (cause instanceof Refusal) return cause
    return new Refusal('invalid_request', 'The body is not valid JSON', { cause })
  }
  if (code === 'NOT_FOUND') return noRoute(asked)
  return null
}

function troubleRefusal(error: unknown, asked: Asked): Refusal | null {
  const refusal = asked.diskRefusal(error)
  if (refusal === null) return null
  logTrouble((refusal.cause as Error).message, { failed: shown(asked) })
  return refusal
}

/** 404, or 405 as FastAPI and so LiteLLM answer when the path is right and the method is not. */
function noRoute({ method, path, routes }: Asked): Refusal {
  const methods = new Set(
    routes.filter((route) => pattern(route.path).test(path)).map((route) => route.method),
  )
  const type = 'invalid_request_error'
  // With a slash too many at its end, the method is not what is wrong.
  if (methods.size > 0 && !methods.has(method)) {
    const allowed = [...methods].sort().join(', ')
    return new Refusal('not_found', `${path} takes ${allowed}, not ${method}`, {
      status: 405,
      type,
      headers: { allow: allowed },
    })
  }
  const meant = nearest(path, new Set(routes.map((route) => route.path)))
  const hint = meant === null ? 'GET /docs lists the paths' : `did you mean ${meant}?`
  return new Refusal('not_found', `No such path: ${path}; ${hint}`, { type })
}

/** A route's path as an expression: `:id` is one segment, `*` the rest. */
function pattern(path: string): RegExp {
  const escaped = path.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/:[^/]+/g, '[^/]+').replace(/\*/g, '.+')}/?$`)
}
