import type { Gate } from './gate.ts'
import type { Drop } from './raw-http.ts'
import type { FinishReason, Tokens } from './wire.ts'

/**
 * How the upstream double answers a call: data, so that behaviours compose by spreading.
 * `{}` is a faithful OpenAI; each member takes it away from that in one way.
 *
 *     upstream.next({ deltas: 54, writes: { bytes: 1 }, dies: { after: { events: 3 } } })
 */
export type Script = {
  /** What is said. Default: as many words as there are deltas, or else a greeting. */
  readonly text?: string
  /** How many pieces the text is cut into, each counted as one token. Default: one a word. */
  readonly deltas?: number
  readonly toolCalls?: readonly ToolCall[]
  readonly finish?: FinishReason
  /** The service tier that it says it answers in. Default: `default`. */
  readonly serviceTier?: string
  /** An upstream that writes more than `max_completion_tokens`. Default: it obeys. */
  readonly ignoresCap?: boolean

  /** Over the counted ones: input by words, output by pieces. */
  readonly tokens?: Partial<Tokens>
  /**
   * Said instead of the true usage, and then not counted in `served`: `'absent'` leaves it out,
   * anything else, also null and nonsense, is sent as it is.
   */
  readonly usage?: unknown
  /** Default: in a chunk of its own, without choices, as OpenAI does. */
  readonly usagePlace?: 'own chunk' | 'finish chunk'

  /** `: keep-alive` before each event. */
  readonly hasComments?: boolean
  readonly lineEnd?: '\n' | '\r\n'
  /** False: `data:{…}`, without the space. */
  readonly hasSpace?: boolean
  /** False: the stream closes in good order, without `data: [DONE]`. */
  readonly hasDone?: boolean
  /** An error inside a 200 stream, after so many events; nothing follows it. */
  readonly errorAfter?: { readonly events: number }

  readonly writes?: Writes
  readonly holds?: readonly Hold[]
  /** A model that takes its time: milliseconds before each write but the first. */
  readonly paceMs?: number
  readonly dies?: Death

  /** Answered instead. Without a body it is OpenAI's error for that status. */
  readonly status?: number
  /** Added, or put over those that belong to the answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** The body, byte for byte; an event stream if one was asked for and the status is 200. */
  readonly body?: string | Uint8Array
  readonly isGzip?: boolean
  /** Of a response with `background`: it is in the making until this is opened. */
  readonly background?: Gate
  /** Takes the call and never answers. */
  readonly isSilent?: boolean
}

export type ToolCall = { readonly name: string; readonly arguments: string }

/** A place in the answer's body. A JSON body is one event. */
export type Place = { readonly events: number } | { readonly bytes: number }

/**
 * How the body is cut into writes: each event alone (the default), several together, every so many
 * bytes, or exactly there. What is cut by bytes also waits a millisecond between writes, so that the
 * client reads each by itself.
 */
export type Writes =
  | 'whole'
  | { readonly events: number }
  | { readonly bytes: number }
  | { readonly at: readonly number[] }

/** Waits for the gate before sending the headers, or when so much of the body is out. */
export type Hold = { readonly gate: Gate; readonly at: 'headers' | Place }

/** Breaks the connection off when so much of the body is out. */
export type Death = { readonly after: Place; readonly how?: Drop }

/** One write of the body, and what to wait for before it. */
export type Write = { readonly bytes: Uint8Array; readonly gates: readonly Gate[] }

/** The writes of a body that consists of these events. A broken-off one ends where it breaks. */
export function writesOf(events: readonly Uint8Array[], script: Script): Write[] {
  const ends = endsOf(events)
  const whole = Buffer.concat(events)
  const offsetOf = (place: Place) => {
    if ('bytes' in place) return Math.min(place.bytes, whole.length)
    return place.events === 0 ? 0 : (ends[place.events - 1] ?? whole.length)
  }
  const end = script.dies === undefined ? whole.length : offsetOf(script.dies.after)

  const holds = (script.holds ?? []).flatMap(({ at, gate }) =>
    at === 'headers' ? [] : [{ gate, offset: offsetOf(at) }],
  )
  const cuts = [
    ...cutsOf(ends, script.writes ?? { events: 1 }),
    ...holds.map((hold) => hold.offset),
  ]
  const starts = [...new Set([0, ...cuts])].filter((cut) => cut < end).sort((a, b) => a - b)
  const writes: Write[] = starts.map((start, index) => ({
    bytes: whole.subarray(start, starts[index + 1] ?? end),
    gates: holds.filter((hold) => hold.offset === start).map((hold) => hold.gate),
  }))
  // Held at its very end: there is nothing left to write, but still an end to send.
  const last = holds.filter((hold) => hold.offset === end).map((hold) => hold.gate)
  return last.length === 0 ? writes : [...writes, { bytes: new Uint8Array(), gates: last }]
}

/** Where each event ends, counted in bytes from the first. */
function endsOf(events: readonly Uint8Array[]): number[] {
  let end = 0
  return events.map((event) => (end += event.length))
}

function cutsOf(ends: readonly number[], writes: Writes): number[] {
  if (writes === 'whole') return []
  if ('at' in writes) return [...writes.at]
  if ('events' in writes) return ends.filter((_, index) => (index + 1) % writes.events === 0)
  const length = ends.at(-1) ?? 0
  return Array.from(
    { length: Math.ceil(length / writes.bytes) },
    (_, index) => index * writes.bytes,
  )
}

export const headerGates = (script: Script): Gate[] =>
  (script.holds ?? []).flatMap(({ at, gate }) => (at === 'headers' ? [gate] : []))

/** The text in so many pieces of about the same length, no character split. */
export function cutText(text: string, pieces: number): string[] {
  const characters = Array.from(text)
  if (pieces < 1 || pieces > characters.length) {
    throw new RangeError(
      `text of ${characters.length} characters cannot be cut into ${pieces} pieces`,
    )
  }
  const edge = (piece: number) => Math.floor((piece * characters.length) / pieces)
  return Array.from({ length: pieces }, (_, piece) =>
    characters.slice(edge(piece), edge(piece + 1)).join(''),
  )
}
