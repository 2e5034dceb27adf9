import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { Refusal } from '../errors.ts'
import type { Form } from '../gateway/form.ts'
import { bodyOf, digestOf, type FilePart, jsonOf, type Part } from './form-body.ts'
import { bytesAtMost, tooLarge, tooSlow } from './request-body.ts'
import type { Room } from './room.ts'

/** A file for what is too large for memory; `runtime/spool.ts` makes them. */
export type Spool = {
  write(piece: Uint8Array): Promise<void>
  readonly bytes: number
  read(from: number, to: number): ReadableStream<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

export type FormParts = {
  readonly openSpool: () => Promise<Spool>
  /** How long a sound is, milliseconds; at most, if it cannot be read. */
  readonly soundMsOf: (
    sound: () => ReadableStream<Uint8Array<ArrayBuffer>>,
    file: { readonly bytes: number; readonly filename: string | null },
  ) => Promise<number>
  /** On disk, for all forms together. */
  readonly room: Room
  /** Largest form, bytes. */
  readonly bytesMax: number
  /** From its headers to its last byte, milliseconds. */
  readonly timeoutMs: number
}

/** A form whose files are on disk until it is closed. */
export type SpooledForm = { readonly form: Form; close(): Promise<void> }

/** All fields of a form together, which are in memory, bytes. */
export const FIELDS_BYTES_MAX = 4 * 1024 * 1024

/** OpenAI's clients send fewer, and shorter ones: a voice sample in a field has about 1 MB. */
const LIMITS = {
  fieldNameSize: 128,
  fieldSize: 2 * 1024 * 1024,
  fields: 64,
  files: 16,
  parts: 80,
  headerPairs: 16,
  headerSize: 8 * 1024,
}

/** One that is too large is read on, to so many times the limit, so that its client hears why. */
const LENIENCE = 2

/**
 * Reads a form, its fields into memory and its files to disk. Who pays for the call and for which
 * model may come after the file, so nothing can be sent before all of it is here.
 *
 * Throws `invalid_request`, `body_too_large` or `body_too_slow`; then nothing is left of it.
 */
export async function readForm(
  request: Request,
  parts: FormParts,
  hearsSound: boolean,
): Promise<SpooledForm> {
  const parser = parserOf(request)
  const length = Number(request.headers.get('content-length') ?? 0)
  if (length > parts.bytesMax * LENIENCE) throw tooLarge(parts, 'form')
  const giveBack = parts.room.take(bytesAtMost(request, parts))
  const spool = await parts.openSpool().catch((cause: unknown) => {
    giveBack()
    return noRoom(cause)
  })
  const close = async () => {
    await spool.close()
    giveBack()
  }
  try {
    const read = await partsOf(request, parser, { spool, parts })
    giveBack(spool.bytes)
    const form = await formOf(read, spool, hearsSound ? parts.soundMsOf : null)
    return { form, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function formOf(
  parts: readonly Part[],
  spool: Spool,
  soundMsOf: FormParts['soundMsOf'] | null,
): Promise<Form> {
  const json = jsonOf(parts)
  const files = parts.filter((part) => part.kind === 'file')
  if (files.length === 0) throw wrong('The form has no file.')
  let soundMs = 0
  for (const { from, to, filename } of soundMsOf === null ? [] : files) {
    const bytes = to - from
    soundMs += (await soundMsOf?.(() => spool.read(from, to), { bytes, filename })) ?? 0
  }
  return {
    json,
    fieldBytes: Buffer.byteLength(JSON.stringify(json)),
    upload: { files: files.length, soundMs },
    digest: digestOf(parts),
    edited: (edits) => bodyOf(parts, edits, (from, to) => spool.read(from, to)),
  }
}

function parserOf(request: Request): BusboyInstance {
  const type = request.headers.get('content-type') ?? ''
  if (!/^multipart\/form-data\b/i.test(type)) {
    const got = type === '' ? 'none' : type.slice(0, 100)
    throw wrong(`The body must be a form: content-type multipart/form-data, got ${got}.`)
  }
  try {
    return new Busboy({ headers: { 'content-type': type }, limits: LIMITS })
  } catch (cause) {
    throw wrong('The content-type multipart/form-data must name its boundary.', cause)
  }
}

/** Feeds the parser with the body, and waits until all that came of it is on disk. */
async function partsOf(
  request: Request,
  parser: BusboyInstance,
  { spool, parts }: { readonly spool: Spool; readonly parts: FormParts },
): Promise<Part[]> {
  const end = new FirstFailure()
  const timer = setTimeout(() => end.fail(tooSlow(parts, 'form')), parts.timeoutMs)
  const collected = new Collected(spool, (reason) => end.fail(reason))
  const finished = collected.listenTo(parser)
  const reader = request.body?.getReader()
  let bytes = 0
  try {
    for (;;) {
      const piece = await end.or(reader?.read())
      bytes += piece?.value?.length ?? 0
      const isTooLarge = bytes > parts.bytesMax
      const isOver = piece === undefined || piece.done
      if (isTooLarge && (isOver || bytes > parts.bytesMax * LENIENCE)) throw tooLarge(parts, 'form')
      if (isOver) break
      if (isTooLarge || parser.write(piece.value)) continue
      await end.or(once(parser, 'drain'))
    }
    parser.end()
    await end.or(finished)
    return await end.or(collected.all())
  } catch (error) {
    // Not waited for: Deno reads what is left of the body first, however long that takes.
    reader?.cancel().catch(() => {})
    await collected.stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Waits for one thing after the other, but no longer than until the first failure. A `Promise.race`
 * with a promise that outlives it would keep all that ever came.
 */
class FirstFailure {
  #failed: { readonly reason: unknown } | null = null
  #wake: (reason: unknown) => void = () => {}

  fail(reason: unknown) {
    this.#failed ??= { reason }
    this.#wake(reason)
  }

  or<Thing>(what: Promise<Thing> | Thing): Promise<Thing> {
    const { promise, resolve, reject } = Promise.withResolvers<Thing>()
    this.#wake = reject
    if (this.#failed !== null) reject(this.#failed.reason)
    Promise.resolve(what).then(resolve, reject)
    return promise
  }
}

/** The parts of a form as its parser finds them. */
class Collected {
  readonly #spool: Spool
  readonly #fail: (reason: unknown) => void
  readonly #parts: (Part | Promise<Part>)[] = []
  /** Files follow each other in the spool. */
  #writing: Promise<unknown> = Promise.resolve()
  #isStopped = false
  #fieldBytes = 0

  constructor(spool: Spool, fail: (reason: unknown) => void) {
    this.#spool = spool
    this.#fail = fail
  }

  /** Resolves when the parser has seen the end. */
  listenTo(parser: BusboyInstance): Promise<void> {
    const finished = Promise.withResolvers<void>()
    const tooMany = (what: string) => () => this.#fail(wrong(`The form has too many ${what}.`))
    parser.on('partsLimit', tooMany('parts'))
    parser.on('fieldsLimit', tooMany('fields'))
    parser.on('filesLimit', tooMany('files'))
    parser.on('error', (cause: unknown) => this.#fail(broken(cause)))
    parser.on('finish', () => finished.resolve())
    parser.on('field', (name, value, isNameCut, isValueCut) => {
      this.#fieldBytes += name.length + Buffer.byteLength(value)
      if (isNameCut || name.length >= LIMITS.fieldNameSize)
        this.#fail(wrong('The form has a field whose name is too long.'))
      if (isValueCut || this.#fieldBytes > FIELDS_BYTES_MAX) {
        this.#fail(wrong(`The fields of the form are too long; \`${name}\` is one of them.`))
      }
      this.#parts.push({ kind: 'field', name, value })
    })
    parser.on('file', (name, stream, filename, _, type) => {
      stream.on('error', (cause: unknown) => this.#fail(broken(cause)))
      const about = { name, filename: filename || null, type }
      const part = this.#writing.then(() => this.#write(stream, about))
      this.#writing = part.catch((error: unknown) => this.#fail(error))
      this.#parts.push(part)
    })
    return finished.promise
  }

  async all(): Promise<Part[]> {
    return Promise.all(this.#parts)
  }

  /** Resolves when nothing is written any more. */
  async stop() {
    this.#isStopped = true
    await Promise.race([this.#writing, new Promise((resolve) => setTimeout(resolve, 0))])
  }

  async #write(
    stream: BusboyFileStream,
    about: Pick<FilePart, 'name' | 'filename' | 'type'>,
  ): Promise<FilePart> {
    const from = this.#spool.bytes
    const hash = createHash('sha256')
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      if (this.#isStopped) break
      hash.update(piece)
      await this.#spool.write(piece).catch(noRoom)
    }
    const to = this.#spool.bytes
    return { kind: 'file', ...about, from, to, digest: hash.digest('base64url') }
  }
}

const wrong = (message: string, cause?: unknown) =>
  new Refusal('invalid_request', message, { cause })

const broken = (cause: unknown) =>
  wrong('The form does not keep to the format: it ends too early, or its parts are none.', cause)

function noRoom(cause: unknown): never {
  throw new Refusal('overloaded', 'The files of the form cannot be written to disk now.', {
    cause,
    headers: { 'retry-after': '5' },
  })
}
