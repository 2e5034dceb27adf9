import { describe, expect, test } from 'bun:test'
import { type Source, untilUnread, watchWaiting } from '../../src/gateway/idle.ts'
import { eventually } from '../support/eventually.ts'

const PIECE = new TextEncoder().encode('piece')

/** A source that always has something, and counts. */
function endless() {
  const seen = { pulls: 0, cancels: 0 }
  const source: Source = {
    async pull(sink) {
      seen.pulls++
      sink.enqueue(PIECE)
    },
    async cancel() {
      seen.cancels++
    },
  }
  return { seen, source }
}

describe('a stream that is left unread', () => {
  test('ends in an error after its time, and its source is told once', async () => {
    const { seen, source } = endless()
    const stream = new ReadableStream(untilUnread(source, 20))
    await eventually(() => expect(seen.cancels).toBe(1))
    expect(seen.pulls).toBe(1)
    const read = stream.getReader().read()
    await expect(read).rejects.toContain('unread')
    expect(seen.cancels).toBe(1)
  })

  test('is not, while somebody reads: however long the source takes', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let cancels = 0
    let pulls = 0
    const slow: Source = {
      async pull(sink) {
        if (pulls++ > 0) await promise
        sink.enqueue(PIECE)
        if (pulls > 1) sink.close()
      },
      async cancel() {
        cancels++
      },
    }
    const reader = new ReadableStream(untilUnread(slow, 5)).getReader()
    await reader.read()
    const second = reader.read()
    let expired = false
    watchWaiting(30, () => {
      expired = true
    }).begin()
    await eventually(() => expect(expired).toBe(true))
    resolve()
    expect((await second).value).toEqual(PIECE)
    expect((await reader.read()).done).toBe(true)
    expect(cancels).toBe(0)
  })

  test('is left by its client: the source is told at once', async () => {
    const { seen, source } = endless()
    await new ReadableStream(untilUnread(source, 60_000)).cancel()
    expect(seen.cancels).toBe(1)
  })
})
