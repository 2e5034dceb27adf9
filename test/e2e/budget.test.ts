import { describe, expect, test } from 'bun:test'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

const gateway = await startGateway({
  params: ['# gpt-4o-mini writes 16,384 tokens at most'],
  upstream: { isStrict: false },
})
const { upstream, server, chat, stream, customer } = gateway
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const nanosOfDollars = (dollars: number) => Math.round(dollars * 1e9)
const create = (user_id: string, limits: object) =>
  server.ask('/customer/new', { json: { user_id, ...limits } })

/** A call that is retried for as long as the answer says that it may help, as the clients do. */
async function chatUntilSure(more: object) {
  for (;;) {
    const told = await chat(more)
    if (told.headers.get('x-should-retry') !== 'true') return told
  }
}

describe('many calls at once on one budget', () => {
  test('500 calls against a budget for 20 overspend nothing, and leave too little for one more', async () => {
    const user = 'burst'
    const ask = { user, max_tokens: 20 }
    const one = nanosOf({ input: 6, output: 20 })
    upstream.always({ text: 'word '.repeat(40), deltas: 40 })
    await create(user, { max_budget: (20 * one) / 1e9 })
    const answers = await Promise.all(Array.from({ length: 500 }, () => chatUntilSure(ask)))
    upstream.always({})

    const statuses = new Set(answers.map(({ status }) => status))
    expect([...statuses].sort()).toEqual([200, 429])
    const { spend, held, litellm_budget_table } = await customer(user)
    expect(held).toBe(0)
    expect(nanosOfDollars(spend)).toBeLessThanOrEqual(
      nanosOfDollars(litellm_budget_table.max_budget),
    )
    const { calls, ...tokens } = upstream.served.get(user)!
    expect(calls).toBe(answers.filter(({ status }) => status === 200).length)
    expect(nanosOfDollars(spend)).toBe(nanosOf(tokens))
    expect((await chatUntilSure(ask)).status).toBe(429)
  }, 60_000)

  test('two hundred first calls at once of one unknown customer share the default budget', async () => {
    const one = nanosOf({ input: 6, output: 20 })
    await using fresh = await startGateway({
      settings: `litellm_settings: {max_end_user_budget: ${(10 * one) / 1e9}}\n`,
    })
    fresh.upstream.always({ text: 'word '.repeat(40), deltas: 40 })
    const ask = () => fresh.chat({ user: 'newcomer', max_tokens: 20 })
    const answers = await Promise.all(Array.from({ length: 200 }, ask))
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
    const { spend, held } = await fresh.customer('newcomer')
    expect(held).toBe(0)
    expect(nanosOfDollars(spend)).toBeLessThanOrEqual(10 * one)
  })
})

