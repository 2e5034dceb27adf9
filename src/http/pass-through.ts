import { Elysia } from 'elysia'
import type { PassThrough } from '../config/config.ts'
import { Refusal } from '../errors.ts'
import type { InFlight } from '../gateway/in-flight.ts'
import { passThrough } from '../gateway/pass-through.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { requireCalls } from './access.ts'
import { queryOf, wholePathOf } from './address.ts'
import type { Authenticate } from './auth.ts'
import { type BodyLimits, streamBody } from './request-body.ts'

export type PassThroughParts = {
  readonly passThroughs: readonly PassThrough[]
  readonly authenticate: Authenticate
  /** Headers that name a customer. */
  readonly customerHeaders: readonly string[]
  readonly inFlight: Pick<InFlight, 'arrive' | 'leave'>
  readonly body: BodyLimits
  readonly clientIdleMs: number
  /** Whether Bun may wait long for the next byte of an answer. */
  readonly mayTakeTime: (request: Request, may: boolean) => void
  readonly newId: () => string
}

/** Marks their routes among the others. */
const FORWARDED = 'forwarded'

/** The endpoints that the config says are forwarded unmetered. */
export function passThroughRoutes(parts: PassThroughParts) {
  const routes = new Elysia({ normalize: false })
  for (const endpoint of parts.passThroughs) {
    const paths = [endpoint.path, ...(endpoint.includesBelow ? [`${endpoint.path}/*`] : [])]
    for (const path of paths) {
      for (const method of endpoint.methods) {
        routes.route(method, path, ({ request }) => forward(request, endpoint, parts), {
          parse: 'none',
          detail: { hide: true, tags: [FORWARDED] },
        })
      }
    }
  }
  return routes
}

/** Whether a path is one of them; who may ask for it is then theirs to say. */
export const isPassedThrough = (path: string, passThroughs: readonly PassThrough[]): boolean =>
  passThroughs.some((endpoint) => isWithin(path, endpoint))

const isWithin = (path: string, endpoint: PassThrough): boolean =>
  path === endpoint.path || (endpoint.includesBelow && path.startsWith(`${endpoint.path}/`))

/** Whether a route is one of Tollgate's own. */
export const isOwnRoute = ({ hooks }: { readonly hooks: Hooks }): boolean =>
  hooks?.detail?.tags?.includes(FORWARDED) !== true

type Hooks = { readonly detail?: { readonly tags?: readonly string[] } } | undefined

/** Throws when an endpoint stands where Tollgate has paths of its own: those would open with it. */
export function requireApart(
  passThroughs: readonly PassThrough[],
  own: readonly { readonly path: string }[],
) {
  for (const endpoint of passThroughs) {
    const taken = own.find(
      ({ path }) => isWithin(path, endpoint) || pattern(path).test(endpoint.path),
    )
    if (taken === undefined) continue
    const what = `general_settings.pass_through_endpoints: ${endpoint.path} is in the way of`
    throw new Error(`${what} ${taken.path}, which Tollgate serves itself; choose another path.`)
  }
}

/** A route's path as an expression. */
const pattern = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replace(/[.]/g, '\\.')
      .replace(/:[^/]+/g, '[^/]+')
      .replace(/\*/g, '.*')}$`,
  )

async function forward(
  request: Request,
  endpoint: PassThrough,
  parts: PassThroughParts,
): Promise<Response> {
  requireAllowed(request, endpoint, parts)
  const id = parts.newId()
  const { url, method, headers } = request
  parts.inFlight.arrive(id, 0)
  const ended = () => parts.inFlight.leave(id)
  try {
    parts.mayTakeTime(request, true)
    const { body, broken } = streamBody(request, parts.body)
    return await passThrough({
      endpoint,
      below: wholePathOf(url).slice(endpoint.path.length),
      query: queryOf(url) === '' ? '' : `?${queryOf(url)}`,
      method,
      headers,
      body,
      signal: AbortSignal.any([request.signal, broken]),
      clientIdleMs: parts.clientIdleMs,
      ended,
    })
  } catch (error) {
    ended()
    throw error
  }
}

/**
 * Throws `forbidden` for a key that may not send anything through, and `invalid_request` where a
 * customer is named: nothing that goes through would be on its tab.
 */
function requireAllowed(request: Request, endpoint: PassThrough, parts: PassThroughParts) {
  const key = requireCalls(parts.authenticate(request), request)
  if (key !== null) requireFreeKey(key, endpoint)
  const names = ['x-litellm-customer-id', 'x-litellm-end-user-id', ...parts.customerHeaders]
  const named = names.find((name) => request.headers.has(name))
  if (named === undefined) return
  throw new Refusal(
    'invalid_request',
    `\`${endpoint.path}\` is not metered, so that nothing of it is on a customer's tab: ` +
      `leave out the header ${named}.`,
    { param: named },
  )
}

function requireFreeKey(key: VirtualKey, { path, isForKeys }: PassThrough) {
  if (!isForKeys) {
    const right = 'use the master key, or set `keys: true` in its entry of the config'
    throw new Refusal('forbidden', `\`${path}\` is not open to virtual keys; ${right}.`)
  }
  if (key.budgetId === null && key.customerId === null && key.models === null) return
  const what = 'a budget, a customer or models of its own'
  const why = `\`${path}\` is not metered, so a key with ${what} may not use it`
  throw new Refusal('forbidden', `${why}; use one without.`)
}
