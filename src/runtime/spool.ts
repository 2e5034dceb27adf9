import { randomUUID } from 'node:crypto'
import { close, openSync, read, readdirSync, unlinkSync, write } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A file for what is too large for memory: it is read as often as one likes, and then gone. */
export type Spool = {
  /** Adds to the end; to be waited for before the next. */
  write(piece: Uint8Array): Promise<void>
  /** How much is in it, bytes. */
  readonly bytes: number
  /** What is in it from one place to before another. */
  read(from: number, to: number): ReadableStream<Uint8Array<ArrayBuffer>>
  /** What reads on fails. */
  close(): Promise<void>
}

const PIECE_BYTES = 64 * 1024

const PREFIX = 'tollgate-upload-'

const writeAt = promisify(write)
const readAt = promisify(read)
const closeNow = promisify(close)

/**
 * Only its owner may read it, in the folder that TMPDIR names. It loses its name in the next
 * moment, so that the system takes it back whenever the process ends, however that may be. Where an
 * open file cannot lose its name (Windows), it is removed when it is closed.
 */
export async function openSpool(): Promise<Spool> {
  const path = join(tmpdir(), `${PREFIX}${randomUUID()}`)
  const file = new OpenFile(openSync(path, 'wx+', 0o600))
  const isNameless = isUnlinked(path)
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    async write(piece) {
      let written = 0
      while (written < piece.length) {
        written += await file.write(piece.subarray(written), bytes + written)
      }
      bytes += written
    },
    read: (from, to) => readingOf(file, from, to),
    async close() {
      await file.close()
      if (!isNameless) isUnlinked(path)
    },
  }
}

/**
 * Removes what still has a name: a process died in the moment between making a file and taking its
 * name, or on a system where it has to keep it. Those of another server lose theirs anyway.
 */
export function removeLeftSpools() {
  for (const name of namesIn(tmpdir())) {
    if (name.startsWith(PREFIX)) isUnlinked(join(tmpdir(), name))
  }
}

/** None of a folder that is not there: whoever sends a form will be told. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isUnlinked(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch {
    return false
  }
}

/** It is closed when nobody is at it: by then its number may be another file's. */
class OpenFile {
  readonly #file: number
  readonly #busy = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(file: number) {
    this.#file = file
  }

  async write(piece: Uint8Array, at: number): Promise<number> {
    const { bytesWritten } = await this.#doing((file) => writeAt(file, piece, 0, piece.length, at))
    return bytesWritten
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    const { bytesRead } = await this.#doing((file) => readAt(file, into, 0, into.length, at))
    return bytesRead
  }

  async close() {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.allSettled(this.#busy)
    await closeNow(this.#file)
  }

  async #doing<Done>(what: (file: number) => Promise<Done>): Promise<Done> {
    if (this.#isClosed) throw new RangeError('a spool was used after its end')
    const doing = what(this.#file)
    this.#busy.add(doing)
    try {
      return await doing
    } finally {
      this.#busy.delete(doing)
    }
  }
}

function readingOf(file: OpenFile, from: number, to: number) {
  let at = from
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, to - at))
        const bytes = piece.length === 0 ? 0 : await file.read(piece, at)
        at += bytes
        if (bytes > 0) controller.enqueue(piece.subarray(0, bytes))
        if (at >= to) controller.close()
        else if (bytes === 0) throw new RangeError('a spool is shorter than what was written')
      },
    },
    { highWaterMark: 0 },
  )
}
