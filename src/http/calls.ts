import { Elysia } from 'elysia'
import { Refusal } from '../errors.ts'
import type { Call } from '../gateway/call.ts'
import { COUNT_TOKENS, ENDPOINTS, type Endpoint } from '../gateway/endpoint.ts'
import type { InFlight } from '../gateway/in-flight.ts'
import type { Observation } from '../gateway/observation.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { CALL_DOCS, COUNT_TOKENS_DOCS } from './call-docs.ts'
import type { DiskRefusal } from './failures.ts'
import { type BodyLimits, bytesAtMost, readBody } from './request-body.ts'

export type CallParts = {
  readonly handleCall: (call: Call) => Promise<Response>
  /** The same for a call that costs nothing. */
  readonly handleFreeCall: (call: Call) => Promise<Response>
  /** The key that the call comes with; null: the master key. Throws what keeps others out. */
  readonly authorize: (request: Request) => VirtualKey | null
  /** Whether Bun may wait long for the next byte of its answer. */
  readonly mayTakeTime: (request: Request, may: boolean) => void
  readonly inFlight: Pick<InFlight, 'arrive' | 'sized' | 'leave'>
  readonly body: BodyLimits
  readonly newId: () => string
  readonly diskRefusal: DiskRefusal
  /** Begins to observe a call. */
  readonly observe: (call: Pick<Call, 'id' | 'endpoint' | 'headers'>) => Observation
}

/**
 * Every metered path: bytes in, a call, its answer out. The body is not parsed here (`parse:
 * 'none'`): what the client sent is what the upstream gets.
 */
export const callRoutes = (parts: CallParts) => {
  const routes = new Elysia({ normalize: false })
  const route = (endpoint: Endpoint, handle: Handle, detail: typeof COUNT_TOKENS_DOCS) => {
    // With and without, for base URLs of either kind.
    for (const prefix of ['', '/v1']) {
      routes.post(
        `${prefix}${endpoint.path}`,
        ({ request }) => answer(request, { endpoint, handle }, parts),
        { parse: 'none', detail },
      )
    }
  }
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    route(endpoint, parts.handleCall, CALL_DOCS[name as keyof typeof ENDPOINTS])
  }
  route(COUNT_TOKENS, parts.handleFreeCall, COUNT_TOKENS_DOCS)
  return routes
}

type Handle = CallParts['handleCall']

async function answer(
  request: Request,
  { endpoint, handle }: { readonly endpoint: Endpoint; readonly handle: Handle },
  parts: CallParts,
): Promise<Response> {
  const id = parts.newId()
  const { headers, signal } = request
  const seen = parts.observe({ id, endpoint, headers })
  let isStream = false
  try {
    const key = parts.authorize(request)
    parts.mayTakeTime(request, true)
    parts.inFlight.arrive(id, bytesAtMost(request, parts.body))
    const body = await readBody(request, parts.body)
    parts.inFlight.sized(id, body.length)
    const response = await handle({ id, endpoint, headers, body, key, signal, seen })
    isStream = isEventStream(response)
    if (signal.aborted) seen.left()
    else seen.answered(response.status)
    return response
  } catch (error) {
    if (signal.aborted) seen.left()
    else seen.failed(parts.diskRefusal(error) ?? error)
    if (error instanceof Refusal) error.with({ 'x-tollgate-call-id': id, 'x-litellm-call-id': id })
    throw error
  } finally {
    parts.inFlight.leave(id)
    // A stream has a watch of its own over its client.
    if (!isStream) parts.mayTakeTime(request, false)
  }
}

const isEventStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false
