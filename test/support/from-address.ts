import { connect } from 'node:net'

/**
 * The status of a GET that comes from one of the machine's own addresses, such as 127.0.0.2, which
 * `fetch` cannot be told.
 */
export function statusFrom(localAddress: string, url: string, key: string): Promise<number> {
  const { hostname, port, host, pathname } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), localAddress })
    socket.setEncoding('latin1')
    let told = ''
    socket.on('data', (text) => {
      told += text
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(told)?.[1])))
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\n` +
        'connection: close\r\n\r\n',
    )
  })
}
