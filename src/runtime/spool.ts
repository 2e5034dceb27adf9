import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file for what is too large for memory: it is read as often as one likes, and then gone. */
export type Spool = {
  /** Adds to the end; to be waited for before the next. */
  write(piece: Uint8Array): Promise<void>
  /** How much is in it, bytes. */
  readonly bytes: number
  /** What is in it from one place to before another. */
  read(from: number, to: number): ReadableStream<Uint8Array<ArrayBuffer>>
  /** Reads that are under way fail. */
  close(): Promise<void>
}

const PIECE_BYTES = 64 * 1024

/**
 * Only its owner may read it, in the folder that TMPDIR names. It loses its name at once, so that
 * the system takes it back whenever the process ends, however that may be; where an open file
 * cannot lose its name (Windows), it is removed when it is closed.
 */
export async function openSpool(): Promise<Spool> {
  const path = join(tmpdir(), `tollgate-upload-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  const isNameless = await unlink(path).then(
    () => true,
    () => false,
  )
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    async write(piece) {
      let written = 0
      while (written < piece.length) {
        const { bytesWritten } = await file.write(piece, written, piece.length - written, bytes)
        written += bytesWritten
        bytes += bytesWritten
      }
    },
    read: (from, to) => readingOf(file, from, to),
    async close() {
      await file.close()
      if (!isNameless) await unlink(path)
    },
  }
}

function readingOf(file: FileHandle, from: number, to: number) {
  let at = from
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, to - at))
        const { bytesRead } =
          piece.length === 0 ? { bytesRead: 0 } : await file.read(piece, 0, piece.length, at)
        at += bytesRead
        if (bytesRead > 0) controller.enqueue(piece.subarray(0, bytesRead))
        if (at >= to) controller.close()
        else if (bytesRead === 0) throw new RangeError('a spool is shorter than what was written')
      },
    },
    { highWaterMark: 0 },
  )
}
