import { connect } from 'node:net'

/** An HTTP answer as it came over the wire. */
export type RawAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/** What went over one connection. */
export type Exchange = {
  /** Each answer that came, interim ones (1xx) left out. */
  readonly answers: readonly RawAnswer[]
  /** Who ended it: the server, or we after the deadline. */
  readonly end: 'closed' | 'late'
}

/**
 * Sends bytes as they are and reads answers until the server closes: no client library that would
 * mend a path, refuse a header or retry. The request should say `connection: close`. `isHead`: the
 * answers have no bodies, whatever their headers say.
 */
export function exchange(
  port: number,
  bytes: Uint8Array,
  { deadlineMs = 5_000, isHead = false } = {},
): Promise<Exchange> {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  const chunks: Buffer[] = []
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const finish = (end: Exchange['end']) => {
    clearTimeout(timer)
    socket.destroy()
    resolve({ answers: answersIn(Buffer.concat(chunks), isHead), end })
  }
  const timer = setTimeout(() => finish('late'), deadlineMs)
  socket.on('data', (chunk) => chunks.push(chunk as Buffer))
  // A reset counts as closed: what had come before it is looked at all the same.
  socket.once('error', () => finish('closed'))
  socket.once('close', () => finish('closed'))
  socket.once('connect', () => socket.write(bytes))
  return promise
}

function answersIn(wire: Buffer, isHead: boolean): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = wire
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n')
    if (headEnd === -1) return answers
    const [first, ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first!)?.[1])
    const headers = new Headers()
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
    }
    rest = rest.subarray(headEnd + 4)
    if (status < 200) continue
    const { body, length } = isHead ? NO_BODY : bodyIn(rest, headers)
    answers.push({ status, headers, body })
    rest = rest.subarray(length)
  }
}

const NO_BODY = { body: new Uint8Array(), length: 0 }

/** `length` is what it takes on the wire. */
function bodyIn(rest: Buffer, headers: Headers): { body: Uint8Array; length: number } {
  if (headers.get('transfer-encoding') === 'chunked') return chunkedIn(rest)
  const length = headers.get('content-length')
  const end = length === null ? rest.length : Number(length)
  return { body: rest.subarray(0, end), length: end }
}

function chunkedIn(rest: Buffer): { body: Uint8Array; length: number } {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at)
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16)
    if (lineEnd === -1 || !(size > 0)) return { body: Buffer.concat(parts), length: lineEnd + 4 }
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}
