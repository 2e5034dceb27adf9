import { expect, test } from 'bun:test'
import { startCollector } from '../support/collector.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { metricsOf, parseMetrics } from '../support/metrics.ts'
import type { Server } from '../support/server.ts'
import { tracedTo } from '../support/traced.ts'

/** A collector that is slow, fails, or is gone: what becomes of spans, and of calls. */

const countsOf = async (server: Server): Promise<Record<string, number>> => {
  const metrics = parseMetrics((await server.ask('/metrics')).text)
  const counts = metricsOf(metrics, 'tollgate_spans_total')
  return Object.fromEntries(counts.map(({ labels, value }) => [labels['result'], value]))
}

test('a collector that hangs delays no call, and is sent no more than fits its queue', async () => {
  await using collector = startCollector()
  const gate = new Gate()
  collector.holdAt(gate)
  const env = { OTEL_BSP_MAX_QUEUE_SIZE: '20', OTEL_EXPORTER_OTLP_TIMEOUT: '60000' }
  await using gateway = await tracedTo(collector, { env })
  const calls = 40
  for (let n = 0; n < calls; n++) expect((await gateway.chat()).status).toBe(200)
  await gate.reached
  const { dropped, sent, failed } = await countsOf(gateway.server)
  expect([sent, failed]).toEqual([0, 0])
  expect(dropped).toBe(calls * 5 - 20)
  gate.open()
  await eventually(async () => expect((await countsOf(gateway.server))['sent']).toBe(20))
  expect(await gateway.server.stop()).toBe(0)
})

test('a collector that fails is told of once, and so is its recovery', async () => {
  await using collector = startCollector()
  collector.fail(400)
  await using gateway = await tracedTo(collector)
  const { server } = gateway
  for (let n = 1; n <= 2; n++) {
    await gateway.chat()
    await eventually(async () => expect((await countsOf(server))['failed']).toBe(n * 5))
  }
  collector.recover()
  await gateway.chat()
  await eventually(async () => expect((await countsOf(server))['sent']).toBe(5))
  const told = server
    .output()
    .split('\n')
    .filter((line) => line.includes('collector takes'))
  expect(told.map((line) => JSON.parse(line).message)).toEqual([
    'the collector takes no traces; calls go on',
    'the collector takes traces again',
  ])
})

test('what was not sent yet is sent when the server stops', async () => {
  await using collector = startCollector()
  await using gateway = await tracedTo(collector, { env: { OTEL_BSP_SCHEDULE_DELAY: '60000' } })
  await gateway.chat()
  expect(await gateway.server.stop()).toBe(0)
  expect(collector.spans).toHaveLength(5)
})

test.each(['fails', 'hangs'])(
  'the server stops in good order when its collector %s',
  async (how) => {
    await using collector = startCollector()
    if (how === 'fails') collector.fail(400)
    else collector.holdAt(new Gate())
    await using gateway = await tracedTo(collector, { env: { OTEL_BSP_SCHEDULE_DELAY: '60000' } })
    await gateway.chat()
    expect(await gateway.server.stop()).toBe(0)
    expect(collector.requests).toHaveLength(1)
    expect(gateway.server.output()).not.toContain('"level":"error"')
  },
)
