import { describe, expect, test } from 'bun:test'
import { bookedOn } from '../support/books.ts'
import { startClaude } from '../support/claude.ts'
import { type ReceivedSpan, startCollector } from '../support/collector.ts'
import { PROGRAMS } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { metricsOf, parseMetrics } from '../support/metrics.ts'
import { named, PARENT, spansOf, TRACE, tracedTo, traceparent } from '../support/traced.ts'

describe.each(PROGRAMS)('%s', (_, command) => {
  test('sends a call as a tree of spans that goes on with the trace of its client', async () => {
    await using collector = startCollector()
    const env = { OTEL_SERVICE_NAME: 'my-gateway' }
    await using gateway = await tracedTo(collector, { env, command: command() })
    gateway.upstream.next({ tokens: { cachedInput: 4, reasoning: 2 } })
    const { headers } = await gateway.chat({}, { headers: { traceparent } })
    const spans = await spansOf(collector, TRACE, 5)
    const call = named(spans, 'chat gpt-4o-mini')
    expect(call).toMatchObject({ kind: 2, parentSpanId: PARENT, status: 0 })
    const [row] = bookedOn(gateway.server.databasePath, 'alice')
    expect(call.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o-mini',
      'gen_ai.response.model': 'gpt-4o-mini',
      'gen_ai.usage.input_tokens': row!.input + 4,
      'gen_ai.usage.output_tokens': row!.output + 2,
      'gen_ai.usage.cache_read.input_tokens': 4,
      'gen_ai.usage.reasoning.output_tokens': 2,
      'http.response.status_code': 200,
      'http.route': '/chat/completions',
      'tollgate.call_id': headers.get('x-tollgate-call-id'),
      'tollgate.outcome': 'ok',
      'tollgate.usage_source': 'upstream',
      'tollgate.cost': row!.cost / 1e9,
      'tollgate.charge': row!.charge / 1e9,
    })

    const upstream = named(spans, 'upstream')
    expect(upstream).toMatchObject({ kind: 3, parentSpanId: call.spanId })
    expect(upstream.attributes).toMatchObject({ 'server.address': '127.0.0.1' })
    const steps = ['admission', 'upstream', 'settlement'].map((name) => named(spans, name))
    for (const step of steps) expect(step.parentSpanId).toBe(call.spanId)
    expect(named(spans, 'first byte').parentSpanId).toBe(upstream.spanId)
    for (const span of spans) {
      expect(span.start >= call.start && span.end <= call.end && span.start <= span.end).toBe(true)
    }
    const [admission, asked, settlement] = steps as [ReceivedSpan, ReceivedSpan, ReceivedSpan]
    expect(admission.end <= asked.start && asked.end <= settlement.start).toBe(true)

    expect(collector.resource).toMatchObject({ 'service.name': 'my-gateway' })
    const sent = gateway.upstream.calls.at(-1)!.headers.get('traceparent')
    expect(sent).toBe(`00-${TRACE}-${upstream.spanId}-01`)
  })
})

test('a stream, a refusal and a failure each have a trace that says so', async () => {
  await using collector = startCollector()
  await using gateway = await tracedTo(collector)
  const under = (n: number) => ({
    headers: { traceparent: `00-${TRACE.slice(1)}${n}-${PARENT}-01` },
  })
  const spans = (n: number, count: number) => spansOf(collector, `${TRACE.slice(1)}${n}`, count)
  await (await gateway.stream({}, under(1))).text()
  expect(named(await spans(1, 5), 'chat gpt-4o-mini').attributes).toMatchObject({
    'gen_ai.request.stream': true,
    'gen_ai.response.model': 'gpt-4o-mini',
  })
  await gateway.chat({ model: 'nobody knows this' }, under(2))
  const [, refused] = (await spans(2, 2)) as [ReceivedSpan, ReceivedSpan]
  expect(refused).toMatchObject({ name: 'chat', status: 0 })
  expect(refused.attributes).toMatchObject({
    'error.type': 'model_not_found',
    'http.response.status_code': 404,
  })
  gateway.upstream.next({ status: 500 })
  await gateway.chat({}, under(3))
  const failed = await spans(3, 4)
  expect(named(failed, 'chat gpt-4o-mini')).toMatchObject({ status: 2 })
  expect(named(failed, 'upstream')).toMatchObject({ status: 2 })
  expect(collector.text).not.toContain('nobody knows this')
})

test('a call that goes to another deployment has a span for each that was asked', async () => {
  await using collector = startCollector()
  const twin = (id: string, url: string) =>
    `  - {model_name: twins, litellm_params: {model: openai/m, api_key: k, api_base: "${url}"}, ` +
    `model_info: {id: ${id}}}\n`
  await using gateway = await tracedTo(collector, {
    settings: ({ url }) => `${twin('first', url)}${twin('second', url)}`,
  })
  gateway.upstream.next({ status: 500 })
  await gateway.chat({ model: 'twins' }, { headers: { traceparent } })
  const spans = await spansOf(collector, TRACE, 6)
  expect(named(spans, 'chat twins')).toMatchObject({ status: 0 })
  const [failed, answered] = spans
    .filter(({ name }) => name === 'upstream')
    .sort((a, b) => a.status - b.status)
    .reverse() as [ReceivedSpan, ReceivedSpan]
  expect([failed.status, answered.status]).toEqual([2, 0])
  expect(failed.end <= answered.start).toBe(true)
  expect(failed.attributes['tollgate.deployment']).not.toBe(
    answered.attributes['tollgate.deployment'],
  )
  expect(named(spans, 'first byte').parentSpanId).toBe(answered.spanId)
  const sent = gateway.upstream.calls.map(
    ({ headers }) => headers.get('traceparent')!.split('-')[2],
  )
  expect(sent).toEqual([failed.spanId, answered.spanId])
})

