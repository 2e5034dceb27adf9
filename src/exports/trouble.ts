import { logInfo, logWarning } from '../log.ts'

/** A line when an exporter begins to fail and when it recovers, not one for each of its rows. */
export class Telling {
  readonly #name: string
  #failing = false
  #lastFailure: { readonly at: number; readonly error: string } | null = null

  constructor(name: string) {
    this.#name = name
  }

  get lastFailure(): { readonly at: number; readonly error: string } | null {
    return this.#lastFailure
  }

  failed(error: string, at: number) {
    this.#lastFailure = { at, error }
    if (this.#failing) return
    this.#failing = true
    logWarning('an export fails; trying on, and nothing is lost', { export: this.#name, error })
  }

  succeeded() {
    if (!this.#failing) return
    this.#failing = false
    logInfo('an export goes on', { export: this.#name })
  }

  /** Of what is given up, the first is told until something passes. */
  buried(error: string, at: number) {
    this.#lastFailure = { at, error }
    if (this.#failing) return
    this.#failing = true
    const facts = { export: this.#name, error }
    logWarning('an export was refused; GET /exports/dead lists what, POST /exports/replay', facts)
  }
}
