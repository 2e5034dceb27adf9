import type { Encode } from '../metering/tokens.ts'
import type { Demand } from '../metering/worst-case.ts'
import { countPromptInTurns } from './counting.ts'

/** A call's prompt, which is counted when somebody has to know how long it is, and then once. */
export class Prompt {
  readonly #json: Readonly<Record<string, unknown>>
  readonly #demandFor: (tokens: number) => Demand
  #counting: Promise<void> | null = null
  #demand: Demand | null = null

  constructor(
    json: Readonly<Record<string, unknown>>,
    demandFor: (promptTokens: number) => Demand,
  ) {
    this.#json = json
    this.#demandFor = demandFor
  }

  /** What the call may come to: less than by a bound, and true enough to refuse somebody for it. */
  get demand(): Demand | null {
    return this.#demand
  }

  /** Afterwards `demand` is there. */
  count(encode: Encode): Promise<void> {
    this.#counting ??= countPromptInTurns(this.#json, encode).then((tokens) => {
      this.#demand = this.#demandFor(tokens)
    })
    return this.#counting
  }
}
