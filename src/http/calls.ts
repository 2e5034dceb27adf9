import { type AnyElysia, Elysia } from 'elysia'
import { Refusal } from '../errors.ts'
import { setAlarm, takeBack } from '../gateway/alarm.ts'
import { NO_BODY } from '../gateway/body.ts'
import type { Call } from '../gateway/call.ts'
import { COUNT_TOKENS, ENDPOINTS, type Endpoint } from '../gateway/endpoint.ts'
import type { InFlight } from '../gateway/in-flight.ts'
import type { Observation } from '../gateway/observation.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { CALL_DOCS, COUNT_TOKENS_DOCS } from './call-docs.ts'
import type { DiskRefusal } from './failures.ts'
import { FIELDS_BYTES_MAX, type FormParts, readForm, type SpooledForm } from './form.ts'
import { MEDIA_DOCS } from './media-docs.ts'
import { type BodyLimits, bytesAtMost, readBody } from './request-body.ts'
import { Room } from './room.ts'

const DOCS: Record<keyof typeof ENDPOINTS, object> = { ...CALL_DOCS, ...MEDIA_DOCS }

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
  readonly form: Omit<FormParts, 'room'> & {
    /** For the files of all calls together. */
    readonly diskBytesMax: number
  }
  readonly newId: () => string
  readonly diskRefusal: DiskRefusal
  /** Begins to observe a call. */
  readonly observe: (call: Pick<Call, 'id' | 'endpoint' | 'headers'>) => Observation
}

/**
 * Every metered path: bytes in, a call, its answer out. The body is not parsed here (`parse:
 * 'none'`): what the client sent is what the upstream gets.
 */
export const callRoutes = (given: CallParts): CallRoutes => {
  const routes = new Elysia({ normalize: false })
  const straight = new Map<string, Straight>()
  const parts = { ...given, room: new Room(given.form.diskBytesMax) }
  const route = (endpoint: Endpoint, handle: Handle, detail: object) => {
    const asked = { endpoint, handle }
    // With and without, for base URLs of either kind.
    for (const prefix of ['', '/v1']) {
      const path = `${prefix}${endpoint.path}`
      straight.set(path, (request) => answer(request, asked, parts))
      routes.post(path, ({ request }) => answer(request, asked, parts), { parse: 'none', detail })
    }
  }
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    route(endpoint, parts.handleCall, DOCS[name as keyof typeof ENDPOINTS])
  }
  route(COUNT_TOKENS, parts.handleFreeCall, COUNT_TOKENS_DOCS)
  return { calls: routes, straight }
}

/** Answers a POST. Throws what `failureResponse` words. */
export type Straight = (request: Request) => Promise<Response>

type CallRoutes = {
  readonly calls: AnyElysia
  /** The same by path, for a server that can send calls here past Elysia. */
  readonly straight: ReadonlyMap<string, Straight>
}

type Parts = CallParts & { readonly room: Room }
type Handle = CallParts['handleCall']

async function answer(
  request: Request,
  { endpoint, handle }: { readonly endpoint: Endpoint; readonly handle: Handle },
  parts: Parts,
): Promise<Response> {
  const id = parts.newId()
  const { headers, signal } = request
  const seen = parts.observe({ id, endpoint, headers })
  let isStream = false
  let spooled: SpooledForm | null = null
  const patience = patienceFor(request, parts)
  try {
    const key = parts.authorize(request)
    let body = NO_BODY
    if (endpoint.isForm) {
      spooled = await spoolForm(request, { id, endpoint }, parts)
    } else {
      parts.inFlight.arrive(id, bytesAtMost(request, parts.body))
      body = await readBody(request, parts.body)
      parts.inFlight.sized(id, body.blob.size)
    }
    const form = spooled?.form ?? null
    const response = await handle({ id, endpoint, headers, body, form, key, signal, seen })
    isStream = isEventStream(response) || endpoint.wire.isBinary === true
    if (signal.aborted) seen.left()
    else seen.answered(response.status)
    return response
  } catch (error) {
    if (signal.aborted) seen.left()
    else seen.failed(parts.diskRefusal(error) ?? error)
    if (error instanceof Refusal) error.with({ 'x-tollgate-call-id': id, 'x-litellm-call-id': id })
    throw error
  } finally {
    // The upstream has answered, or will not be asked again.
    if (spooled !== null) await spooled.close()
    parts.inFlight.leave(id)
    // A stream has a watch of its own over its client.
    patience.end(isStream)
  }
}

/** How old a request is when it is given all the time that it takes, milliseconds. */
const PATIENT_AFTER_MS = 100

/** Bun is told of requests that take their time; most are answered before that matters. */
function patienceFor(request: Request, { mayTakeTime }: Pick<CallParts, 'mayTakeTime'>) {
  let isTold = false
  const tell = (may: boolean) => {
    if (may !== isTold) mayTakeTime(request, may)
    isTold = may
  }
  const alarm = setAlarm(PATIENT_AFTER_MS, () => tell(true))
  return {
    end(isStream: boolean) {
      takeBack(alarm)
      tell(isStream)
    },
  }
}

/** Only its fields are in memory. */
async function spoolForm(
  request: Request,
  { id, endpoint }: Pick<Call, 'id' | 'endpoint'>,
  { inFlight, form, room }: Parts,
): Promise<SpooledForm> {
  inFlight.arrive(id, bytesAtMost(request, { bytesMax: FIELDS_BYTES_MAX }))
  const spooled = await readForm(request, { ...form, room }, endpoint.hearsSound === true)
  inFlight.sized(id, spooled.form.fieldBytes)
  return spooled
}

const isEventStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false