describe('near the limit', () => {
  test('a call without a cap gets one that its budget can pay, and is charged within it', async () => {
    await create('uncapped', { max_budget: 0.001 })
    upstream.next({ text: 'word '.repeat(400), deltas: 400 })
    const { json, status } = await chat({ user: 'uncapped' })
    expect(status).toBe(200)
    expect(json.choices[0].finish_reason).toBe('length')
    const cap = upstream.calls.at(-1)!.json!['max_completion_tokens'] as number
    // At most half of what remains, and it is what $0.0005 pays for at $15 a million.
    expect(cap).toBeGreaterThan(16)
    expect(cap).toBeLessThanOrEqual(33)
    expect((await customer('uncapped')).spend).toBeLessThanOrEqual(0.001)
  })

  test('a cap of the client that does not fit is lowered, under the name that the client used', async () => {
    await create('capped', { max_budget: 0.001 })
    await chat({ user: 'capped', max_tokens: 5_000 })
    const { json } = upstream.calls.at(-1)!
    expect(json!['max_tokens'] as number).toBeLessThan(67)
    expect(json!['max_completion_tokens']).toBeUndefined()
  })

  test('far from it nothing is capped, and the client’s bytes go up as they came', async () => {
    await create('rich', { max_budget: 1_000 })
    const body =
      '{"model": "gpt-4o-mini", "user": "rich", "messages": [{"role":"user","content":"x"}]}'
    await server.ask('/v1/chat/completions', { method: 'POST', body })
    expect(text(upstream.calls.at(-1)!.body)).toBe(body)
  })

  test('a refusal says what is spent, held and allowed, when it resets, and not to try again', async () => {
    await create('reset', { max_budget: 0.0001, budget_duration: '30d' })
    const before = upstream.calls.length
    const { status, json, headers } = await chat({ user: 'reset' })
    expect(status).toBe(429)
    expect(json.error).toMatchObject({ type: 'budget_exceeded', param: null, code: '429' })
    expect(json.error.message).toMatch(
      /^ExceededBudget: End User=reset over budget\. Spend=0, Budget=0\.0001\. Held for calls in flight: 0, needed for this call: 0\.\d+; the budget resets at \d{4}-\d\d-01T00:00:00\.000Z\.$/,
    )
    expect(headers.get('x-should-retry')).toBe('false')
    expect(upstream.calls.length).toBe(before)
  })

  test('what is held for a call in flight is shown, and given back when the call ends', async () => {
    const gate = new Gate()
    await create('holding', { max_budget: 0.001 })
    upstream.next({ deltas: 3, holds: [{ gate, at: 'headers' }] })
    const answer = chat({ user: 'holding', max_tokens: 60 })
    await gate.reached
    const { held, spend } = await customer('holding')
    expect(spend).toBe(0)
    expect(held).toBeGreaterThan(0.0009)
    // A second call finds nothing left, and is told that waiting helps.
    const second = await chat({ user: 'holding', max_tokens: 60 })
    expect(second.status).toBe(429)
    expect(second.headers.get('retry-after')).toBe('2')
    expect(second.headers.get('x-should-retry')).toBe('true')
    gate.open()
    expect((await answer).status).toBe(200)
    expect((await customer('holding')).held).toBe(0)
  })
})

describe('an upstream that heeds a cap which its budget has lowered', () => {
  // A text that breaks off after a space is one token more by our count than by the upstream's.
  const ends = { text: 'word '.repeat(300), deltas: 300 }
  const ask = { messages: [{ role: 'user', content: 'word '.repeat(100) }], max_tokens: 200 }
  /** Of the output 48 tokens are held for, and there is not enough for one more. */
  const budgets = Array.from({ length: 7 }, (_, step) => 1_208_000 + 2_000 * step)

  test.each([
    { usagePlace: 'own chunk' },
    { usagePlace: 'finish chunk' },
    { writes: 'whole' },
    { hasDone: false },
  ] as const)('is charged what it says, and its stream reaches its end (%p)', async (more) => {
    upstream.always({ ...ends, ...more })
    for (const nanos of budgets) {
      const user = `heeds-${nanos}-${JSON.stringify(more)}`
      await create(user, { max_budget: nanos / 1e9 })
      const { bytes } = await piecesOf(await stream({ user, ...ask }))
      expect(text(bytes)).toBe(
        text(upstream.calls.at(-1)!.sent).replace(/data: [^\n]*"choices":\[\],[^\n]*\n\n/, ''),
      )
      const { calls: _, ...tokens } = upstream.served.get(user)!
      expect(tokens.output).toBe(48)
      expect(nanosOfDollars((await customer(user)).spend)).toBe(nanosOf(tokens))
    }
    upstream.always({})
  })

  test.each([
    ['says no usage', { usage: 'absent' }],
    ['says no usage and just closes', { usage: 'absent', hasDone: false }],
    ['says that it is a token more', { tokens: { output: 49 } }],
    ['dies before it says its usage', { dies: { after: { events: 50 } } }],
  ])('and %s is charged no more than the budget has', async (_what, more) => {
    upstream.always({ ...ends, ...more })
    for (const nanos of budgets) {
      const user = `doubtful-${nanos}-${JSON.stringify(more)}`
      await create(user, { max_budget: nanos / 1e9 })
      await piecesOf(await stream({ user, ...ask }))
      const { spend, held } = await customer(user)
      expect(held).toBe(0)
      expect(nanosOfDollars(spend)).toBeLessThanOrEqual(nanos)
    }
    upstream.always({})
  })
})

