import type { Gate } from './gate.ts'
import { listenRaw, type RawRequest, type RawServer, type Reply } from './raw-http.ts'

/** Where webhooks arrive: records what is delivered, and can be told to be a bad receiver. */
export type Receiver = AsyncDisposable & {
  readonly url: string
  /** Every try that arrived whole, in order, whatever was answered. */
  readonly requests: readonly Delivered[]
  /** The bodies of the tries that were answered with success: what the receiver has taken in. */
  readonly accepted: readonly unknown[]
  /** Answers the next `times` tries with this status. */
  fail(times: number, status?: number): void
  /** Decides on each further try from its event; null: it is taken. */
  decide(rule: (event: Told) => Decision | null): void
  /** Keeps the next tries waiting at the gate before it answers; `only` those of one customer. */
  holdAt(gate: Gate, only?: string): void
  /** Nobody listens: connections are refused until `resume`. */
  refuse(): Promise<void>
  /** Listens again, on the same port. */
  resume(): Promise<void>
  stop(): Promise<void>
}

/** As much of an event as decisions are made by. */
export type Told = { readonly event: string; readonly customer_id: string }

export type Decision = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** The body of the answer has no end. */
  readonly isEndless?: boolean
}

export type Delivered = {
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array
  /** Null: the body is not JSON. */
  readonly json: unknown
  /** Of our answer. */
  readonly status: number
  /** When it came, milliseconds since the epoch. */
  readonly at: number
}

const A_CHUNK = new Uint8Array(1_024)

export async function startReceiver(): Promise<Receiver> {
  const requests: Delivered[] = []
  const accepted: unknown[] = []
  const failures: number[] = []
  let gate: Gate | null = null
  let held: string | null = null
  let rule: (event: Told) => Decision | null = () => null

  const answer = async (request: RawRequest, reply: Reply) => {
    const { path, headers, body } = request
    const json = parse(body)
    const failure = failures.shift()
    const decision =
      failure === undefined ? (rule(json as Told) ?? { status: 200 }) : { status: failure }
    const { status } = decision
    requests.push({ path, headers, body, json, status, at: Date.now() })
    if (held === null || held === (json as Told).customer_id) await gate?.wait(reply.closed)
    if (!reply.isOpen) return
    if (status < 300) accepted.push(json)
    await reply.head(status, decision.headers ?? {}, decision.isEndless ? null : 0)
    while (decision.isEndless && (await reply.write(A_CHUNK)));
  }

  let server: RawServer | null = await listenRaw(answer)
  const { port } = server
  const refuse = async () => {
    await server?.close()
    server = null
  }
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    accepted,
    fail: (times, status = 500) => void failures.push(...Array<number>(times).fill(status)),
    decide: (newRule) => {
      rule = newRule
    },
    holdAt: (newGate, only) => {
      gate = newGate
      held = only ?? null
    },
    refuse,
    async resume() {
      server ??= await listenRaw(answer, port)
    },
    stop: refuse,
    [Symbol.asyncDispose]: refuse,
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return null
  }
}
