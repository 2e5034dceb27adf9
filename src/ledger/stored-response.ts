/**
 * An answer that its upstream keeps under an id, to be fetched again or gone on from: a response of
 * `/responses` with `store`.
 */
export type StoredResponse = {
  /** The upstream's: `resp_…`. */
  readonly id: string
  /** The call that it was charged as. */
  readonly callId: string
  /** `DeploymentConfig.id` of the one that keeps it. */
  readonly deployment: string
  /** Whose it is. Null: the call named no customer. */
  readonly tab: number | null
  /** `VirtualKey.id`; null: the master key. */
  readonly keyId: number | null
  /**
   * What a call that goes on from it reads besides its own prompt, at most, in tokens. Null: it is
   * still being made, and not charged yet.
   */
  readonly context: number | null
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}
