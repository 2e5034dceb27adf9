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
  /** Keeps the next tries waiting at the gate before it answers. */
  holdAt(gate: Gate): void
  /** Nobody listens: connections are refused until `resume`. */
  refuse(): Promise<void>
  /** Listens again, on the same port. */
  resume(): Promise<void>
  stop(): Promise<void>
}

export type Delivered = {
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array
  /** Null: the body is not JSON. */
  readonly json: unknown
  /** Of our answer. */
  readonly status: number
}

export async function startReceiver(): Promise<Receiver> {
  const requests: Delivered[] = []
  const accepted: unknown[] = []
  const failures: number[] = []
  let gate: Gate | null = null

  const answer = async (request: RawRequest, reply: Reply) => {
    const status = failures.shift() ?? 200
    const { path, headers, body } = request
    const json = parse(body)
    requests.push({ path, headers, body, json, status })
    await gate?.wait(reply.closed)
    if (!reply.isOpen) return
    if (status < 300) accepted.push(json)
    await reply.head(status, {}, 0)
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
    holdAt: (newGate) => {
      gate = newGate
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
