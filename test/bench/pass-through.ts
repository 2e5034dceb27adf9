/**
 * The bare proxy: what is left of a gateway when it does nothing. No gateway on this runtime can be
 * faster, so it is what Tollgate is measured against.
 *
 *     bun test/bench/pass-through.ts http://127.0.0.1:4000
 */
const upstream = process.argv[2]

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url)
    const answer = await fetch(`${upstream}${pathname}`, {
      method: request.method,
      headers: {
        authorization: request.headers.get('authorization') ?? '',
        'content-type': 'application/json',
        'accept-encoding': 'identity',
      },
      body: await request.arrayBuffer(),
    })
    const contentType = answer.headers.get('content-type') ?? ''
    return new Response(answer.body, {
      status: answer.status,
      headers: { 'content-type': contentType },
    })
  },
})
console.log(`The bare pass-through is listening on ${server.url.origin}`)
