import type { OpenCall } from '../ledger/open-call.ts'
import { logError } from '../log.ts'
import type { Encode } from '../metering/tokens.ts'
import type { Usage } from '../metering/usage.ts'
import { countedUsage } from './counted-usage.ts'
import { countInTurns, countPromptInTurns } from './counting.ts'
import type { MeteredCall } from './settle.ts'

/** How old what is written down of a stream may be, milliseconds. */
const EVERY_MS = 1_000

/**
 * How old a stream is when its tokenizer is loaded, milliseconds: half a second of work, which the
 * first checkpoint of a process shall not wait for.
 */
const LOAD_AFTER_MS = 400

/** How often it is looked which streams are due, milliseconds. */
const LOOK_MS = 100

/** A stream under way. */
export type Stream = {
  readonly call: MeteredCall
  /** The text that was delivered so far. */
  readonly delivered: () => string
  /** Told how many tokens that is, when it has been counted. */
  readonly counted: (tokens: number) => void
}

/** What a stream has delivered: tokens of text, or (`usage`) what there is besides. */
type Delivered = Pick<OpenCall, 'input' | 'output' | 'usage'>

type Watched = Stream & {
  /** Characters of `delivered` that are counted. */
  chars: number
  input: number
  output: number
  usage: Usage | null
  dueAt: number
}

/**
 * Writes down about every second what each stream has delivered, in tokens, so that the death of
 * the process does not make it free. Counted a piece at a time, so that a long answer is not
 * counted again and again; each cut may be off by a token. A stream that ends sooner costs nothing.
 */
export class Checkpoints {
  readonly #write: (id: string, delivered: Delivered) => void
  readonly #tokenizerFor: (model: string) => Promise<Encode>
  readonly #streams = new Set<Watched>()
  #isLooking = false

  constructor(parts: {
    readonly write: (id: string, delivered: Delivered) => void
    readonly tokenizerFor: (model: string) => Promise<Encode>
  }) {
    this.#write = parts.write
    this.#tokenizerFor = parts.tokenizerFor
  }

  /** Streams under way. */
  get count(): number {
    return this.#streams.size
  }

  /** Answers what ends the watch. */
  watch(stream: Stream): () => void {
    const dueAt = performance.now() + EVERY_MS
    const watched = { ...stream, chars: 0, input: 0, output: 0, usage: null, dueAt }
    this.#streams.add(watched)
    if (!this.#isLooking) void this.#look()
    return () => this.#streams.delete(watched)
  }

  /** Goes on for as long as there are streams. */
  async #look() {
    this.#isLooking = true
    while (this.#streams.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      for (const stream of this.#streams) {
        const now = performance.now()
        const { model } = stream.call.deployment.pricedAs
        const isSoonDue = now > stream.dueAt - EVERY_MS + LOAD_AFTER_MS
        const isText = stream.call.endpoint.media === undefined
        if (isSoonDue && isText) void this.#tokenizerFor(model)
        if (now < stream.dueAt) continue
        try {
          await this.#checkpoint(stream)
        } catch (error) {
          logError(`what call ${stream.call.id} has delivered could not be counted`, error)
        }
        stream.dueAt = performance.now() + EVERY_MS
      }
    }
    this.#isLooking = false
  }

  async #checkpoint(stream: Watched) {
    const { call } = stream
    const text = stream.delivered()
    if (text.length === stream.chars) return
    if (call.endpoint.media !== undefined) {
      stream.usage = await countedUsage(call, text, this.#tokenizerFor)
      stream.chars = text.length
      if (this.#streams.has(stream)) this.#write(call.id, stream)
      return
    }
    const encode = await this.#tokenizerFor(call.deployment.pricedAs.model)
    if (stream.chars === 0) stream.input = await countPromptInTurns(call.json, encode)
    stream.output += await countInTurns([text.slice(stream.chars)], encode)
    stream.chars = text.length
    stream.counted(stream.output)
    // It may have been settled meanwhile: then there is nothing left to write it on.
    if (this.#streams.has(stream)) this.#write(call.id, stream)
  }
}
