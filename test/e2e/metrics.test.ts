import { afterAll, beforeAll, expect, test } from 'bun:test'
import { rowsOf } from '../support/books.ts'
import { PROGRAMS } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { mediaModels } from '../support/media-calls.ts'
import { type Metric, metricsOf, nanosIn, parseMetrics, sumOf } from '../support/metrics.ts'
import { startReceiver } from '../support/receiver.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

async function metricsFrom({ server }: Gateway): Promise<Metric[]> {
  const { status, headers, text } = await server.ask('/metrics')
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return parseMetrics(text)
}

const labelsOf = (metrics: readonly Metric[], label: string): Set<string> =>
  new Set(metrics.flatMap(({ labels }) => labels[label] ?? []))

type Sums = { model: string; calls: number; input: number; output: number; cost: number }

const SUMS = `SELECT model, count(*) AS calls, sum(input) AS input, sum(output) AS output,
  sum(cost) AS cost, sum(charge) AS charge FROM ledger GROUP BY model ORDER BY model`

test('what was counted is what the ledger has, to the token and the nano-dollar', async () => {
  const { upstream, server } = gateway
  upstream.next({ tokens: { cachedInput: 7, reasoning: 3 } })
  await gateway.chat()
  await (await gateway.stream()).text()
  await gateway.chat({ model: 'renamed', user: 'bob' })
  upstream.next({ usage: 'absent' })
  await gateway.chat()
  upstream.next({ status: 400 })
  await gateway.chat()
  const death = new Gate()
  const fifth = { events: 5 }
  upstream.next({ deltas: 9, holds: [{ gate: death, at: fifth }], dies: { after: fifth } })
  const [first, rest] = (await gateway.stream()).body!.tee()
  await first.getReader().read()
  death.open()
  await new Response(rest).text()
  const gate = new Gate()
  upstream.next({ deltas: 9, holds: [{ gate, at: fifth }] })
  const controller = new AbortController()
  const left = await gateway.stream({ user: 'carol' }, { signal: controller.signal })
  await left.body!.getReader().read()
  expect(sumOf(await metricsFrom(gateway), 'tollgate_open_streams')).toBe(1)
  controller.abort()

  await eventually(async () => {
    const metrics = await metricsFrom(gateway)
    expect(sumOf(metrics, 'tollgate_calls_total')).toBe(7)
    expect(sumOf(metrics, 'tollgate_open_streams')).toBe(0)
  })
  const metrics = await metricsFrom(gateway)
  const rows = rowsOf<Sums & { charge: number }>(server.databasePath, SUMS)
  expect(rows.map(({ model }) => model)).toEqual(['gpt-4o-mini', 'renamed'])
  for (const { model, calls, input, output, cost, charge } of rows) {
    expect(sumOf(metrics, 'tollgate_calls_total', { model })).toBe(calls)
    expect(sumOf(metrics, 'tollgate_tokens_total', { model, kind: 'input' })).toBe(input)
    expect(sumOf(metrics, 'tollgate_tokens_total', { model, kind: 'output' })).toBe(output)
    const dollars = (name: string) => metricsOf(metrics, name, { model }).map(nanosIn)
    expect(dollars('tollgate_cost_dollars_total')).toEqual([BigInt(cost)])
    expect(dollars('tollgate_charge_dollars_total')).toEqual([BigInt(charge)])
  }
  const model = 'gpt-4o-mini'
  expect(sumOf(metrics, 'tollgate_tokens_total', { model, kind: 'cached_input' })).toBe(7)
  const ended = (outcome: string, usage_source: string) =>
    sumOf(metrics, 'tollgate_calls_total', { model, outcome, usage_source })
  expect(ended('ok', 'upstream')).toBe(2)
  expect(ended('ok', 'estimated')).toBe(1)
  expect(ended('upstream_failed', 'none')).toBe(1)
  expect(ended('interrupted', 'estimated')).toBe(1)
  expect(ended('client_closed', 'estimated')).toBe(1)
  const took = (name: string, stream: string) =>
    sumOf(metrics, `tollgate_${name}_seconds_count`, { model, stream })
  expect([took('call_duration', 'false'), took('call_duration', 'true')]).toEqual([3, 3])
  // The refusal of an upstream is no first byte of an answer.
  expect([took('time_to_first_byte', 'false'), took('time_to_first_byte', 'true')]).toEqual([2, 3])
  expect(sumOf(metrics, 'tollgate_commit_duration_seconds_count')).toBeGreaterThan(0)
})

