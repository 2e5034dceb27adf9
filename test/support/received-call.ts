import type { RawRequest } from './raw-http.ts'

/** A request as the upstream saw it, and what became of it. */
export class ReceivedCall {
  /** From 1. */
  readonly number: number
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array
  /** Null: the body is not a JSON object. */
  readonly json: Readonly<Record<string, unknown>> | null
  /** Of a form: its fields, and its files. Null: the body is none. */
  fields: Readonly<Record<string, unknown>> | null = null
  /** Resolves when the answer is out, broken off, or no longer wanted. */
  readonly finished: Promise<void>
  readonly #finish: () => void
  readonly #sent: Uint8Array[] = []
  #sentBytes = 0
  #hungUpAfter: number | null = null
  #isFinished = false

  constructor(number: number, request: RawRequest) {
    this.number = number
    this.method = request.method
    this.path = request.path
    this.headers = request.headers
    this.body = request.body
    this.json = parseObject(request.body)
    const finished = Promise.withResolvers<void>()
    this.finished = finished.promise
    this.#finish = finished.resolve
  }

  /** The body of the answer so far, to the byte. */
  get sent(): Uint8Array {
    return Buffer.concat(this.#sent)
  }

  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Bytes of the body that were out when the client hung up; null: it did not. */
  get hungUpAfter(): number | null {
    return this.#hungUpAfter
  }

  get user(): string {
    const user = this.json?.['user']
    return typeof user === 'string' ? user : ''
  }

  markSent(bytes: Uint8Array) {
    this.#sent.push(bytes)
    this.#sentBytes += bytes.length
  }

  /** The first word counts: a connection that goes after the answer is no hang-up. */
  markFinished(how: 'answered' | 'hung up') {
    if (this.#isFinished) return
    this.#isFinished = true
    if (how === 'hung up') this.#hungUpAfter = this.#sentBytes
    this.#finish()
  }
}

function parseObject(body: Uint8Array): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
