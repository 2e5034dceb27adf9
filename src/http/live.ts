/** How often it is looked whether anything has changed, and how often a comment is sent. */
const LOOK_MS = 1_000
const COMMENT_MS = 15_000
const LISTENERS_MAX = 64

type Listener = ReadableStreamDefaultController<Uint8Array>

const encoder = new TextEncoder()
const COMMENT = encoder.encode(': still here\n\n')
const eventOf = (data: string) => encoder.encode(`event: now\ndata: ${data}\n\n`)

/**
 * Tells listeners, by server-sent events, how things are whenever that changes. It is looked once a
 * second for all of them together, not at all while there is none, and `look` only when `version`
 * is another one than before.
 */
export class Live {
  readonly most = LISTENERS_MAX
  readonly #parts: LiveParts
  readonly #listeners = new Set<Listener>()
  readonly #intervals: readonly (readonly [() => void, number])[]
  #timers: ReturnType<typeof setInterval>[] = []
  #told = { version: '', same: '' }
  #isClosed = false

  constructor(parts: LiveParts) {
    this.#parts = parts
    const { lookMs = LOOK_MS, commentMs = COMMENT_MS } = parts
    this.#intervals = [
      [() => this.#look(), lookMs],
      [() => this.#send(COMMENT), commentMs],
    ]
  }

  get isFull(): boolean {
    return this.#listeners.size >= LISTENERS_MAX
  }

  /** A stream for one listener more; it ends when the listener leaves, and at `close`. */
  listen(): ReadableStream<Uint8Array> {
    let own: Listener
    return new ReadableStream<Uint8Array>({
      start: (listener) => {
        own = listener
        const version = this.#parts.version()
        const { data, same } = this.#parts.look()
        listener.enqueue(eventOf(data))
        if (this.#listeners.size === 0) this.#told = { version, same }
        if (this.#isClosed) return listener.close()
        this.#listeners.add(listener)
        if (this.#timers.length === 0) {
          this.#timers = this.#intervals.map(([act, ms]) => setInterval(act, ms))
        }
      },
      cancel: () => this.#leave(own),
    })
  }

  /** Ends all streams: a shutdown need not wait for who would listen for ever. */
  close() {
    this.#isClosed = true
    for (const listener of this.#listeners) {
      this.#leave(listener)
      listener.close()
    }
  }

  #look() {
    const version = this.#parts.version()
    if (version === this.#told.version) return
    const { data, same } = this.#parts.look()
    const isSame = same === this.#told.same
    this.#told = { version, same }
    if (!isSame) this.#send(eventOf(data))
  }

  #send(bytes: Uint8Array) {
    for (const listener of this.#listeners) {
      // Who does not read gets no more to read, and later what is so by then.
      if ((listener.desiredSize ?? 0) > 0) listener.enqueue(bytes)
    }
  }

  #leave(listener: Listener) {
    this.#listeners.delete(listener)
    if (this.#listeners.size > 0) return
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.#told = { version: '', same: '' }
  }
}

export type LiveParts = {
  /** The event's data, and what of it makes it another one: the time alone does not. */
  look(): { readonly data: string; readonly same: string }
  /** Another text whenever `look` may have something else to say; it costs nothing to ask. */
  version(): string
  readonly lookMs?: number
  readonly commentMs?: number
}
