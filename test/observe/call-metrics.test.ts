import { expect, test } from 'bun:test'
import { Refusal } from '../../src/errors.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { Observation } from '../../src/gateway/observation.ts'
import { nanos, ZERO } from '../../src/ledger/money.ts'
import { amountsOf, type LedgerRow } from '../../src/ledger/settlement.ts'
import { CallMetrics } from '../../src/observe/call-metrics.ts'
import { exposed } from '../../src/observe/exposition.ts'
import { metricsOf, nanosIn, parseMetrics, sumOf } from '../support/metrics.ts'
import { deployment } from '../support/world.ts'

const row = (of: Partial<LedgerRow>): LedgerRow => ({
  id: '01',
  tab: 1,
  customerId: 'alice',
  keyId: null,
  model: 'm',
  deployment: 'd',
  outcome: 'ok',
  usageSource: 'upstream',
  usage: { input: 1 },
  price: null,
  ...amountsOf(ZERO),
  startedAt: 0,
  settledAt: 0,
  ...of,
})

const metricsWith = (byCustomer: boolean) =>
  new CallMetrics({ isServed: (model) => model === 'm', byCustomer })
const read = (metrics: CallMetrics) => parseMetrics(exposed(metrics.families()))

test('so many customers and no more have numbers of their own', () => {
  const metrics = metricsWith(true)
  for (let n = 0; n < 1_500; n++) {
    metrics.booked(row({ customerId: `customer ${n}`, charge: nanos(3) }))
  }
  metrics.booked(row({ customerId: 'customer 0', charge: nanos(1) }))
  const charges = metricsOf(read(metrics), 'tollgate_customer_charge_dollars_total')
  expect(charges).toHaveLength(1_001)
  const chargeOf = (id: string) => charges.filter(({ labels }) => labels['customer'] === id)
  expect(chargeOf('customer 0').map(nanosIn)).toEqual([4n])
  expect(chargeOf('other').map(nanosIn)).toEqual([1_500n])
})

test('customers make no label unless they are asked for', () => {
  const metrics = metricsWith(false)
  metrics.booked(row({ customerId: 'alice' }))
  expect(read(metrics).filter(({ labels }) => 'customer' in labels)).toEqual([])
})

test('a row of a model that the config has no more is counted without a name', () => {
  const metrics = metricsWith(false)
  metrics.booked(row({ model: 'whatever a client wrote' }))
  expect(metricsOf(read(metrics), 'tollgate_calls_total')).toMatchObject([
    { labels: { outcome: 'ok', usage_source: 'upstream' }, value: 1 },
  ])
})

test('what is not counted in tokens is no token', () => {
  const metrics = metricsWith(false)
  metrics.booked(row({ usage: { input: 5, images: 2, audioMs: 1_500 } }))
  const told = read(metrics)
  expect(sumOf(told, 'tollgate_tokens_total')).toBe(5)
  expect(sumOf(told, 'tollgate_units_total', { unit: 'images' })).toBe(2)
  expect(sumOf(told, 'tollgate_units_total', { unit: 'audio_milliseconds' })).toBe(1_500)
})

test('an observation is told once, when the call is answered and settled', () => {
  const told: string[] = []
  const begin = () =>
    new Observation({ id: '01', endpoint: ENDPOINTS.CHAT, headers: new Headers() }, [
      { over: ({ status }) => void told.push(String(status)) },
    ])
  const stream = begin()
  stream.admitted()
  stream.answered(200)
  expect(told).toEqual([])
  stream.settled()
  const json = begin()
  json.admitted()
  json.settled()
  expect(told).toEqual(['200'])
  json.answered(201)
  begin().failed(new Refusal('rate_limited', 'Too many.'))
  begin().failed(new TypeError('our own'))
  expect(told).toEqual(['200', '201', '429', '500'])
})

test('a watcher that throws does not throw into the call, nor keep the others from being told', () => {
  const told: string[] = []
  const headers = new Headers({ traceparent: 'theirs' })
  const broken = () => {
    throw new Error('broken')
  }
  const seen = new Observation({ id: '01', endpoint: ENDPOINTS.CHAT, headers }, [
    { began: broken, asking: broken, over: broken },
    { asking: () => ({ traceparent: 'ours' }), over: ({ id }) => void told.push(id) },
  ])
  expect(seen.asking(deployment, headers).get('traceparent')).toBe('ours')
  expect(headers.get('traceparent')).toBe('theirs')
  seen.answered(200)
  expect(told).toEqual(['01'])
})
