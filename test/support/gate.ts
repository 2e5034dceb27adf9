/** Holds whoever waits at it until the test opens it; so that an order of events is made, not hoped for. */
export class Gate {
  /** Resolves when somebody has come to the gate. */
  readonly reached: Promise<void>
  readonly #opened: Promise<void>
  readonly #reach: () => void
  readonly #open: () => void
  #waiting = 0

  constructor() {
    const reached = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<void>()
    this.reached = reached.promise
    this.#reach = reached.resolve
    this.#opened = opened.promise
    this.#open = opened.resolve
  }

  /** How many are held now. */
  get waiting(): number {
    return this.#waiting
  }

  /** Lets through all who wait, and all who come later. */
  open() {
    this.#open()
  }

  /** Resolves when the gate is open, or when `leave` does: who waits may also be cut off. */
  async wait(leave: Promise<void>) {
    this.#waiting += 1
    this.#reach()
    await Promise.race([this.#opened, leave])
    this.#waiting -= 1
  }
}
