import { describe, expect, test } from 'bun:test'
import { post } from '../../src/events/post.ts'
import { Gate } from '../support/gate.ts'
import { type Decision, startReceiver } from '../support/receiver.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const BODY = '{"customer_id":"zoë 😀"}'

const send = (url: string, timeoutMs = 5_000) =>
  post({ url, headers: { 'webhook-id': 'one' } }, BODY, { now: () => NOW, timeoutMs })

describe('one try', () => {
  test.each<[Decision, string | null, number | null]>([
    [{ status: 200 }, null, null],
    [{ status: 204 }, null, null],
    [{ status: 400 }, 'status 400', null],
    [{ status: 503, headers: { 'retry-after': '7' } }, 'status 503', 7_000],
    [
      { status: 429, headers: { 'retry-after': 'Tue, 24 Nov 2026 12:00:30 GMT' } },
      'status 429',
      30_000,
    ],
  ])('answered with %j says %p', async (decision, error, retryAfterMs) => {
    await using receiver = await startReceiver()
    receiver.decide(() => decision)
    const answer = await send(receiver.url)
    expect(answer).toMatchObject({ status: decision.status, error, retryAfterMs })
    expect(answer.ms).toBeWithin(0, 5_000)
    expect(receiver.requests.map(({ body }) => new TextDecoder().decode(body))).toEqual([BODY])
  })

  test('does not follow a redirect', async () => {
    await using elsewhere = await startReceiver()
    await using receiver = await startReceiver()
    receiver.decide(() => ({ status: 307, headers: { location: elsewhere.url } }))
    expect((await send(receiver.url)).error).toBe('status 307; redirects are not followed')
    expect(elsewhere.requests).toBeEmpty()
  })

  test('is over when nothing came in time', async () => {
    await using receiver = await startReceiver()
    receiver.holdAt(new Gate())
    const answer = await send(receiver.url, 50)
    expect(answer).toMatchObject({ status: null, error: 'no answer within 0.05 s' })
  })

  test('says that nobody listens, without the path of the address', async () => {
    await using receiver = await startReceiver()
    await receiver.refuse()
    const answer = await send(`${receiver.url}/secret?key=secret`)
    expect(answer).toMatchObject({ status: null, error: 'no connection: ECONNREFUSED' })
  })

  test('counts an answer whose body never ends, and reads no more than a little of it', async () => {
    await using receiver = await startReceiver()
    receiver.decide(() => ({ status: 200, isEndless: true }))
    expect((await send(receiver.url, 60_000)).error).toBeNull()
  }, 10_000)
})