test('Anthropic tells its model in a stream, and what is free of charge is traced too', async () => {
  await using collector = startCollector()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '20' }
  await using claude = await startClaude({ env })
  const messages = [{ role: 'user', content: 'Say hello' }]
  const json = { model: 'claude', messages, max_tokens: 100 }
  const headers = { traceparent }
  const ask = (path: string, more: object) =>
    claude.server.ask(path, { json: { ...json, ...more }, headers })
  await ask('/v1/messages', { stream: true })
  const streamed = named(await spansOf(collector, TRACE, 5), 'chat claude')
  expect(streamed.attributes).toMatchObject({
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.response.model': 'claude-sonnet-4-5',
    'gen_ai.request.stream': true,
  })
  await claude.server.ask('/v1/messages/count_tokens', {
    json: { model: 'claude', messages },
    headers,
  })
  const all = await spansOf(collector, TRACE, 9)
  const counted = all.find(({ name }) => name === 'messages_count_tokens claude')!
  const below = all.filter(({ parentSpanId }) => parentSpanId === counted.spanId)
  expect(below.map(({ name }) => name).sort()).toEqual(['admission', 'upstream'])
  expect(counted.attributes['http.response.status_code']).toBe(200)
  const { server } = claude
  const metrics = parseMetrics((await server.ask('/metrics')).text)
  const answered = metricsOf(metrics, 'tollgate_attempts_total', { result: 'answered' })
  expect(answered.map(({ value }) => value)).toEqual([2])
  expect(metricsOf(metrics, 'tollgate_calls_total').map(({ value }) => value)).toEqual([1])
})

test('no trace holds what was said, a key, or (unless it is asked for) whose call it is', async () => {
  await using collector = startCollector()
  const env = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20sk-collector,x-team=a' }
  await using gateway = await tracedTo(collector, { env })
  const messages = [{ role: 'user', content: 'a secret prompt' }]
  gateway.upstream.next({ text: 'a secret answer' })
  await gateway.chat({ user: 'alice-the-customer', messages })
  await eventually(() => expect(collector.spans).toHaveLength(5))
  for (const secret of ['secret prompt', 'secret answer', 'sk-', 'alice-the-customer']) {
    expect([secret, collector.text.includes(secret)]).toEqual([secret, false])
  }
  const [request] = collector.requests
  expect(request!.path).toBe('/v1/traces')
  expect(request!.headers.get('authorization')).toBe('Bearer sk-collector')
  expect(request!.headers.get('x-team')).toBe('a')
  expect(gateway.server.output()).not.toContain('sk-collector')

  await using other = startCollector()
  const settings = 'tollgate_settings: {traces_with_customer: true}\n'
  await using told = await tracedTo(other, { settings })
  await told.chat({ user: 'alice' })
  await eventually(() => expect(other.spans).toHaveLength(5))
  const { attributes } = named(other.spans, 'chat gpt-4o-mini')
  expect(attributes['tollgate.customer_id']).toBe('alice')
})

test('what the client decided not to keep is not kept, and told upstream all the same', async () => {
  await using collector = startCollector()
  await using gateway = await tracedTo(collector)
  await gateway.chat({}, { headers: { traceparent: `00-${TRACE}-${PARENT}-00` } })
  const sent = gateway.upstream.calls.at(-1)!.headers.get('traceparent')!
  expect(sent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
  expect(sent).not.toContain(PARENT)
  await gateway.chat()
  await eventually(() => expect(collector.spans).toHaveLength(5))
  expect(collector.spans.some(({ traceId }) => traceId === TRACE)).toBe(false)
})

test('a sampler of the environment decides', async () => {
  await using collector = startCollector()
  const env = { OTEL_TRACES_SAMPLER: 'always_off' }
  await using gateway = await tracedTo(collector, { env })
  await gateway.chat({}, { headers: { traceparent } })
  expect(gateway.upstream.calls.at(-1)!.headers.get('traceparent')).toMatch(/-00$/)
  expect(await gateway.server.stop()).toBe(0)
  expect(collector.requests).toEqual([])
})

test('without a collector the trace of the client goes upstream as it is', async () => {
  await using gateway = await startGateway()
  await gateway.chat({}, { headers: { traceparent, tracestate: 'a=b' } })
  const { headers } = gateway.upstream.calls.at(-1)!
  expect(headers.get('traceparent')).toBe(traceparent)
  expect(headers.get('tracestate')).toBe('a=b')
})
