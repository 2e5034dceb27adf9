import { connect, type Socket } from 'node:net'
import { eventually } from '../support/eventually.ts'
import type { Server } from '../support/server.ts'

/** Streams that were opened and are left so. */
export type HeldStreams = {
  /** Resolves with how many came to their end, when all have or none has for a while. */
  ended(): Promise<number>
}

/** How many are opened at a time: a listener's queue has an end. */
const AT_ONCE = 100
const DEADLINE = { deadlineMs: 60_000 }

/** Opens so many streams of the model `held`, on bare sockets; resolves when each has begun. */
export async function holdOpen(server: Server, streams: number): Promise<HeldStreams> {
  const body = JSON.stringify({
    model: 'held',
    user: 'held',
    stream: true,
    messages: [{ role: 'user', content: 'wait' }],
  })
  const request =
    'POST /v1/chat/completions HTTP/1.1\r\nhost: tollgate\r\n' +
    `authorization: Bearer ${server.key}\r\ncontent-type: application/json\r\n` +
    `content-length: ${body.length}\r\n\r\n${body}`
  const port = Number(new URL(server.url).port)
  let begun = 0
  let ended = 0
  const open = (): Socket => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.on('data', (piece) => {
      if (text === '') begun++
      text += piece.toString()
      if (!text.includes('data: [DONE]')) return
      ended++
      socket.destroy()
    })
    socket.on('error', (error) => console.error(`a held stream: ${error.message}`))
    return socket
  }
  for (let opened = 0; opened < streams; ) {
    const now = Math.min(AT_ONCE, streams - opened)
    for (let n = 0; n < now; n++) open()
    opened += now
    await until(() => begun === opened, `of ${opened} streams ${begun} have begun`)
  }
  return {
    async ended() {
      await until(() => ended === streams, 'not all have ended').catch(() => {})
      return ended
    },
  }
}

const until = (isDone: () => boolean, otherwise: string) =>
  eventually(() => {
    if (!isDone()) throw new Error(otherwise)
  }, DEADLINE)
