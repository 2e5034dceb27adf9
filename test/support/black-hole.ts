import { connect, type Socket } from 'node:net'

/** An address that takes no connection and refuses none: a host that is down behind a firewall. */
export type BlackHole = Disposable & { readonly url: string }

/** Listens with the shortest queue there is, says where, and then never looks at it again. */
const LISTENER = `
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port) + '\\n')
  process.kill(process.pid, 'SIGSTOP')
})`

const CONNECTED_MS_MAX = 300
const QUEUE_MAX = 1_024

/**
 * The kernel completes connections for a listener that does not accept them, until its queue is
 * full; from then on it drops what would open another.
 */
export async function openBlackHole(): Promise<BlackHole> {
  const listener = Bun.spawn(['node', '-e', LISTENER], { stdin: 'ignore', stdout: 'pipe' })
  const { value } = await listener.stdout.getReader().read()
  const port = Number(new TextDecoder().decode(value))
  const sockets: Socket[] = []
  let isFull = false
  while (!isFull && sockets.length < QUEUE_MAX) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    socket.once('connect', () => resolve(false))
    socket.once('error', reject)
    const timer = setTimeout(() => resolve(true), CONNECTED_MS_MAX)
    isFull = await promise
    clearTimeout(timer)
  }
  if (!isFull) throw new Error(`the queue of port ${port} is not full after ${QUEUE_MAX}`)
  return {
    url: `http://127.0.0.1:${port}/v1`,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
      listener.kill('SIGKILL')
    },
  }
}
