import type { Usage } from './usage.ts'

export type Json = Readonly<Record<string, unknown>>

/**
 * How the answers of an endpoint are read on the side: what they say of usage, and what they hand
 * to the client. Nothing here waits, and nothing changes a byte.
 */
export type Wire = {
  /** Whether JSON that came with a good status is an answer at all. */
  readonly isAnswer: (json: Json) => boolean
  /** Whether it is an answer that is still being made, in the background. */
  readonly isUnfinished?: (answer: Json) => boolean
  /** What an answer in one piece reports; null: nothing that can be true. */
  readonly usageOf: (answer: Json) => Usage | null
  /** The text that an answer in one piece hands to the client. */
  readonly textOf: (answer: Json) => string
  /** What an answer says that is text and no JSON; absent: such a one is no answer. */
  readonly fromText?: (text: string) => Json
  /** Whether what is no event stream is bytes, to be passed on as they come. */
  readonly isBinary?: true
  /** Null: the endpoint does not stream. */
  readonly stream: StreamWire | null
  /** How it streams for a call that asks so, where that depends on it. */
  readonly streamFor?: (asked: Json) => StreamWire
}

/** The service tier that an answer names, or null: OpenAI has it beside the usage everywhere. */
export function serviceOf(answer: Json): string | null {
  const service = answer['service_tier']
  return typeof service === 'string' ? service : null
}

/** The model that an answer names, or null. */
export function modelOf(answer: Json): string | null {
  const model = answer['model']
  return typeof model === 'string' ? model : null
}

/** An event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export type StreamEvent = {
  /** All of it, as Latin-1 text: one character a byte. */
  readonly text: string
  /** Its `data`, in the same way. */
  readonly data: string
}

/** How the events of a stream are read. */
export type StreamWire = {
  /**
   * Whether an event may tell more than its text, and must be parsed as it passes; any other is
   * parsed later, when somebody asks what was delivered, or never. Has to be cheap.
   */
  readonly mayTell: (event: StreamEvent) => boolean
  /**
   * What such an event tells; `json` is null if its data is none, `known` what an earlier event
   * told to be kept.
   */
  readonly tell: (json: Json | null, event: StreamEvent, known: Json) => Told
  /** The text that an event hands to the client. */
  readonly textOf: (json: Json) => string
  /** What went wrong, of an event that is an error in place of an answer; else null. */
  readonly errorOf: (json: Json) => string | null
  /** What an event says of the whole answer, for an end of our own; null: nothing. */
  readonly frameOf: (json: Json) => Json | null
  /**
   * The last events of an answer that is cut off here, in the form in which the provider ends one
   * at its cap. `usage` is null when the client did not ask for it.
   */
  readonly endAtCap: (answer: {
    readonly frame: Json
    /** What was told to be kept by the events that the client has. */
    readonly known: Json
    readonly usage: Usage | null
    /** How many events came before. */
    readonly count: number
  }) => string
  /** An error in the form that the endpoint's clients read; `upstream` is what it stands for. */
  readonly errorEvent: (error: Json, upstream: Json | null) => string
}

/** What an event tells besides its text. */
export type Told = {
  readonly usage?: Usage | null
  /** What was read, told before the rest: for an answer that comes to no end. */
  readonly input?: Usage | null
  /** To be handed to `tell` with the events that follow. */
  readonly known?: Json
  /** The usage is that of a part, and counts besides what was told before. */
  readonly adds?: true
  /** The service tier that the answer was made in. */
  readonly service?: string | null
  /** The model that the answer was made with. */
  readonly model?: string | null
  /** It is an error in place of an answer. */
  readonly isError?: boolean
  /** It carries the usage and nothing else, and is kept back from who did not ask for that. */
  readonly isUsageAlone?: boolean
  /** It ends the answer: the client may have it once the charge is on disk. */
  readonly ends?: boolean
}

/** An event with a name, or (null) without. */
export const eventText = (name: string | null, json: unknown): string =>
  `${name === null ? '' : `event: ${name}\n`}data: ${JSON.stringify(json)}\n\n`
