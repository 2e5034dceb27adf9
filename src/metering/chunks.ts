import { Buffer } from 'node:buffer'
import { dataOf, endsEvent, eventEnd, eventsOf, latin1 } from './sse.ts'
import { plus, type Usage } from './usage.ts'
import type { Json, StreamWire, Told } from './wire.ts'

/** Undigested text may grow to this before it is parsed, so that a long stream stays small. */
const UNDIGESTED_CHARS_MAX = 256 * 1024

/** Longer than any provider's event. A broken upstream's is passed on unread, and not held. */
const EVENT_BYTES_MAX = 8 * 1024 * 1024

const NOTHING = new Uint8Array(0)

const COLON = 0x3a

/** An error of the upstream in the common shape; of one that is no JSON nothing is given. */
export type CleanError = (upstream: Json) => Json

/** What one piece of a stream comes to. */
export type Reading = {
  /** What the client may have now. */
  readonly pass: Uint8Array
  /** From `data: [DONE]` on: what the client may have once the charge is on disk. Null: not yet. */
  readonly end: Uint8Array | null
}

/** A place between two events of a stream. */
export type Place = {
  /** The text up to there. */
  readonly delivered: string
  /** What the wire keeps of it. */
  readonly known: Json
  /** Events up to there. */
  readonly count: number
}

/**
 * Reads an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html) on the
 * side, in the way of its `wire`, while its events pass, each when it is whole. What comes out,
 * `pass` and `end` put together, is what went in, byte for byte, but for two things. With
 * `hideUsage`, the extra chunk that carries only the usage is kept back, because the client did not
 * ask for it. And an error that the upstream sends is given as `cleanError` words it: it may name
 * the operator's account.
 *
 * Bytes are looked at as Latin-1 text: one character a byte, so that a place in the text is a
 * place in the bytes. Chunks are not parsed as they pass; what was delivered is worked out only
 * when somebody asks, which is when the upstream sent no usage.
 */
export class ChunkReader {
  readonly #hideUsage: boolean
  readonly #learnsFrame: boolean
  readonly #wire: StreamWire
  readonly #cleanError: CleanError
  /** What the first event that says so says of the whole answer. */
  #frame: Json | null = null
  #count = 0
  /** The event that is not yet whole. */
  #open: Uint8Array = NOTHING
  #usage: Usage | null = null
  /** What was read, where the upstream tells that before the rest. */
  #input: Usage | null = null
  /** What the wire keeps from event to event. */
  #known: Json = {}
  #service: string | null = null
  #model: string | null = null
  #ended = false
  #undigested: string[] = []
  #undigestedChars = 0
  #delivered = ''
  #deliveredBytes = 0
  /** Bytes of an event that are not text, the fewest seen; what an unparsed one has at least. */
  #frameBytes = Number.POSITIVE_INFINITY
  /** No fewer than the bytes of text in the undigested events. */
  #undigestedBytes = 0
  #error: string | null = null

  /** With `learnsFrame` it soon knows what of a chunk is not text, as `couldPass` needs. */
  constructor(options: {
    readonly wire: StreamWire
    readonly hideUsage: boolean
    readonly learnsFrame?: boolean
    readonly cleanError: CleanError
  }) {
    this.#wire = options.wire
    this.#hideUsage = options.hideUsage
    this.#learnsFrame = options.learnsFrame === true
    this.#cleanError = options.cleanError
  }

