import { describe, expect, test } from 'bun:test'
import { readBody } from '../../src/http/request-body.ts'

const limits = { bytesMax: 10, timeoutMs: 60_000 }
const piece = (text: string) => new TextEncoder().encode(text)

const bytesOf = async (request: Request) => (await readBody(request, limits)).blob.bytes()

/** A request whose body is what `pull` gives; without a length, as one that comes in chunks. */
const requestOf = (source: UnderlyingDefaultSource<Uint8Array>, headers = {}) =>
  new Request('http://localhost/', {
    method: 'POST',
    body: new ReadableStream(source, { highWaterMark: 0 }),
    headers,
    duplex: 'half',
  } as RequestInit)

describe('a body', () => {
  test('is read whole, whether it comes in pieces, at once, or not at all', async () => {
    const pieces = ['hel', 'lo', ' you']
    const chunked = requestOf({
      pull(controller) {
        const next = pieces.shift()
        if (next === undefined) controller.close()
        else controller.enqueue(piece(next))
      },
    })
    expect(await bytesOf(chunked)).toEqual(piece('hello you'))
    const whole = new Request('http://localhost/', { method: 'POST', body: '0123456789' })
    expect(await bytesOf(whole)).toEqual(piece('0123456789'))
    const none = new Request('http://localhost/', { method: 'POST' })
    expect(await bytesOf(none)).toEqual(new Uint8Array(0))
  })

  test('without a length is read no further than four times the limit', async () => {
    let sent = 0
    let isCancelled = false
    const endless = requestOf({
      pull(controller) {
        sent += 4
        controller.enqueue(piece('four'))
      },
      cancel() {
        isCancelled = true
      },
    })
    const refused = await readBody(endless, limits).catch((error: unknown) => error)
    expect(refused).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect(sent).toBe(44)
    expect(isCancelled).toBe(true)
  })

  test.each([
    ['in chunks', {}],
    ['with a length', { 'content-length': '24' }],
  ])(
    '%s that is a little too large is read to its end, so that the client hears why',
    async (_, headers) => {
      let sent = 0
      const request = requestOf(
        {
          pull(controller) {
            if (sent === 24) return controller.close()
            sent += 4
            controller.enqueue(piece('four'))
          },
        },
        headers,
      )
      const refused = await readBody(request, limits).catch((error: unknown) => error)
      expect(refused).toMatchObject({ status: 413 })
      expect(sent).toBe(24)
    },
  )

  test('that says itself that it is far too large is not read at all', async () => {
    let isRead = false
    const pull = () => {
      isRead = true
    }
    const request = requestOf({ pull }, { 'content-length': '41' })
    const refused = await readBody(request, limits).catch((error: unknown) => error)
    expect(refused).toMatchObject({ status: 413 })
    expect(isRead).toBe(false)
  })

  test.each([
    ['in chunks', {}],
    ['with a length', { 'content-length': '9' }],
  ])('%s that does not come is given up', async (_, headers) => {
    const never = requestOf({ pull: () => new Promise(() => {}) }, headers)
    const refused = await readBody(never, { ...limits, timeoutMs: 20 }).catch((e: unknown) => e)
    expect(refused).toMatchObject({ status: 408, type: 'timeout_error' })
  })
})