test('refusals are counted by reason, and what a client writes makes no label', async () => {
  const { server } = gateway
  await server.ask('/customer/new', { json: { user_id: 'poor', max_budget: 0 } })
  await gateway.chat({ user: 'poor' })
  for (const model of ['nobody-1', 'nobody-2', '"}\n']) await gateway.chat({ model })
  await gateway.chat({}, { headers: { authorization: 'Bearer sk-wrong' } })
  await gateway.chat({ model: 7 })
  const metrics = await metricsFrom(gateway)
  const refused = (reason: string, model?: string) =>
    metricsOf(metrics, 'tollgate_refusals_total', { reason })
      .filter(({ labels }) => labels['model'] === model)
      .map(({ value }) => value)
  expect(refused('budget_exceeded', 'gpt-4o-mini')).toEqual([1])
  expect(refused('model_not_found')).toEqual([3])
  expect(refused('unauthorized')).toEqual([1])
  expect(refused('invalid_request')).toEqual([1])
  const answered = (status: string) => sumOf(metrics, 'tollgate_answers_total', { status })
  expect([answered('429'), answered('404'), answered('401')]).toEqual([1, 3, 1])
  expect([...labelsOf(metrics, 'model')].sort()).toEqual(['gpt-4o-mini', 'renamed'])
  expect(labelsOf(metrics, 'customer').size).toBe(0)
})

test('each deployment that was asked is counted, with what came of it', async () => {
  const attempts = async (result: string) => {
    const metrics = await metricsFrom(two)
    const of = metricsOf(metrics, 'tollgate_attempts_total', { result })
    return Object.fromEntries(of.map(({ labels, value }) => [labels['deployment'], value]))
  }
  const entry = (id: string, url: string) =>
    `  - {model_name: twins, litellm_params: {model: openai/m, api_key: k, api_base: "${url}"}, ` +
    `model_info: {id: ${id}}}\n`
  await using two = await startGateway({
    settings: ({ url }) => `${entry('first', url)}${entry('second', url)}`,
  })
  two.upstream.next({ status: 500 })
  expect((await two.chat({ model: 'twins' })).status).toBe(200)
  const [failed] = Object.keys(await attempts('failed'))
  expect(['first', 'second']).toContain(failed!)
  expect(await attempts('failed')).toEqual({ [failed!]: 1 })
  expect(await attempts('answered')).toEqual({ [failed === 'first' ? 'second' : 'first']: 1 })
  const metrics = await metricsFrom(two)
  expect(sumOf(metrics, 'tollgate_answers_total', { model: 'twins', status: '200' })).toBe(1)
  expect(sumOf(metrics, 'tollgate_refusals_total')).toBe(0)
})

test('a client that leaves before it is answered is no failure of the upstream', async () => {
  const before = sumOf(await metricsFrom(gateway), 'tollgate_refusals_total')
  const gate = new Gate()
  gateway.upstream.next({ holds: [{ gate, at: 'headers' }] })
  const controller = new AbortController()
  const answer = gateway.chat({}, { signal: controller.signal }).catch(() => null)
  await gate.reached
  controller.abort()
  expect(await answer).toBeNull()
  await eventually(async () => {
    const metrics = await metricsFrom(gateway)
    expect(sumOf(metrics, 'tollgate_answers_total', { status: '499' })).toBe(1)
    expect(sumOf(metrics, 'tollgate_refusals_total')).toBe(before)
  })
})

