import {
  type AnthropicError,
  anthropicErrorJson,
  anthropicErrorOf,
  ORGANIZATION,
  refusalOfBody,
  refusalOfHeaders,
} from './anthropic-errors.ts'
import { type AnthropicScript, messageEvents, messageJson } from './anthropic-wire.ts'
import { type Asked, idOf } from './completion.ts'
import { listenRaw, type RawRequest, type Reply } from './raw-http.ts'
import { ReceivedCall } from './received-call.ts'
import { headerGates, writesOf } from './script.ts'

/** An Anthropic of ours: strict and faithful until told otherwise, then as awkward as told. */
export type Anthropic = AsyncDisposable & {
  /** `http://127.0.0.1:PORT`, below which are `/v1/messages` and `/v1/messages/count_tokens`. */
  readonly url: string
  /** In the order in which they came. */
  readonly calls: readonly ReceivedCall[]
  /** How to answer the next POSTs, one script each; afterwards it is faithful again. */
  next(...scripts: readonly AnthropicScript[]): void
}

export async function startAnthropic(): Promise<Anthropic> {
  const calls: ReceivedCall[] = []
  const scripts: AnthropicScript[] = []
  const server = await listenRaw(async (request, reply) => {
    const call = new ReceivedCall(calls.length + 1, request)
    calls.push(call)
    void reply.closed.then(() => call.markFinished('hung up'))
    await answer(call, reply, { request, script: scripts.shift() ?? {} })
    call.markFinished('answered')
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    next: (...more) => void scripts.push(...more),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

const MESSAGES = '/v1/messages'

async function answer(
  call: ReceivedCall,
  reply: Reply,
  { request, script }: { readonly request: RawRequest; readonly script: AnthropicScript },
) {
  const path = request.path.split('?')[0]!
  if (script.isSilent === true) return reply.closed
  for (const gate of headerGates(script)) await gate.wait(reply.closed)
  const { status = 200 } = script
  const refusal = status === 200 ? refusalOf(path, call) : anthropicErrorOf(status)
  if (refusal !== null && script.body === undefined) return sendError(call, reply, refusal, script)

  const json = call.json ?? {}
  const asked: Asked = { json, number: call.number, now: Date.now() }
  const isStream = json['stream'] === true && script.body === undefined
  const events = isStream ? messageEvents(asked, script) : [wholeBody(path, asked, script)]
  const length = events.reduce((sum, event) => sum + event.length, 0)
  const type = json['stream'] === true ? 'text/event-stream; charset=utf-8' : 'application/json'
  const headers = { ...headersOf(call), 'content-type': type, ...script.headers }
  await reply.head(status, headers, isStream ? null : length)
  for (const { bytes, gates } of writesOf(events, script)) {
    for (const gate of gates) await gate.wait(reply.closed)
    if (!reply.isOpen) return
    call.markSent(bytes)
    if (!(await reply.write(bytes))) return
    if (typeof script.writes === 'object') await readerToWake()
  }
  if (script.dies === undefined) return reply.end()
  call.markFinished('answered')
  await readerToWake()
  reply.drop(script.dies.how ?? 'close')
}

/** Long enough for a reader to take what is there; without it, two writes arrive as one. */
const readerToWake = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

function refusalOf(path: string, call: ReceivedCall): AnthropicError | null {
  if (path !== MESSAGES && path !== `${MESSAGES}/count_tokens`) return anthropicErrorOf(404)
  const refusal = refusalOfHeaders(call.headers)
  if (refusal !== null) return refusal
  if (call.json === null) return { ...anthropicErrorOf(400), message: 'invalid JSON' }
  const version = call.headers.get('anthropic-version')
  return refusalOfBody(call.json, { isCounted: path !== MESSAGES, version })
}

function wholeBody(path: string, asked: Asked, script: AnthropicScript): Uint8Array {
  if (script.body !== undefined) return Buffer.from(script.body as string)
  const message = messageJson(asked, script)
  if (path === MESSAGES) return Buffer.from(JSON.stringify(message))
  return Buffer.from(JSON.stringify({ input_tokens: 14 }))
}

async function sendError(
  call: ReceivedCall,
  reply: Reply,
  error: AnthropicError,
  script: AnthropicScript,
) {
  const body = Buffer.from(JSON.stringify(anthropicErrorJson(error, requestId(call))))
  const headers = { ...headersOf(call), 'content-type': 'application/json', ...script.headers }
  await reply.head(error.status, headers, body.length)
  await reply.write(body)
  await reply.end()
}

const requestId = ({ number }: ReceivedCall) => `req_${idOf(number)}`

/** As Anthropic sends them; those that name the account or a limit are not for our clients. */
const headersOf = (call: ReceivedCall) => ({
  'request-id': requestId(call),
  'anthropic-organization-id': ORGANIZATION,
  'anthropic-ratelimit-requests-limit': '4000',
  'anthropic-ratelimit-requests-remaining': '3999',
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'cf-ray': '8f1a2b3c4d5e6f70-FRA',
})
