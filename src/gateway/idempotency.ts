import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { Refusal } from '../errors.ts'
import type { KeptAnswer, Repeat } from '../ledger/open-call.ts'

/** What is needed of the store: answers that are not older than a day. */
export type AnswerStore = { find(scope: string, now: number): KeptAnswer | null }

/** An answer longer than this is not kept: its repeat is refused, and still not charged. */
const KEPT_CHARS_MAX = 4 * 1024 * 1024

const KEY_LENGTH_MAX = 255

/**
 * Calls that come with an `Idempotency-Key`
 * (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header): a repeat within
 * a day, by the same customer, is not sent upstream and not charged. It gets the answer of the
 * first when that was JSON, and otherwise a 409: while the first is under way, and when its answer
 * was not kept. A call that failed and was charged nothing may be repeated as if it were the first.
 */
export class Idempotency {
  readonly #answers: AnswerStore
  /** Scopes of the calls under way. Calls of an earlier process have been settled by now. */
  readonly #underWay = new Set<string>()

  constructor(answers: AnswerStore) {
    this.#answers = answers
  }

  /**
   * Null: the call came without a key. Else what it is known by, or the answer that it has had
   * already. Throws `idempotency_conflict`.
   */
  begin(call: {
    readonly headers: Headers
    /** Its text, or what stands for a form. */
    readonly body: string
    readonly path: string
    readonly customerId: string | null
    /** `VirtualKey.id`; null: the master key. Who has another key gets nobody's answers. */
    readonly keyId: number | null
    readonly now: number
  }): Repeat | KeptAnswer | null {
    const key = call.headers.get('idempotency-key')
    if (key === null || key === '') return null
    if (key.length > KEY_LENGTH_MAX) {
      const message = `The key may have ${KEY_LENGTH_MAX} characters, got ${key.length}.`
      throw new Refusal('invalid_request', message, { param: 'Idempotency-Key' })
    }
    const repeat = {
      scope: digest([String(call.keyId), JSON.stringify(call.customerId), key]),
      request: digest([call.path, Buffer.from(call.body)]),
    }
    const known = this.#answers.find(repeat.scope, call.now)
    if (known !== null && known.request !== repeat.request) throw anotherCall()
    if (known !== null) return known.body === null ? refuseUnkept(known) : known
    if (this.#underWay.has(repeat.scope)) throw callUnderWay()
    this.#underWay.add(repeat.scope)
    return repeat
  }

  /** The call is settled, or was refused. */
  end(repeat: Repeat | null) {
    if (repeat !== null) this.#underWay.delete(repeat.scope)
  }
}

/** What a repeat gets: the first call's answer, its id and its cost. */
export function replay({ body, headers }: KeptAnswer): Response {
  return new Response(body, { headers: { ...headers, 'x-tollgate-replayed': 'true' } })
}

/** The JSON of an answer if it can be kept; null: it is too long. */
export const keepable = (bytes: ArrayBuffer): string | null =>
  bytes.byteLength > KEPT_CHARS_MAX ? null : new TextDecoder('utf-8').decode(bytes)

/** Its parts cannot run into each other: each has its length before it. */
function digest(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('base64url')
}

export const callUnderWay = () =>
  new Refusal(
    'idempotency_conflict',
    'A call with this `Idempotency-Key` is under way. Repeat it when that has ended.',
    { param: 'Idempotency-Key', headers: { 'retry-after': '1' } },
  )

const NEVER = { 'x-should-retry': 'false' }

export const anotherCall = () =>
  new Refusal(
    'idempotency_conflict',
    'This `Idempotency-Key` was sent with another request less than a day ago; use a new one.',
    { param: 'Idempotency-Key', status: 422, headers: NEVER },
  )

function refuseUnkept({ callId }: KeptAnswer): never {
  throw new Refusal(
    'idempotency_conflict',
    `The call with this key was charged as ${callId}, and its answer is not kept: ` +
      'streams are not, nor what did not come to its end. For another answer use a new key.',
    { param: 'Idempotency-Key', headers: NEVER },
  )
}