describe('an upstream that ignores its cap', () => {
  const deltas = {
    text: 'one two three four five six seven eight nine ten '.repeat(20),
    deltas: 200,
    ignoresCap: true,
  }

  test('is cut off in the stream before the budget is passed, in the provider’s own form', async () => {
    await create('cut', { max_budget: 0.001 })
    upstream.next({ ...deltas, holds: [{ gate: new Gate(), at: { events: 150 } }] })
    const { bytes } = await piecesOf(await stream({ user: 'cut' }))
    const events = text(bytes)
      .trim()
      .split('\n\n')
      .map((event) => event.slice('data: '.length))
    expect(events.at(-1)).toBe('[DONE]')
    const last = JSON.parse(events.at(-2)!)
    expect(last.choices[0].finish_reason).toBe('length')
    expect(last.id).toBe(JSON.parse(events[0]!).id)
    expect(events.length).toBeGreaterThan(10)
    await eventually(() => expect(upstream.calls.at(-1)!.hungUpAfter).not.toBeNull())
    const { spend, held } = await customer('cut')
    expect(held).toBe(0)
    expect(spend).toBeGreaterThan(0)
    expect(spend).toBeLessThanOrEqual(0.001)
  })

  test('goes on where the budget can hold more for it', async () => {
    await create('extended', { max_budget: 1 })
    upstream.next(deltas)
    const { bytes } = await piecesOf(await stream({ user: 'extended', max_tokens: 20 }))
    expect(text(bytes)).toBe(
      text(upstream.calls.at(-1)!.sent).replace(
        /data: [^\n]*"choices":\[\],"usage":\{[^\n]*\n\n/,
        '',
      ),
    )
  })

  test('all in one piece is cut at the event that would pass it', async () => {
    await create('one-piece', { max_budget: 0.001 })
    upstream.next({ ...deltas, writes: 'whole', usage: 'absent' })
    const { bytes } = await piecesOf(await stream({ user: 'one-piece' }))
    expect(text(bytes)).toContain('"finish_reason":"length"')
    expect(text(bytes).split('\n\n').length).toBeGreaterThan(10)
    expect((await customer('one-piece')).spend).toBeLessThanOrEqual(0.001)
  })
})

test('clients that hang up at random leave nothing held, and the budget is not passed', async () => {
  await create('fickle', { max_budget: 0.05 })
  upstream.always({ deltas: 30 })
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const controller = new AbortController()
      try {
        const response = await stream(
          { user: 'fickle', max_tokens: 40 },
          { signal: controller.signal },
        )
        const reader = response.body!.getReader()
        for (let piece = 0; piece < index % 7; piece++) await reader.read()
        controller.abort()
      } catch {
        // Hung up before there was anything to read.
      }
    }),
  )
  upstream.always({})
  await eventually(async () => expect((await customer('fickle')).held).toBe(0))
  expect((await customer('fickle')).spend).toBeLessThanOrEqual(0.05)
})

test('a mock that would answer more than its budget pays for is cut at what it pays for', async () => {
  const { startServer } = await import('../support/server.ts')
  const mock = 'word '.repeat(2_000)
  await using mocking = await startServer({
    config: `model_list: [{model_name: m, litellm_params: {model: demo/demo, mock_response: "${mock}"}}]`,
  })
  await mocking.ask('/customer/new', { json: { user_id: 'alice', max_budget: 0.01 } })
  const json = { model: 'm', user: 'alice', messages: [{ role: 'user', content: 'x' }] }
  const { status, json: answer } = await mocking.ask('/v1/chat/completions', { json })
  expect([status, answer.choices[0].finish_reason]).toEqual([200, 'length'])
  const { json: customer } = await mocking.ask('/customer/info?end_user_id=alice')
  expect(customer.spend).toBeLessThanOrEqual(0.01)
})

test('the books balance after all of this', async () => {
  await server.stop()
  const { verify } = await import('../../src/store/verify.ts')
  expect((await verify(server.databasePath)).faults).toEqual([])
})
