import { expect, test } from 'bun:test'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'

test('a call moves the series and what is live, and a listener does not hold up the stop', async () => {
  await using gateway = await startGateway()
  const { server } = gateway
  const response = await server.fetch('/spend/live')
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  const read = (async () => {
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) text += decoder.decode(bytes, { stream: true })
  })()
  const last = () => JSON.parse(text.trim().split('\ndata: ').at(-1)!)
  await eventually(() => expect(last().today.calls).toBe(0))

  expect((await gateway.chat()).status).toBe(200)
  const { total_spend: spent } = await gateway.customer('alice')
  await eventually(() => expect(last().today).toMatchObject({ calls: 1, spend: spent }))
  expect(last()).toMatchObject({ customers: 1, held: 0, calls_in_flight: 0 })
  const { json: now } = await server.ask('/spend/now')
  expect({ ...now, at: '' }).toEqual({ ...last(), at: '' })

  for (const query of ['', 'step=hour', 'by=model', 'by=customer', 'end_user=alice']) {
    const { json } = await server.ask(`/spend/series?${query}`)
    expect([query, json.total.spend]).toEqual([query, spent])
    expect(json.series[0].points.at(-1).spend).toBe(spent)
  }
  const stoppedAt = performance.now()
  expect(await server.stop()).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(2_000)
  await read
})
