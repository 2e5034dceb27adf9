import { expect, test } from 'bun:test'
import { Gate } from '../support/gate.ts'
import { startGateway } from '../support/gateway.ts'

test('an upstream that stalls in an answer of one piece is given up after the time-out', async () => {
  await using gateway = await startGateway({ params: ['timeout: 0.3'] })
  gateway.upstream.next({ holds: [{ gate: new Gate(), at: { bytes: 40 } }] })
  const { status, json } = await gateway.chat({ user: 'waiting' })
  expect([status, json.error.type]).toEqual([504, 'timeout_error'])
  expect(json.error.message).toBe('The upstream of `gpt-4o-mini` sent nothing for 0.3 s.')
  expect(await gateway.customer('waiting')).toMatchObject({ spend: 0, held: 0 })
})

test('an answer in one piece that is cut off by a shutdown says so', async () => {
  await using gateway = await startGateway({
    settings: 'tollgate_settings: {shutdown_timeout: 0}\n',
  })
  const { upstream, server } = gateway
  const gate = new Gate()
  upstream.next({ holds: [{ gate, at: { bytes: 40 } }] })
  const answer = gateway.chat({ user: 'waiting' })
  await gate.reached
  expect(await server.stop()).toBe(0)
  const { status, json } = await answer
  expect([status, json.error.type]).toEqual([503, 'overloaded'])
})
