import {
  closeSync,
  existsSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/** Makes an empty file that only its owner may read, unless there is one already. */
export const makeFile = (path: string) => closeSync(openSync(path, 'a', 0o600))

export const removeFile = (path: string) => rmSync(path, { force: true })

/** Gives a file the name of another, in whose place it then is, also after a loss of power. */
export function replaceFile(path: string, by: string) {
  sync(by)
  renameSync(by, path)
  sync(dirname(path))
}

function sync(path: string) {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** A file that others write to, for who brings it to the disk. */
export type SyncedFile = {
  readonly path: string
  /** Resolves when all that was written is on the disk; meanwhile everybody has their turn. */
  sync(): Promise<void>
  /** For when SQLite is done with the file. */
  close(): void
}

const onDisk = promisify(fsync)

/**
 * It is kept open in between: whoever closes a file takes away the locks that SQLite has on it in
 * the same process (https://www.sqlite.org/howtocorrupt.html, 2.2).
 */
export function syncedFile(path: string): SyncedFile {
  let file: number | null = null
  return {
    path,
    sync() {
      file ??= openSync(path, 'r+')
      return onDisk(file)
    },
    close() {
      if (file !== null) closeSync(file)
      file = null
    },
  }
}

/** Null: there is none. */
export function lookAtFile(path: string): FileFacts | null {
  if (!existsSync(path)) return null
  const { nlink, size } = statSync(path)
  return { realPath: realpathSync(path), names: nlink, bytes: size }
}

export type FileFacts = {
  /** Links followed. */
  readonly realPath: string
  /** How many hard links it has. */
  readonly names: number
  readonly bytes: number
}

/** Writes a file that only its owner can read, and sees to it that it is on the disk. */
export async function writeFile(path: string, pieces: AsyncIterable<string>) {
  const file = openSync(path, 'w', 0o600)
  try {
    for await (const piece of pieces) writeSync(file, piece)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes a file no longer than so many bytes. */
export function cutFile(path: string, bytes: number) {
  const file = openSync(path, 'r+')
  try {
    ftruncateSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * Writes text into a file from a byte on, in place of whatever is there, and sees to it that it is
 * on the disk. A new file is its owner's alone to read. Answers how long the file is then, bytes.
 */
export function writeFrom(path: string, offset: number, text: string): number {
  makeFile(path)
  const file = openSync(path, 'r+')
  try {
    ftruncateSync(file, offset)
    const bytes = new TextEncoder().encode(text)
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(file, bytes, written, bytes.length - written, offset + written)
    }
    fsyncSync(file)
    return offset + bytes.length
  } finally {
    closeSync(file)
  }
}

/** The first bytes of a file, as text. */
export function startOf(path: string, bytes: number): string {
  const file = openSync(path, 'r')
  try {
    const start = new Uint8Array(bytes)
    return new TextDecoder().decode(start.subarray(0, readSync(file, start, 0, bytes, 0)))
  } finally {
    closeSync(file)
  }
}
