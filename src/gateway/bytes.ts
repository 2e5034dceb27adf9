import { Refusal } from '../errors.ts'
import { KILOBYTE_OF_SOUND } from '../metering/sound-wires.ts'
import { type Answer, headersOf } from './answer.ts'
import type { Gateway } from './call.ts'
import type { Checkpoints } from './checkpoints.ts'
import { type Sink, type Source, untilUnread } from './idle.ts'
import { readAtMost } from './read.ts'
import { type Ending, LEFT_WAITING, NOTHING_CAME } from './settle.ts'
import { refusalInside } from './upstream-errors.ts'

/** Most of what is no sound that is looked at, bytes. */
const ERROR_BYTES_MAX = 64 * 1024

/**
 * An answer of bytes, such as sound, passed on as it comes. Its last byte waits until the charge
 * is on disk. It is pulled: what the client does not read is not asked for. One that breaks off
 * breaks off for the client too, for there is no place in it for a sentence.
 */
export async function bytesAnswer(
  answer: Answer,
  { clientIdleMs, checkpoints }: Pick<Gateway, 'clientIdleMs' | 'checkpoints'>,
): Promise<Response> {
  await refuseJson(answer)
  const passage = new Passage(answer, checkpoints)
  const body = new ReadableStream<Uint8Array>(untilUnread(passage, clientIdleMs))
  return new Response(body, { status: answer.response.status, headers: headersOf(answer) })
}

/** JSON that came with a good status all the same is an error, or no answer. */
async function refuseJson(answer: Answer) {
  const { response, deployment, settle, watch, departure, abort } = answer
  if (!(response.headers.get('content-type') ?? '').startsWith('application/json')) return
  try {
    watch.waits()
    const { bytes } = await readAtMost(response, ERROR_BYTES_MAX)
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
    throw refusalInside(json, deployment)
  } catch (cause) {
    await settle(departure.hasLeft && abort.signal.aborted ? LEFT_WAITING : NOTHING_CAME)
    if (abort.signal.aborted) throw abort.signal.reason
    if (cause instanceof Refusal) throw cause
    const message = `The upstream of \`${deployment.modelName}\` did not answer with sound.`
    throw new Refusal('upstream_failed', message, { cause })
  } finally {
    watch.stop()
  }
}

const NOTHING = new Uint8Array(0)

/** One answer from its upstream to its client. */
class Passage implements Source {
  readonly #answer: Answer
  readonly #upstream: ReadableStreamDefaultReader<Uint8Array> | null
  readonly #unwatch: () => void
  #bytes = 0
  /** The last byte that came. */
  #kept: Uint8Array = NOTHING
  #isDone = false
  #pulling: Promise<void> = Promise.resolve()
  #leaving: Promise<void> | null = null

  constructor(answer: Answer, checkpoints: Checkpoints) {
    this.#answer = answer
    this.#unwatch = checkpoints.watch({
      call: answer.call,
      delivered: () => this.#delivered(),
      counted: () => {},
    })
    this.#upstream = answer.response.body?.getReader() ?? null
    answer.departure.whenLeft(() => void this.cancel())
  }

  /** Passes pieces on until the client has something new, or the end. */
  pull(client: Sink): Promise<void> {
    if (!this.#answer.departure.hasLeft) this.#pulling = this.#pullUntilNew(client)
    return this.#pulling
  }

  /** The client has left: what is still to come is counted alone, or not read at all. */
  cancel(): Promise<void> {
    const { departure } = this.#answer
    departure.leave()
    if (!departure.isDraining) this.#upstream?.cancel().catch(() => {})
    this.#leaving ??= this.#readOn()
    return this.#leaving
  }

  async #readOn() {
    await this.#pulling.catch(() => {})
    try {
      while (!this.#isDone) await this.#next(null)
    } catch {
      await this.#settle('interrupted')
    }
  }

  async #pullUntilNew(client: Sink) {
    try {
      while (!(await this.#next(client)));
    } catch (error) {
      if (this.#answer.departure.hasLeft) return
      await this.#settle('interrupted')
      throw error
    }
  }

  /** Whether the client now has something new, or the end. */
  async #next(client: Sink | null): Promise<boolean> {
    const { watch, seen } = this.#answer
    watch.waits()
    const piece = (await this.#upstream?.read()) ?? { done: true, value: undefined }
    watch.seen()
    seen.firstByte()
    if (!piece.done) {
      this.#bytes += piece.value.length
      return this.#send(client, this.#afterKept(piece.value))
    }
    await this.#settle(this.#bytes === 0 ? 'upstream_failed' : 'ok')
    this.#send(client, this.#kept)
    if (client !== null && !this.#answer.departure.hasLeft) client.close()
    return true
  }

  /** What was kept, and a piece but for its last byte, which is kept in turn. */
  #afterKept(piece: Uint8Array): Uint8Array {
    if (piece.length === 0) return NOTHING
    const { length } = this.#kept
    const passed = new Uint8Array(length + piece.length - 1)
    passed.set(this.#kept)
    passed.set(piece.subarray(0, -1), length)
    this.#kept = piece.slice(-1)
    return passed
  }

  #send(client: Sink | null, piece: Uint8Array): boolean {
    if (piece.length === 0) return false
    if (client !== null && !this.#answer.departure.hasLeft) client.enqueue(piece)
    return true
  }

  async #settle(outcome: Ending['outcome']) {
    const { departure, watch, settle } = this.#answer
    this.#isDone = true
    watch.stop()
    this.#unwatch()
    await settle({
      outcome: departure.hasLeft ? 'client_closed' : outcome,
      isDrained: departure.hasLeft,
      usage: null,
      delivered: () => this.#delivered(),
    })
  }

  #delivered(): string {
    return KILOBYTE_OF_SOUND.repeat(Math.ceil(this.#bytes / 1024))
  }
}
