import { Buffer } from 'node:buffer'
import { Refusal } from '../errors.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import { ChunkReader, type Place, type Reading } from '../metering/chunks.ts'
import { eventsOf } from '../metering/sse.ts'
import { NO_USAGE, outputTokens } from '../metering/usage.ts'
import type { StreamWire } from '../metering/wire.ts'
import { type Answer, headersOf } from './answer.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Guard } from './guard.ts'
import { type Sink, type Source, untilUnread } from './idle.ts'
import type { Ending } from './settle.ts'
import { refusalInside } from './upstream-errors.ts'

export type StreamOptions = {
  /** The client did not ask for the usage. */
  readonly hideUsage: boolean
  /** How long a client may leave the stream unread. */
  readonly clientIdleMs: number
  /** Null: no budget limits the answer. */
  readonly guard: Guard | null
  readonly checkpoints: Checkpoints
}

/**
 * A stream, passed on as it comes. What ends it for the client (`data: [DONE]`, or else the close)
 * waits until the charge is on disk. It is pulled: what the client does not read is not asked for.
 */
export function streamAnswer(answer: Answer, wire: StreamWire, options: StreamOptions): Response {
  const passage = new Passage(answer, wire, options)
  const body = new ReadableStream<Uint8Array>(untilUnread(passage, options.clientIdleMs))
  return new Response(body, { status: answer.response.status, headers: headersOf(answer) })
}

/** One stream from its upstream to its client. */
class Passage implements Source {
  readonly #answer: Answer
  readonly #wire: StreamWire
  readonly #guard: Guard | null
  readonly #hideUsage: boolean
  readonly #upstream: ReadableStreamDefaultReader<Uint8Array>
  readonly #reader: ChunkReader
  readonly #unwatch: () => void
  /** The upstream told its usage before the client left. */
  #isToldInTime = false
  #isCut = false
  /** What the client may have had from some place on, if that is not too much; null: nothing. */
  #withheld: { readonly from: Place; readonly passes: Uint8Array[] } | null = null
  #isDone = false
  /** Resolves when the piece under way has been dealt with. */
  #pulling: Promise<void> = Promise.resolve()
  #leaving: Promise<void> | null = null

