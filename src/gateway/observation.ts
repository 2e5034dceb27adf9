import { Refusal } from '../errors.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import { logError } from '../log.ts'
import type { Deployment } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'

/** Who is told of calls: metrics, traces, the log. Every call waits for it, so it never waits. */
export type Watcher = {
  /** A call has come in, with these headers. */
  readonly began?: (seen: Observation, headers: Headers) => void
  /** It is about to be sent to a deployment, the last of its tries: headers that go with it. */
  readonly asking?: (seen: Observation) => Readonly<Record<string, string>>
  /** It is answered, and settled if it was admitted. */
  readonly over: (seen: Observation) => void
}

/** nginx's status for a client that is gone: nobody is sent it. */
const LEFT = 499

/** What a call asks, once it has been read. */
export type Subject = {
  /** Null: it is none of the config's, but what a client wrote. */
  readonly model: string | null
  readonly customerId: string | null
  readonly isStream: boolean
}

/** A call as it was sent to one deployment. */
export type Try = {
  readonly deployment: Deployment
  readonly askedAt: number
  /** When it failed; null: it did not, or the client left meanwhile. */
  failedAt: number | null
}

/**
 * What is seen of one call on its way, told to the watchers when it is over. Times are those of
 * `performance.now()`; null: it did not come to that.
 *
 * A watcher that fails is a line in the log and nothing to the call.
 */
export class Observation {
  readonly id: string
  readonly endpoint: Endpoint
  readonly beganAt = performance.now()
  /** Null: it was refused before it was known what it asks. */
  subject: Subject | null = null
  admittedAt: number | null = null
  /** One for each deployment that it was sent to, in order. */
  readonly tries: Try[] = []
  /** When the upstream answered: of a stream its first piece, else its head. */
  firstByteAt: number | null = null
  /** When its answer was whole, and was counted. */
  settlingAt: number | null = null
  /** When its charge was on disk, or could not be brought there. */
  settledAt: number | null = null
  /** Its charge; null: it was not admitted, or that could not be written. */
  row: LedgerRow | null = null
  /** The model that answered, as the upstream names it; null: it does not. */
  answerModel: string | null = null
  /** What the client was answered, or would have been if it had waited. */
  status: number | null = null
  /** Why it was answered so; null: it was no refusal. A failure of ours is `internal`. */
  refusal: Refusal['code'] | 'internal' | null = null
  endedAt: number | null = null
  readonly #watchers: readonly Watcher[]

  constructor(
    call: { readonly id: string; readonly endpoint: Endpoint; readonly headers: Headers },
    watchers: readonly Watcher[],
  ) {
    this.id = call.id
    this.endpoint = call.endpoint
    this.#watchers = watchers
    for (const watcher of watchers) {
      if (watcher.began !== undefined) guarded(() => watcher.began?.(this, call.headers))
    }
  }

  asks(subject: Subject) {
    this.subject = subject
  }

  admitted() {
    this.admittedAt = performance.now()
  }

  /** It is sent to a deployment: answers the headers that one is to see of the client's. */
  asking(deployment: Deployment, headers: Headers): Headers {
    this.tries.push({ deployment, askedAt: performance.now(), failedAt: null })
    let onward = headers
    for (const { asking } of this.#watchers) {
      if (asking === undefined) continue
      onward = new Headers(onward)
      guarded(() => {
        for (const [name, value] of Object.entries(asking(this))) onward.set(name, value)
      })
    }
    return onward
  }

  /** The deployment that was asked last has failed. */
  failedTry() {
    const last = this.tries.at(-1)
    if (last !== undefined) last.failedAt = performance.now()
  }

  firstByte() {
    this.firstByteAt ??= performance.now()
  }

  /** `model` is what the upstream says it answered with; null: it does not say. */
  settling(model: string | null) {
    this.answerModel = model
    this.settlingAt = performance.now()
  }

  /** Its charge is on disk. */
  booked(row: LedgerRow) {
    this.row = row
  }

  /** There is nothing left to settle. */
  settled() {
    this.settledAt = performance.now()
    if (this.status !== null) this.#over()
  }

  /** The client has left before it was answered. */
  left() {
    this.answered(LEFT)
  }

  answered(status: number) {
    this.status = status
    if (this.admittedAt === null || this.settledAt !== null) this.#over()
  }

  /** Answered by what was thrown. */
  failed(error: unknown) {
    this.refusal = error instanceof Refusal ? error.code : 'internal'
    this.answered(error instanceof Refusal ? error.status : 500)
  }

  #over() {
    if (this.endedAt !== null) return
    this.endedAt = performance.now()
    for (const watcher of this.#watchers) guarded(() => watcher.over(this))
  }
}

function guarded(tell: () => void) {
  try {
    tell()
  } catch (error) {
    logError('a call could not be observed; it went on all the same', error)
  }
}
