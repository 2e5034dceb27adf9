import { connect } from 'node:net'
import type { Server } from './server.ts'

/** A client on a bare socket, for requests that no library would send and answers that none would leave unread. */
export type RawClient = Disposable & {
  /** Resolves when the kernel has taken it all; never, while the server does not read. */
  send(text: string | Uint8Array): Promise<void>
  /** Takes nothing more from the kernel, until `resume`. */
  pause(): void
  resume(): void
  /** All that came so far. */
  text(): string
  /** The last of it. */
  tail(): string
  /** How much that is, in bytes. */
  received(): number
  /** Resolves when the server has closed the connection, in order or not. */
  readonly closed: Promise<void>
}

export async function connectRaw(server: Server): Promise<RawClient> {
  const { hostname, port } = new URL(server.url)
  const pieces: Buffer[] = []
  let bytes = 0
  const closed = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const socket = connect(Number(port), hostname, () => opened.resolve())
  socket.on('data', (piece) => {
    const received = piece as Buffer
    bytes += received.length
    pieces.push(received)
  })
  // What is written to a connection that the server has closed fails; that is what is tested.
  socket.on('error', () => closed.resolve())
  socket.on('end', () => closed.resolve())
  socket.on('close', () => closed.resolve())
  await opened.promise
  return {
    send: (text) => new Promise((resolve) => socket.write(text, () => resolve())),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    text: () => Buffer.concat(pieces).toString('latin1'),
    tail: () => Buffer.concat(pieces.slice(-2)).toString('latin1'),
    received: () => bytes,
    closed: closed.promise,
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** The head of a POST with the master key, up to where its body begins. */
export const headOf = (server: Server, path: string, ...headers: string[]): string =>
  [
    `POST ${path} HTTP/1.1`,
    'host: tollgate',
    `authorization: Bearer ${server.key}`,
    'content-type: application/json',
    ...headers,
    '\r\n',
  ].join('\r\n')

/** A piece of a body that is sent in chunks. */
export const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
