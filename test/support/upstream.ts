import { parseArgs } from 'node:util'
import { answerOf } from './answer.ts'
import { FACES } from './faces.ts'
import { KeptResponses } from './kept-responses.ts'
import { fieldsOf } from './media-faces.ts'
import {
  errorJson,
  NO_KEY,
  noSuchModel,
  noSuchPath,
  type OpenAIError,
  refusalOf,
  UNPARSABLE,
  wrongKey,
} from './openai-errors.ts'
import { listenRaw, type RawRequest, type Reply } from './raw-http.ts'
import { ReceivedCall } from './received-call.ts'
import { headerGates, type Script, writesOf } from './script.ts'
import { modelJson, modelsJson, NO_TOKENS, type Tokens } from './wire.ts'

/**
 * An OpenAI of ours: faithful until told otherwise, and then exactly as awkward as told.
 *
 * `served` is the other half of the books: what it says in usage it also adds up, so that a test
 * can hold the gateway's ledger against it.
 */
export type Upstream = AsyncDisposable & {
  /** `http://127.0.0.1:PORT/v1` */
  readonly url: string
  /** In the order in which they came. */
  readonly calls: readonly ReceivedCall[]
  /** By the call's `user`; `''` for those without one. */
  readonly served: ReadonlyMap<string, Served>
  /** How to answer the next POSTs, one script each; afterwards `always` holds again. */
  next(...scripts: readonly Script[]): void
  /** One script for all, or what each call is to get. */
  always(script: Script | ((call: ReceivedCall) => Script)): void
  /** Cuts what is under way. */
  stop(): Promise<void>
}

/** Sums over the answers that told their true usage. */
export type Served = Tokens & { readonly calls: number }

export type UpstreamOptions = {
  readonly port?: number
  /** The only key it takes. Default: any. */
  readonly key?: string
  /** The only models it has. Default: any, and it lists `gpt-4o-mini` and `gpt-4o`. */
  readonly models?: readonly string[]
  /** False: takes unknown parameters, as other makers' servers do, and whatever OpenAI refuses. */
  readonly isStrict?: boolean
  /** False: forgets calls when they are answered, for long runs. */
  readonly keepsCalls?: boolean
}

const LISTED = ['gpt-4o-mini', 'gpt-4o']

export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const double = new Double(options)
  const server = await listenRaw((request, reply) => double.answer(request, reply), options.port)
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    calls: double.calls,
    served: double.served,
    next: (...scripts) => void double.scripts.push(...scripts),
    always: (script) => {
      double.script = script
    },
    stop: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

class Double {
  readonly calls: ReceivedCall[] = []
  readonly served = new Map<string, Served>()
  readonly scripts: Script[] = []
  readonly #kept = new KeptResponses()
  script: Script | ((call: ReceivedCall) => Script) = {}
  readonly #options: UpstreamOptions
  #count = 0

  constructor(options: UpstreamOptions) {
    this.#options = options
  }

  async answer(request: RawRequest, reply: Reply) {
    const { method } = request
    const path = request.path.split('?')[0]!
    if (path === '/healthz') return sendJson(reply, 200, { status: 'ok' })
    if (path === '/served') return sendJson(reply, 200, Object.fromEntries(this.served))
    this.#count += 1
    const call = new ReceivedCall(this.#count, request)
    if (this.#options.keepsCalls !== false) this.calls.push(call)
    void reply.closed.then(() => call.markFinished('hung up'))
    if (method === 'GET' && path.startsWith('/v1/models'))
      await this.#answerModels(path, call, reply)
    else if (await this.#answerKept(path, call, reply)) call.markFinished('answered')
    else await this.#answerPost(path, call, reply)
    call.markFinished('answered')
  }

  async #answerModels(path: string, call: ReceivedCall, reply: Reply) {
    const refusal = this.#refusalOfKey(call)
    const models = this.#options.models ?? LISTED
    const id = decodeURIComponent(path.slice('/v1/models/'.length))
    if (refusal !== null) await sendError(reply, refusal)
    else if (path === '/v1/models') await sendJson(reply, 200, modelsJson(models))
    else if (models.includes(id)) await sendJson(reply, 200, modelJson(id))
    else await sendError(reply, noSuchModel(id))
  }

  /** Of a response that is kept; says whether it was about one. */
  async #answerKept(path: string, call: ReceivedCall, reply: Reply): Promise<boolean> {
    const answer = this.#kept.answer(call.method, path)
    if (answer !== null) await sendJson(reply, answer.status, answer.json)
    return answer !== null
  }

  async #answerPost(path: string, call: ReceivedCall, reply: Reply) {
    const always = typeof this.script === 'function' ? this.script(call) : this.script
    const script = this.scripts.shift() ?? always
    if (script.isSilent === true) return reply.closed
    for (const gate of headerGates(script)) await gate.wait(reply.closed)
    const isScripted = script.body !== undefined || (script.status ?? 200) !== 200
    call.fields = await fieldsOf(call.body, call.headers.get('content-type') ?? '')
    const refusal = isScripted ? null : this.#refusalOf(path, call)
    if (refusal !== null) return sendError(reply, refusal)
    await this.#write(path, call, reply, script)
  }