  read(piece: Uint8Array): Reading {
    if (this.#ended) return { pass: NOTHING, end: piece }
    const bytes = this.#open.length === 0 ? piece : concat([this.#open, piece])
    const text = latin1(bytes)

    const changes: Change[] = []
    let from = 0
    for (let to = eventEnd(text, from); to !== -1; to = eventEnd(text, from)) {
      const by = this.#readEvent(text.slice(from, to))
      if (this.#ended) {
        this.#open = NOTHING
        const end = by === null ? bytes.subarray(from) : concat([by, bytes.subarray(to)])
        return { pass: changed(upTo(from, bytes), changes), end }
      }
      if (by !== null) changes.push({ from, to, by })
      from = to
    }
    if (bytes.length - from > EVENT_BYTES_MAX) from = bytes.length
    // A copy: Deno's pieces are parts of 64 KB, which a part of one would keep as long as it waits.
    this.#open = from === bytes.length ? NOTHING : bytes.slice(from)
    return { pass: changed(upTo(from, bytes), changes), end: null }
  }

  /** What is left of a stream that closed without saying `[DONE]`, or in the midst of saying it. */
  rest(): Uint8Array {
    const rest = this.#readEvent(latin1(this.#open)) ?? this.#open
    this.#open = NOTHING
    return rest
  }

  /** The usage that the upstream reported, or null if it did not (yet). */
  usage(): Usage | null {
    return this.#usage
  }

  /** What the upstream said that it read, if it tells that before the rest of its usage. */
  input(): Usage | null {
    return this.#input
  }

  /** The service tier that the upstream made the answer in, or null if it did not say (yet). */
  service(): string | null {
    return this.#service
  }

  /** The model that it says it made the answer with, or null if it did not say (yet). */
  model(): string | null {
    return this.#model
  }

  /** By what the upstream knows the answer, or null if it did not say. */
  answerId(): string | null {
    this.#digest()
    const id = this.#frame?.['id']
    return typeof id === 'string' ? id : null
  }

  /** Whether the upstream said that the answer is complete. */
  hasEnded(): boolean {
    return this.#ended
  }

  /** The text of all that was delivered: content, reasoning, refusals, calls of tools. */
  delivered(): string {
    this.#digest()
    return this.#delivered
  }

  /**
   * Whether with this piece more than so many bytes of text could have been delivered. Parses
   * nothing: of what has not been parsed, all counts but the frame that every chunk has.
   */
  couldPass(bytes: number, piece: Uint8Array): boolean {
    let most = this.#deliveredBytes + this.#undigestedBytes + this.#open.length
    if (most + piece.length <= bytes) return false
    if (!Number.isFinite(this.#frameBytes)) return true
    for (const event of eventsOf(piece)) {
      const isChunk = event[0] !== COLON && endsEvent(event)
      // One that is shorter than the frame, as `[DONE]` is, takes nothing off the others' text.
      most += isChunk ? Math.max(0, event.length - this.#frameBytes) : event.length
    }
    return most > bytes
  }

  /** How far it has been read, for an answer that may have to end there. */
  place(): Place {
    return { delivered: this.delivered(), known: this.#known, count: this.#count }
  }

  /** The end of an answer that is cut off at a place, as its provider would end it at its cap. */
  endAtCap({ known, count }: Place, usage: Usage | null): Uint8Array {
    this.#digest()
    return Buffer.from(this.#wire.endAtCap({ frame: this.#frame ?? {}, known, usage, count }))
  }

  /** The message of an error that the upstream sent inside the stream, or null. */
  error(): string | null {
    this.#digest()
    return this.#error
  }

  /** What the client gets in its place; null: the event as it is. */
  #readEvent(text: string): Uint8Array | null {
    const data = dataOf(text)
    if (data === '') return null
    if (data === '[DONE]') {
      this.#ended = true
      return null
    }
    this.#count++
    const event = { text, data }
    const json = this.#wire.mayTell(event) ? parse(data) : undefined
    const told = json === undefined ? null : this.#heed(this.#wire.tell(json, event, this.#known))
    if (told?.isUsageAlone === true) return this.#hideUsage ? NOTHING : null
    this.#undigested.push(data)
    this.#undigestedChars += data.length
    const frame = Number.isFinite(this.#frameBytes) ? this.#frameBytes : 0
    this.#undigestedBytes += Math.max(1, data.length - frame)
    // The role, and the first words: from these on it is known what of a chunk is frame.
    if (this.#learnsFrame && frame === 0 && this.#undigested.length > 1) this.#digest()
    if (this.#undigestedChars > UNDIGESTED_CHARS_MAX) this.#digest()
    if (told?.isError !== true) return null
    return Buffer.from(this.#wire.errorEvent(this.#cleanError(json ?? {}), json ?? null))
  }

  #heed(told: Told): Told {
    this.#known = told.known ?? this.#known
    this.#usage = usageAfter(this.#usage, told)
    this.#input = told.input ?? this.#input
    this.#service = told.service ?? this.#service
    this.#model = told.model ?? this.#model
    this.#ended = told.ends === true
    return told
  }

  #digest() {
    const parts: string[] = []
    for (const data of this.#undigested) {
      const json = parse(data)
      if (json === null) continue
      this.#frame ??= this.#wire.frameOf(json)
      const text = this.#wire.textOf(json)
      parts.push(text)
      const bytes = Buffer.byteLength(text)
      this.#deliveredBytes += bytes
      if (bytes > 0) this.#frameBytes = Math.min(this.#frameBytes, data.length - bytes)
      this.#error ??= this.#wire.errorOf(json)
    }
    this.#delivered += parts.join('')
    this.#undigested = []
    this.#undigestedChars = 0
    this.#undigestedBytes = 0
  }
}

/** Nearly every piece is of whole events: no other array is made for it. */
const upTo = (to: number, bytes: Uint8Array): Uint8Array =>
  to === bytes.length ? bytes : bytes.subarray(0, to)

function usageAfter(before: Usage | null, { usage = null, adds }: Told): Usage | null {
  if (usage === null || before === null || adds !== true) return usage ?? before
  return plus(before, usage)
}

/** A chunk's JSON object, from Latin-1 text back to what it says; null if it is none. */
function parse(data: string): Json | null {
  try {
    const json: unknown = JSON.parse(Buffer.from(data, 'latin1').toString('utf8'))
    return typeof json === 'object' && json !== null ? (json as Json) : null
  } catch {
    return null
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Bytes from one place to another that others stand in for. */
type Change = { readonly from: number; readonly to: number; readonly by: Uint8Array }

function changed(bytes: Uint8Array, changes: readonly Change[]): Uint8Array {
  if (changes.length === 0) return bytes
  const parts: Uint8Array[] = []
  let at = 0
  for (const { from, to, by } of changes) {
    parts.push(bytes.subarray(at, from), by)
    at = to
  }
  return concat([...parts, bytes.subarray(at)])
}
