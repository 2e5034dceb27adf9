import { Buffer } from 'node:buffer'
import { BYTES_PER_TOKEN, type Encode } from '../metering/tokens.ts'
import type { Accounts } from './accounts.ts'
import type { Admission } from './admit.ts'
import { countInTurns } from './counting.ts'
import { withMargin } from './demand.ts'
import type { Deployment } from './deployments.ts'
import type { Reservation } from './live-owner.ts'
import { worstCaseOf } from './reserve.ts'
import type { MeteredCall } from './settle.ts'

/** How much more is held, as a share of what was, when a stream outgrows its reservation. */
const GROWTH = 0.5

/**
 * Watches a stream for more output than is held for it, as comes of an upstream that ignores its
 * cap. As long as it is certain to be within, that costs a comparison for each piece: a token is
 * at least a byte, so a text with fewer bytes than tokens are held need not be looked at.
 */
export class Guard {
  readonly #reservation: Reservation
  readonly #accounts: Accounts
  readonly #provider: Deployment['provider']
  readonly #encode: () => Promise<Encode>
  #safeBytes: number

  constructor(parts: {
    readonly reservation: Reservation
    readonly accounts: Accounts
    readonly provider: Deployment['provider']
    readonly encode: () => Promise<Encode>
  }) {
    this.#reservation = parts.reservation
    this.#accounts = parts.accounts
    this.#provider = parts.provider
    this.#encode = parts.encode
    this.#safeBytes = parts.reservation.outputTokens
  }

  /** An answer of up to so many bytes of text is surely covered by what is held. */
  get safeBytes(): number {
    return this.#safeBytes
  }

  /**
   * Whether what is held covers all of `text`, the answer so far. Holds more when it does not and
   * the budget allows; only when that fails is the answer no.
   */
  async covers(text: string): Promise<boolean> {
    const bytes = Buffer.byteLength(text)
    const isFew = bytes <= this.#reservation.outputTokens
    const tokens = isFew ? bytes : await countInTurns([text], await this.#encode())
    if (!this.coversTokens(tokens)) return false
    this.#safeBytes = bytes + this.#reservation.outputTokens - tokens
    return true
  }

  /** The same of an answer whose upstream has told how many tokens it is. */
  coversTokens(tokens: number): boolean {
    return tokens <= this.#reservation.outputTokens || this.#extend(tokens)
  }

  /**
   * How much longer an answer can be than what is held covers by our count, and yet be within its
   * cap by the upstream's, bytes: tokenizers differ, and a text that breaks off in the midst of a
   * word is a token more than the whole.
   */
  get doubtfulBytes(): number {
    const { outputTokens } = this.#reservation
    return (withMargin(outputTokens, this.#provider) - outputTokens) * BYTES_PER_TOKEN
  }

  /** Holds for more than `tokens`, or for just these; false: the budget has not even that. */
  #extend(tokens: number): boolean {
    const ample = Math.max(tokens, Math.ceil(this.#reservation.outputTokens * (1 + GROWTH)))
    for (const outputTokens of [ample, tokens]) {
      const worstCase = worstCaseOf(this.#reservation, outputTokens)
      if (!this.#accounts.resize(this.#reservation, worstCase)) continue
      this.#reservation.outputTokens = outputTokens
      return true
    }
    return false
  }
}

/**
 * The tokens that are held for an answer which its budget limits; null: none does, or it cannot be
 * capped, and was held for whole.
 */
export function outputMaxOf(
  { endpoint }: MeteredCall,
  reservation: Reservation | null,
): number | null {
  if (reservation === null || endpoint.media !== undefined) return null
  const isLimited = reservation.holds.some(
    ({ on, mode }) => on.account.limit !== null && mode === 'strict',
  )
  return isLimited ? reservation.outputTokens : null
}

/** What watches a stream where a budget must not be passed; null where none can be. */
export function guardOf(
  call: MeteredCall,
  reservation: Reservation | null,
  { accounts, tokenizerFor }: Pick<Admission, 'accounts' | 'tokenizerFor'>,
): Guard | null {
  const { deployment } = call
  if (reservation === null || outputMaxOf(call, reservation) === null) return null
  const encode = () => tokenizerFor(deployment.pricedAs.model)
  return new Guard({ reservation, accounts, provider: deployment.provider, encode })
}
