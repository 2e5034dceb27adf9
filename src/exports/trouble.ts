import { logInfo, logWarning } from '../log.ts'

const BURIED_EVERY_MS = 600_000

/** A line when an exporter begins to fail and when it recovers, not one for each of its rows. */
export class Telling {
  readonly #name: string
  #failing = false
  #buriedToldAt = Number.NEGATIVE_INFINITY
  #lastFailure: { readonly at: number; readonly error: string } | null = null

  constructor(name: string) {
    this.#name = name
  }

  get lastFailure(): { readonly at: number; readonly error: string } | null {
    return this.#lastFailure
  }

  /** Answers whether it has only now begun to fail. */
  failed(error: string, at: number): boolean {
    this.#lastFailure = { at, error }
    if (this.#failing) return false
    this.#failing = true
    logWarning('an export fails; trying on, and nothing is lost', { export: this.#name, error })
    return true
  }

  succeeded() {
    if (!this.#failing) return
    this.#failing = false
    logInfo('an export goes on', { export: this.#name })
  }

  /** Of what is given up one is told now and then: how many there are, GET /exports says. */
  buried(error: string, at: number) {
    this.#lastFailure = { at, error }
    if (at < this.#buriedToldAt + BURIED_EVERY_MS) return
    this.#buriedToldAt = at
    const facts = { export: this.#name, error }
    logWarning(
      'an export was refused for good; GET /exports/dead lists what, POST /exports/replay sends it',
      facts,
    )
  }
}
