/**
 * Every refusal that a client can meet, in one table: the HTTP status, and the `type` that an SDK
 * reads. Types and statuses are LiteLLM's where it has the same refusal: scripts match on them.
 */
const REFUSALS = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  unprocessable: { status: 422, type: 'invalid_request_error' },
  unauthorized: { status: 401, type: 'auth_error' },
  expired_key: { status: 401, type: 'expired_key' },
  forbidden: { status: 403, type: 'auth_error' },
  key_model_not_allowed: { status: 403, type: 'key_model_access_denied' },
  customer_blocked: { status: 403, type: 'customer_blocked' },
  /** `general_settings.budget_exceeded_status` replaces this status. */
  budget_exceeded: { status: 429, type: 'budget_exceeded' },
  /** Of a customer's credit that is paid in advance. */
  credit_exhausted: { status: 402, type: 'credit_exhausted' },
  model_not_found: { status: 404, type: 'invalid_request_error' },
  model_not_priced: { status: 400, type: 'model_not_priced' },
  model_not_allowed: { status: 403, type: 'model_not_allowed' },
  rate_limited: { status: 429, type: 'rate_limit_error' },
  unknown_customer: { status: 403, type: 'unknown_customer' },
  not_found: { status: 404, type: 'not_found' },
  conflict: { status: 400, type: 'bad_request' },
  in_use: { status: 409, type: 'conflict' },
  /** The type is Stripe's, which OpenAI's clients took their keys from. */
  idempotency_conflict: { status: 409, type: 'idempotency_error' },
  body_too_large: { status: 413, type: 'invalid_request_error' },
  body_too_slow: { status: 408, type: 'timeout_error' },
  overloaded: { status: 503, type: 'overloaded' },
  upstream_failed: { status: 502, type: 'upstream_error' },
  upstream_timed_out: { status: 504, type: 'timeout_error' },
} as const satisfies Record<string, { status: number; type: string }>

export type RefusalCode = keyof typeof REFUSALS

/** What a refusal may say besides its sentence. */
type Why = {
  /** The field at fault, as a path: `metadata.user_id`. */
  readonly param?: string
  /** Read by the log only; never reaches the client. */
  readonly cause?: unknown
  /** In place of the table's, where the config or the upstream decides. */
  readonly status?: number
  /** In place of the table's: an upstream's own. */
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the error, for programs. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** What we refuse, with the reason for the client. Whatever else is thrown is our bug: a 500. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly status: number
  readonly type: string
  readonly param: string | null
  headers: Readonly<Record<string, string>>
  readonly #more: Readonly<Record<string, unknown>>

  constructor(code: RefusalCode, message: string, why: Why = {}) {
    super(message, { cause: why.cause })
    this.code = code
    this.status = why.status ?? REFUSALS[code].status
    this.type = why.type ?? REFUSALS[code].type
    this.param = why.param ?? null
    this.headers = why.headers ?? {}
    this.#more = why.more ?? {}
  }

  /** The same refusal, with more headers on its answer. */
  with(headers: Readonly<Record<string, string>>): this {
    this.headers = { ...this.headers, ...headers }
    return this
  }

  /** The shape that OpenAI clients parse; `code` is the HTTP status as text, as LiteLLM has it. */
  toJSON() {
    return {
      error: {
        message: this.message,
        type: this.type,
        param: this.param,
        code: String(this.status),
        ...this.#more,
      },
    }
  }
}

/** The word of `words` that `word` was probably meant to be, or null if none is near. */
export function nearest(word: string, words: Iterable<string>): string | null {
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/**
 * Levenshtein's distance with neighbours swapped as one edit; `limit` or more is given as `limit`.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        last[j]! + 1,
        row[j - 1]! + 1,
        last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? beforeLast[j - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = row
  }
  return Math.min(last[b.length]!, limit)
}
