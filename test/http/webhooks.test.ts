import { describe, expect, test } from 'bun:test'
import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { delivery, fakeWebhooks } from './fake-deliveries.ts'
import { NOW } from './fake-store.ts'
import { gatewayWith } from './gateway.ts'

const gatewayOf = (...about: Parameters<typeof fakeWebhooks>) => {
  const { parts, did } = fakeWebhooks(...about)
  return { ...gatewayWith(parts), did }
}

test('the receivers are listed with what waits for them, and without their secrets', async () => {
  const { get } = gatewayOf([delivery(1), delivery(2, { status: 'dead' })])
  const { status, json } = await get('/webhook/receivers')
  expect(status).toBe(200)
  expect(json).toEqual([
    {
      name: 'default',
      url: 'https://example.com/…',
      events: [
        'spend_tracked',
        'soft_budget_crossed',
        'threshold_crossed',
        'budget_crossed',
        'projected_limit_exceeded',
        'margin_negative',
        'credit_granted',
        'credit_low',
        'credit_exhausted',
      ],
      signed: false,
      pending: 1,
      dead: 1,
      last_delivered_at: null,
      last_failure: { at: '2026-11-01T09:30:00.000Z', error: 'status 500' },
    },
    {
      name: 'crm',
      url: 'http://127.0.0.1:9000/…',
      events: ['budget_crossed'],
      signed: true,
      pending: 1,
      dead: 1,
      last_delivered_at: '2026-11-01T09:30:00.000Z',
      last_failure: null,
    },
  ])
  expect(JSON.stringify(json)).not.toContain('secret')
})

describe('/webhook/events', () => {
  test('shows a delivery with its payload, its tries and its last error', async () => {
    const { get } = gatewayOf([
      delivery(1, { attempts: 3, lastError: 'status 500', dueAt: NOW, body: '{"spend":0.1}' }),
    ])
    expect((await get('/webhook/events')).json).toEqual({
      events: [
        {
          event_id: 'event 1',
          receiver: 'default',
          customer_id: 'alice',
          event: 'spend_tracked',
          status: 'pending',
          attempts: 3,
          last_error: 'status 500',
          next_try_at: '2026-11-01T09:30:00.000Z',
          finished_at: null,
          payload: { spend: 0.1 },
        },
      ],
      next_cursor: null,
    })
  })

  test('asks for what the filters say', async () => {
    const { get, did } = gatewayOf()
    await get('/webhook/events?status=dead&receiver=crm&customer_id=a,b&event=budget_crossed')
    expect(did).toEqual([
      '{"status":"dead","receiver":"crm","customerId":"a,b","event":"budget_crossed","before":null,"limit":101}',
    ])
  })

  test('has a cursor for the next page while there is one', async () => {
    const { get } = gatewayOf([5, 4, 3, 2, 1].map((place) => delivery(place)))
    const pages: string[][] = []
    for (let path = '/webhook/events?page_size=2', n = 0; n < 9; n++) {
      const { json } = await get(path)
      pages.push(json.events.map((event: { event_id: string }) => event.event_id))
      if (json.next_cursor === null) break
      path = `/webhook/events?page_size=2&cursor=${json.next_cursor}`
    }
    expect(pages).toEqual([['event 5', 'event 4'], ['event 3', 'event 2'], ['event 1']])
  })

  test.each<[string, string]>([
    ['status=ded', 'status must be one of pending, delivered, dead, got "ded"; did you mean dead?'],
    ['event=moon', 'event must be one of spend_tracked, soft_budget_crossed'],
    ['page_size=0', 'page_size must be between 1 and 1000, got 0'],
    ['cursor=x', 'cursor must be a whole number, got "x"'],
    ['reciever=a', 'Unknown field "reciever"; did you mean receiver?'],
  ])('refuses %s', async (query, sentence) => {
    const { status, json } = await gatewayOf().get(`/webhook/events?${query}`)
    expect([status, json.error.message]).toEqual([400, expect.stringContaining(sentence)])
  })
})

