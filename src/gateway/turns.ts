/** Pure parts of choosing a deployment: whose turn it is, and who is left alone for a while. */

/**
 * Smooth weighted turns (the rule of nginx's upstream): of any number of turns each has its share,
 * and the turns of one are spread among those of the others. Members may come and go between turns.
 */
export class Turns<Id> {
  readonly #owed = new Map<Id, number>()

  /** The one whose turn it is; weights are above 0. Undefined: there is nobody. */
  next(members: readonly { readonly id: Id; readonly weight: number }[]): Id | undefined {
    let best: { readonly id: Id; readonly owed: number } | undefined
    let total = 0
    for (const { id, weight } of members) {
      const owed = (this.#owed.get(id) ?? 0) + weight
      this.#owed.set(id, owed)
      total += weight
      if (best === undefined || owed > best.owed) best = { id, owed }
    }
    if (best !== undefined) this.#owed.set(best.id, best.owed - total)
    return best?.id
  }
}

export type CooldownRules = {
  /** Failures within a minute that are let pass. */
  readonly allowedFails: number
  /** How long one that has failed more often is left alone, milliseconds. */
  readonly cooldownMs: number
}

const MINUTE_MS = 60_000

/** Whether one is to be left alone, because it has failed. */
export class Cooldown {
  #failedAt: number[] = []
  #until = 0

  /** Milliseconds since the epoch; in the past if it is not left alone. */
  get until(): number {
    return this.#until
  }

  /**
   * `forMs`: it asks to be left alone for so long, or is useless for now; null: it may have been an
   * accident.
   */
  failed(now: number, forMs: number | null, rules: CooldownRules) {
    if (forMs !== null) {
      this.#until = Math.max(this.#until, now + forMs)
      return
    }
    this.#failedAt = this.#failedAt.filter((at) => now - at < MINUTE_MS)
    this.#failedAt.push(now)
    if (this.#failedAt.length <= rules.allowedFails) return
    this.#failedAt = []
    this.#until = Math.max(this.#until, now + rules.cooldownMs)
  }
}

/** The weight of what came last in an average that forgets. */
const NEWEST = 0.2

/** The average of a latency, milliseconds, in which the past counts less and less. */
export const averaged = (average: number | null, ms: number): number =>
  average === null ? ms : average + NEWEST * (ms - average)