  constructor(answer: Answer, wire: StreamWire, { hideUsage, guard, checkpoints }: StreamOptions) {
    this.#answer = answer
    this.#wire = wire
    this.#guard = guard
    this.#hideUsage = hideUsage
    this.#upstream = (answer.response.body ?? emptyBody()).getReader()
    const { departure, deployment } = answer
    this.#reader = new ChunkReader({
      wire,
      hideUsage,
      learnsFrame: guard !== null,
      cleanError: (json) => refusalInside(json, deployment).toJSON(),
    })
    this.#unwatch = checkpoints.watch({
      call: answer.call,
      delivered: this.#delivered,
      counted: (tokens) => {
        const isEnough = tokens >= deployment.rules.drainTokensMax
        if (departure.isDraining && isEnough) departure.drainedEnough()
      },
    })
    departure.whenLeft(() => void this.cancel())
  }

  /** Passes pieces on until the client has something new, or the end. */
  pull(client: Sink): Promise<void> {
    if (!this.#answer.departure.hasLeft) this.#pulling = this.#pullUntilNew(client)
    return this.#pulling
  }

  /** The client has left: what is still to come is read for the usage alone, or not at all. */
  cancel(): Promise<void> {
    const { departure } = this.#answer
    departure.leave()
    if (!departure.isDraining) this.#letGo()
    this.#leaving ??= this.#readOn()
    return this.#leaving
  }

  /** Aborted only, Deno would keep the connection of a body that nobody reads. */
  #letGo() {
    this.#upstream.cancel().catch(() => {})
  }

  async #readOn() {
    await this.#pulling
    await this.#passWhile(null, () => !this.#isDone)
  }

  /** Goes on for as long as the client takes what comes: to be pulled each time costs it more. */
  #pullUntilNew(client: Sink): Promise<void> {
    const { departure } = this.#answer
    const isWanted = (isNew: boolean) =>
      !this.#isDone && !departure.hasLeft && (!isNew || client.isHungry())
    return this.#passWhile(client, isWanted)
  }

  /** Passes pieces on, each with one promise where nothing has to be waited for but the piece. */
  async #passWhile(client: Sink | null, isWanted: (isNew: boolean) => boolean) {
    const { watch, seen } = this.#answer
    try {
      let isNew = false
      while (isWanted(isNew)) {
        watch.waits()
        const { done, value } = await this.#upstream.read()
        watch.seen()
        seen.firstByte()
        const passed = done ? this.#finish(client) : this.#passAll(client, value)
        isNew = typeof passed === 'boolean' ? passed : await passed
      }
    } catch (error) {
      await this.#breakOff(error, client)
    }
  }

  /** The upstream has closed its stream. */
  async #finish(client: Sink | null): Promise<boolean> {
    const rest = this.#released(this.#reader.rest())
    if (this.#withheld !== null) return this.#cutOff(client, this.#withheld.from)
    const outcome = outcomeOf(this.#reader)
    await this.#settle(outcome)
    this.#send(client, rest)
    // An upstream that said nothing, and not even that it failed: somebody has to.
    const isUntold = outcome !== 'ok' && this.#reader.error() === null
    this.#end(client, isUntold ? this.#lastWords(null) : NOTHING)
    return true
  }

  /** Passes a piece on; says whether the client now has something new, or the end. */
  #passAll(client: Sink | null, piece: Uint8Array): boolean | Promise<boolean> {
    if (this.#isCut) return true
    return this.#isNear(piece) ? this.#passEach(client, piece) : this.#pass(client, piece)
  }

  /** A piece of several events, of which the first may fit the budget and the last may not. */
  async #passEach(client: Sink | null, piece: Uint8Array): Promise<boolean> {
    let isNew = false
    let rest = piece
    while (!this.#isCut && this.#isNear(rest)) {
      const [event = rest] = eventsOf(rest)
      isNew = (await this.#passWatched(client, event)) || isNew
      rest = rest.subarray(event.length)
      if (rest.length === 0) return isNew
    }
    return this.#isCut || (await this.#pass(client, rest)) || isNew
  }

  #isNear(piece: Uint8Array): boolean {
    if (this.#guard === null) return false
    return this.#withheld !== null || this.#reader.couldPass(this.#guard.safeBytes, piece)
  }

  #pass(client: Sink | null, piece: Uint8Array): boolean | Promise<boolean> {
    return this.#passRead(client, this.#read(piece))
  }

  /**
   * The same for an event after which the answer may have passed what is held for it. If it has, by
   * our count, it is withheld until the upstream tells its own, which is what is charged: one that
   * heeds its cap is not cut off, and nobody gets what could not be paid.
   */
  async #passWatched(client: Sink | null, event: Uint8Array): Promise<boolean> {
    const reader = this.#reader
    const from = reader.place()
    const { pass, end } = this.#read(event)
    const passed = this.#released(pass)
    const isTold = reader.usage() !== null
    if (this.#withheld === null) {
      const isCovered = isTold || (await this.#guard!.covers(reader.delivered()))
      if (isCovered) return this.#passRead(client, { pass: passed, end })
      this.#withheld = { from, passes: [] }
    }
    this.#withheld.passes.push(pass)
    const text = reader.delivered().slice(this.#withheld.from.delivered.length)
    const isDoubtful = Buffer.byteLength(text) <= this.#guard!.doubtfulBytes
    if (isDoubtful && !isTold && end === null) return false
    return this.#cutOff(client, this.#withheld.from)
  }

  /** What was withheld, and a piece after it, once it is told that it is no more than is held. */
  #released(pass: Uint8Array): Uint8Array {
    const usage = this.#reader.usage()
    if (this.#withheld === null || usage === null) return pass
    if (!this.#guard!.coversTokens(outputTokens(usage))) return pass
    const { passes } = this.#withheld
    this.#withheld = null
    return Buffer.concat([...passes, pass])
  }

  #read(piece: Uint8Array): Reading {
    const reading = this.#reader.read(piece)
    if (!this.#answer.departure.hasLeft) this.#isToldInTime = this.#reader.usage() !== null
    return reading
  }

  #passRead(client: Sink | null, { pass, end }: Reading): boolean | Promise<boolean> {
    this.#send(client, pass)
    return end === null ? pass.length > 0 : this.#passEnd(client, end)
  }

  async #passEnd(client: Sink | null, end: Uint8Array): Promise<boolean> {
    await this.#settle('ok')
    this.#send(client, end)
    return true
  }

  /** Ends the stream as its provider would at its cap, before what the budget cannot pay. */
  async #cutOff(client: Sink | null, from: Place): Promise<boolean> {
    this.#isCut = true
    this.#letGo()
    this.#answer.abort.abort(new Refusal('upstream_failed', 'The answer passed what is held.'))
    const row = await this.#settle('interrupted')
    const usage = this.#hideUsage ? null : { ...NO_USAGE, ...row.usage }
    this.#end(client, this.#reader.endAtCap(from, usage))
    return true
  }

  async #breakOff(error: unknown, client: Sink | null) {
    const { abort } = this.#answer
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error
    await this.#settle('interrupted')
    this.#end(client, this.#reader.hasEnded() ? NOTHING : this.#lastWords(reason))
  }

  /** The last event of a stream that broke off, in the common error shape. */
  #lastWords(error: unknown): Uint8Array {
    const { modelName } = this.#answer.deployment
    const refusal =
      error instanceof Refusal
        ? error
        : new Refusal('upstream_failed', `The upstream of \`${modelName}\` broke off its answer.`)
    return new TextEncoder().encode(`\n\n${this.#wire.errorEvent(refusal.toJSON(), null)}`)
  }

  async #settle(outcome: Ending['outcome']): Promise<LedgerRow> {
    const { hasLeft } = this.#answer.departure
    this.#unwatch()
    const { row } = await this.#answer.settle({
      outcome: hasLeft ? 'client_closed' : outcome,
      isDrained: hasLeft && !this.#isToldInTime,
      // Of one that is cut off, the upstream may have told more than the client was given.
      usage: this.#isCut ? null : this.#reader.usage(),
      input: this.#reader.input(),
      service: this.#reader.service(),
      model: this.#reader.model(),
      answerId: this.#answer.call.endpoint.keepsAnswers ? this.#reader.answerId() : null,
      delivered: this.#delivered,
    })
    return row
  }

  /** The text that the client has, or might have. */
  readonly #delivered = () => this.#withheld?.from.delivered ?? this.#reader.delivered()

  #send(client: Sink | null, bytes: Uint8Array) {
    if (client === null || this.#answer.departure.hasLeft || bytes.length === 0) return
    client.enqueue(bytes)
  }

  #end(client: Sink | null, bytes: Uint8Array) {
    this.#isDone = true
    this.#answer.watch.stop()
    this.#send(client, bytes)
    if (client !== null && !this.#answer.departure.hasLeft) client.close()
  }
}

const NOTHING = new Uint8Array(0)

/** A stream that closed in good order is whole, unless it told an error, or nothing at all. */
function outcomeOf(reader: ChunkReader): Ending['outcome'] {
  if (reader.usage() !== null || reader.hasEnded()) return 'ok'
  if (reader.delivered() === '') return 'upstream_failed'
  return reader.error() === null ? 'ok' : 'interrupted'
}

const emptyBody = () =>
  new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