describe('/webhook/replay', () => {
  test.each<[object, string, number]>([
    [{ event_ids: ['a', 'b', 'a'] }, 'replay a,b at null', 2],
    [{ event_ids: ['a'], receiver: 'crm' }, 'replay a at crm', 1],
    [{ receiver: 'crm' }, 'replay the dead of crm', 7],
  ])('%j does: %s', async (body, what, replayed) => {
    const { post, did } = gatewayOf()
    expect(await post('/webhook/replay', body)).toMatchObject({ status: 200, json: { replayed } })
    expect(did).toEqual([what, 'wake'])
  })

  test.each<[object, number, string]>([
    [{}, 400, 'event_ids or receiver is required'],
    [{ receiver: 'cmr' }, 404, "No receiver 'cmr'; there are default, crm."],
    [{ event_ids: [] }, 400, 'event_ids must have between 1 and 1000 entries, got 0'],
    [{ event_ids: 'a' }, 400, 'event_ids must be a list, got "a"'],
    [{ events: ['a'] }, 400, 'Unknown field "events"'],
  ])('refuses %j', async (body, code, sentence) => {
    const { post, did } = gatewayOf()
    const { status, json } = await post('/webhook/replay', body)
    expect([status, json.error.message]).toEqual([code, expect.stringContaining(sentence)])
    expect(did).toEqual([])
  })
})

describe('/webhook/test', () => {
  test('answers what came back from the receiver', async () => {
    const { post } = gatewayOf([], { error: 'status 500' })
    const { status, json } = await post('/webhook/test', { receiver: 'crm' })
    expect([status, json.event.event]).toEqual([200, 'budget_crossed'])
    const { event: _, ...answer } = json
    const expected = { receiver: 'crm', delivered: false, status: 500, ms: 3, error: 'status 500' }
    expect(answer).toEqual(expected)
  })

  test('refuses a receiver that nobody knows', async () => {
    const { status, json } = await gatewayOf().post('/webhook/test', { receiver: 'x' })
    expect([status, json.error.param]).toEqual([404, 'receiver'])
  })
})

describe('/health/services?service=webhook', () => {
  const path = '/health/services?service=webhook'

  test('answers the sample that all receivers took', async () => {
    const { status, json } = await gatewayOf().get(path)
    expect(status).toBe(200)
    expect(json).toMatchObject({ event: 'budget_crossed', event_group: 'customer', spend: 0 })
  })

  test('names the receiver that did not take it', async () => {
    const { status, json } = await gatewayOf([], { error: 'status 500' }).get(path)
    expect(status).toBe(502)
    expect(json.error.message).toBe('Receiver default has not taken the sample: status 500')
  })

  test('without a receiver says how to have one, with the words and the status of LiteLLM', async () => {
    const { status, json } = await gatewayOf([], { receivers: [] }).get(path)
    expect(status).toBe(422)
    expect(json.error.message).toStartWith(
      '"webhook" not in proxy config: general_settings. Unable to test this.',
    )
  })

  test('is for the master key only, and for webhooks only', async () => {
    const { get } = gatewayOf()
    expect((await get(path, {})).status).toBe(401)
    const { status, json } = await get('/health/services?service=slack')
    expect([status, json.error.message]).toEqual([
      400,
      'service must be one of webhook, got "slack"',
    ])
    expect((await get('/health/services')).json.error.message).toBe('service is required')
  })
})

test('every route of webhooks answers as the document promises', async () => {
  const gateway = gatewayOf([delivery(2), delivery(1, { status: 'dead', finishedAt: NOW })])
  const { json } = await gateway.get('/docs/json', {})
  const answers = [
    ['/webhook/receivers', 'get'],
    ['/webhook/events', 'get'],
    ['/webhook/replay', 'post'],
    ['/webhook/test', 'post'],
  ] as const
  for (const [path, method] of answers) {
    const operation = json.paths[path][method]
    const example = operation.requestBody?.content['application/json'].schema.examples[0]
    const answer = await (method === 'get' ? gateway.get(path) : gateway.post(path, example))
    const promised = operation.responses[200].content['application/json'].schema as TSchema
    expect([path, answer.status, Check(promised, answer.json)]).toEqual([path, 200, true])
  }
})