test('a call that is under way is seen, with the money that is held for it', async () => {
  const gate = new Gate()
  gateway.upstream.next({ holds: [{ gate, at: 'headers' }] })
  const answer = gateway.chat({ max_tokens: 10 })
  await gate.reached
  const during = await metricsFrom(gateway)
  expect(sumOf(during, 'tollgate_calls_in_flight')).toBe(1)
  expect(sumOf(during, 'tollgate_held_reservations')).toBe(1)
  expect(sumOf(during, 'tollgate_held_dollars')).toBeGreaterThan(0)
  gate.open()
  await answer
  const after = await metricsFrom(gateway)
  for (const name of ['calls_in_flight', 'held_reservations', 'held_dollars', 'calls_draining']) {
    expect([name, sumOf(after, `tollgate_${name}`)]).toEqual([name, 0])
  }
})

test.each(PROGRAMS)('the process and the database are told of by %s', async (name, command) => {
  await using program = await startGateway({ command: command() })
  await program.chat()
  const metrics = await metricsFrom(program)
  const value = (of: string) => metricsOf(metrics, of)[0]!.value
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
  const upSeconds = Date.now() / 1000 - value('process_start_time_seconds')
  expect(upSeconds).toBeGreaterThan(0)
  expect(upSeconds).toBeLessThan(600)
  expect(value('tollgate_database_writable')).toBe(1)
  await eventually(async () => {
    const now = await metricsFrom(program)
    expect(metricsOf(now, 'tollgate_flush_queue_length')[0]!.value).toBe(0)
    expect(metricsOf(now, 'tollgate_flush_queue_oldest_seconds')[0]!.value).toBe(0)
  })
  const [build] = metricsOf(metrics, 'tollgate_build_info')
  const runtime = name.includes('Deno') ? 'deno' : 'bun'
  const some = expect.stringMatching(/^\d+\.\d+/)
  expect(build!.labels).toEqual({ version: some, runtime, runtime_version: some })
})

test('deliveries are counted by receiver, with what waits and what is given up', async () => {
  await using receiver = await startReceiver()
  const hook = `{name: crm, url: "${receiver.url}"}`
  await using told = await startGateway({ settings: `tollgate_settings: {webhooks: [${hook}]}\n` })
  receiver.fail(1, 410)
  await told.chat()
  await told.chat()
  await eventually(async () => {
    const metrics = await metricsFrom(told)
    const of = (name: string, labels: object) =>
      metricsOf(metrics, `tollgate_${name}`, { receiver: 'crm', ...labels }).map((m) => m.value)
    expect(of('deliveries_total', { result: 'dead' })).toEqual([1])
    expect(of('deliveries_total', { result: 'delivered' })).toEqual([1])
    expect(of('outbox_events', { status: 'pending' })).toEqual([0])
    expect(of('outbox_events', { status: 'dead' })).toEqual([1])
  })
})

test('what is not paid for by the token is counted in its own unit', async () => {
  await using media = await startGateway({ settings: mediaModels })
  const json = { model: 'tts-1', input: 'Hello there', voice: 'alloy', response_format: 'pcm' }
  const { status } = await media.server.ask('/v1/audio/speech', { json })
  expect(status).toBe(200)
  const metrics = await metricsFrom(media)
  const model = 'tts-1'
  expect(sumOf(metrics, 'tollgate_units_total', { model, unit: 'characters' })).toBe(11)
  expect(sumOf(metrics, 'tollgate_time_to_first_byte_seconds_count', { model })).toBe(1)
  const [{ cost } = { cost: 0 }] = rowsOf<Sums>(media.server.databasePath, SUMS)
  expect(metricsOf(metrics, 'tollgate_cost_dollars_total', { model }).map(nanosIn)).toEqual([
    BigInt(cost),
  ])
})

test('customers are told apart if the config asks for it', async () => {
  const settings = 'tollgate_settings: {metrics_by_customer: true}\n'
  await using told = await startGateway({ settings })
  await told.chat({ user: 'alice "A"' })
  await told.chat({ user: 'bob' })
  await told.chat({ user: 'bob' })
  const metrics = await metricsFrom(told)
  expect(sumOf(metrics, 'tollgate_customer_calls_total', { customer: 'bob' })).toBe(2)
  const [alice] = metricsOf(metrics, 'tollgate_customer_charge_dollars_total', {
    customer: 'alice "A"',
  })
  const { spend } = await told.customer('alice "A"')
  expect(nanosIn(alice!)).toBe(BigInt(Math.round(spend * 1e9)))
})
