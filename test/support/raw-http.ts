import { type AddressInfo, createServer, type Socket } from 'node:net'

/**
 * An HTTP/1.1 server on bare sockets, for doubles that must control each write.
 *
 * Not `node:http`: under Bun 1.4 it joins writes (of 90 single bytes a client saw 24 pieces), and
 * loses what was written just before the socket is destroyed.
 */
export type RawServer = {
  readonly port: number
  /** Cuts all connections. */
  close(): Promise<void>
}

export type RawRequest = {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array
}

type Answer = (request: RawRequest, reply: Reply) => Promise<void>

export async function listenRaw(answer: Answer, port = 0): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serveSocket(socket, answer)
  })
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen(port, '127.0.0.1', listening.resolve)
  await listening.promise
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      for (const socket of sockets) socket.destroy()
      return closed.promise
    },
  }
}

/** Answers the requests of one connection, each after the one before it. */
function serveSocket(socket: Socket, answer: Answer) {
  let unread = Buffer.alloc(0)
  let isBusy = false
  let isContinued = false
  let reply: Reply | null = null

  const next = async () => {
    while (!isBusy && !socket.destroyed) {
      const head = readHead(unread)
      if (head === null) return
      const body = readBody(unread.subarray(head.length), head.headers)
      if (body === null) {
        // curl sends a long body only after this.
        if (head.headers.has('expect') && !isContinued) {
          isContinued = true
          socket.write('HTTP/1.1 100 Continue\r\n\r\n')
        }
        return
      }
      unread = unread.subarray(head.length + body.length)
      isContinued = false
      isBusy = true
      const { method, path, headers } = head
      reply = new Reply(socket)
      await answer({ method, path, headers, body: body.bytes }, reply)
      isBusy = false
    }
  }
  socket.on('data', (data) => {
    unread = Buffer.concat([unread, data as Buffer])
    next().catch((error) => socket.destroy(error))
  })
  const gone = () => reply?.markClosed()
  socket.once('error', gone)
  socket.once('end', gone)
  socket.once('close', gone)
}

type Head = Omit<RawRequest, 'body'> & { readonly length: number }

/** Null: not all of it has come. */
function readHead(unread: Buffer): Head | null {
  const end = unread.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [first, ...lines] = unread.subarray(0, end).toString('latin1').split('\r\n')
  const [method, path] = first!.split(' ')
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return { method: method!, path: path!, headers, length: end + 4 }
}

type Body = { readonly bytes: Uint8Array; readonly length: number }

/** Null: not all of it has come. `length` is what it takes on the wire. */
function readBody(rest: Buffer, headers: Headers): Body | null {
  if (headers.get('transfer-encoding') === 'chunked') return readChunked(rest)
  const length = Number(headers.get('content-length') ?? 0)
  return rest.length < length ? null : { bytes: Uint8Array.from(rest.subarray(0, length)), length }
}

function readChunked(rest: Buffer): Body | null {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const length = Number.parseInt(rest.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    if (rest.length < start + length + 2) return null
    if (length === 0) return { bytes: Uint8Array.from(Buffer.concat(parts)), length: start + 2 }
    parts.push(rest.subarray(start, start + length))
    at = start + length + 2
  }
}

/** How a connection is broken off: in order (FIN), or as by a crash (RST, which loses what is unread). */
export type Drop = 'close' | 'reset'

/** The answer to one request, written as its maker says and not otherwise. */
export class Reply {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>
  readonly markClosed: () => void
  readonly #socket: Socket
  #isChunked = false
  #isOpen = true

  constructor(socket: Socket) {
    this.#socket = socket
    const closed = Promise.withResolvers<void>()
    this.closed = closed.promise
    this.markClosed = () => {
      this.#isOpen = false
      closed.resolve()
    }
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#socket.destroyed
  }

  /** Sends the status line and the headers. `bodyLength` null: the body is sent in chunks. */
  head(status: number, headers: Readonly<Record<string, string>>, bodyLength: number | null) {
    this.#isChunked = bodyLength === null
    const framing: [string, string] =
      bodyLength === null
        ? ['transfer-encoding', 'chunked']
        : ['content-length', String(bodyLength)]
    const lines = [...Object.entries(headers), framing].map(([name, value]) => `${name}: ${value}`)
    return this.#send(
      Buffer.from(`HTTP/1.1 ${status} .\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    )
  }

  /** Resolves when the kernel has the bytes; false: the connection was gone. */
  write(bytes: Uint8Array): Promise<boolean> {
    if (bytes.length === 0 || !this.#isChunked) return this.#send(bytes)
    const size = Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1')
    return this.#send(Buffer.concat([size, bytes, Buffer.from('\r\n')]))
  }

  /** Ends the body; the connection stays for the next request. */
  async end() {
    if (this.#isChunked) await this.#send(Buffer.from('0\r\n\r\n'))
  }

  drop(how: Drop) {
    if (how === 'reset') this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  #send(bytes: Uint8Array): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false)
    const sent = Promise.withResolvers<boolean>()
    this.#socket.write(bytes, (error) => sent.resolve(error === null || error === undefined))
    return Promise.race([sent.promise, this.closed.then(() => false)])
  }
}
