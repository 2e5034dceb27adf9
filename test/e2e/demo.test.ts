import { expect, test } from 'bun:test'
import { startServer } from '../support/server.ts'

test('the demo model reports usage in its streams too, so nothing has to be estimated', async () => {
  await using server = await startServer()
  const json = {
    model: 'demo',
    user: 'streamer',
    stream: true,
    messages: [{ role: 'user', content: 'what time is it' }],
  }
  const { text } = await server.ask('/chat/completions', { json })
  expect(text).toEndWith('data: [DONE]\n\n')
  expect(text).not.toContain('"usage":{')
  const { json: customer } = await server.ask('/customer/info?end_user_id=streamer')
  // 4 tokens at $3 a million, 25 at $15, as for the answer in one piece.
  expect(customer.spend).toBe(0.000387)
})