  #refusalOfKey({ headers }: ReceivedCall): OpenAIError | null {
    const key = /^Bearer (.+)$/.exec(headers.get('authorization') ?? '')?.[1]
    if (key === undefined) return NO_KEY
    return this.#options.key === undefined || this.#options.key === key ? null : wrongKey(key)
  }

  #refusalOf(path: string, call: ReceivedCall): OpenAIError | null {
    const refusal = this.#refusalOfKey(call)
    if (refusal !== null) return refusal
    const isChat = path === '/v1/chat/completions'
    if (!isChat && FACES[path] === undefined) return noSuchPath(call.method, path)
    const json = call.json ?? call.fields
    if (json === null) return UNPARSABLE
    if (isChat && this.#options.isStrict !== false) {
      const refusal = refusalOf(json)
      if (refusal !== null) return refusal
    }
    const model = String(json['model'])
    const { models } = this.#options
    return models === undefined || models.includes(model) ? null : noSuchModel(model)
  }

  async #write(path: string, call: ReceivedCall, reply: Reply, script: Script) {
    const keep = (done: object) => this.#kept.keep({ ...done }, script.background ?? null)
    const json = call.json ?? call.fields ?? {}
    const asked = { path, json, number: call.number, now: Date.now(), keep }
    const { status, headers, events, isStream, told } = answerOf(asked, script)
    const length = isStream ? null : lengthOf(events)
    const toldAt = told === null ? Number.POSITIVE_INFINITY : lengthOf(events.slice(0, told.events))
    await reply.head(status, headers, length)

    for (const { bytes, gates } of writesOf(events, script)) {
      for (const gate of gates) await gate.wait(reply.closed)
      if (script.paceMs !== undefined && call.sentBytes > 0) await paced(script.paceMs, reply)
      if (!reply.isOpen) return
      // Counted before it is sent: who reads the end of the answer may look at once.
      const isNowTold = call.sentBytes < toldAt && call.sentBytes + bytes.length >= toldAt
      if (isNowTold) this.#tally(call.user, told!.tokens)
      call.markSent(bytes)
      if (!(await reply.write(bytes))) return
      if (isSplit(script)) await readerToWake()
    }
    if (script.dies === undefined) return reply.end()
    call.markFinished('answered')
    await readerToWake()
    reply.drop(script.dies.how ?? 'close')
  }

  #tally(user: string, tokens: Tokens) {
    const sums = { ...NO_TOKENS, calls: 0, ...this.served.get(user) }
    for (const kind of Object.keys(tokens) as (keyof Tokens)[]) sums[kind] += tokens[kind]
    this.served.set(user, { ...sums, calls: sums.calls + 1 })
  }
}

const lengthOf = (events: readonly Uint8Array[]): number =>
  events.reduce((sum, event) => sum + event.length, 0)

const isSplit = ({ writes }: Script): boolean =>
  typeof writes === 'object' && ('bytes' in writes || 'at' in writes)

const paced = (ms: number, reply: Reply) =>
  Promise.race([new Promise<void>((resolve) => setTimeout(resolve, ms)), reply.closed])

/** Long enough for a reader to take what is there; without it, two writes arrive as one. */
const readerToWake = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

const sendError = (reply: Reply, error: OpenAIError) =>
  sendJson(reply, error.status, errorJson(error))

async function sendJson(reply: Reply, status: number, json: unknown) {
  const body = Buffer.from(JSON.stringify(json))
  await reply.head(status, { 'content-type': 'application/json' }, body.length)
  await reply.write(body)
  await reply.end()
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } })
  const { url } = await startUpstream({ port: Number(values.port), keepsCalls: false })
  console.log(`The upstream double is listening on ${url}`)
}
