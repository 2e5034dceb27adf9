import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { verify } from '../../src/store/verify.ts'
import { type BookedRow, bookedOn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import type { Script } from '../support/script.ts'

const gateway = await startGateway({ upstream: { isStrict: false } })
const { upstream, server, customer } = gateway

const RUNS = Number(process.env['NEAR_LIMIT_RUNS'] ?? 150)

/** A token each, by the upstream's count and by ours. */
const ALIKE = ['word', 'the', 'gate', 'a', 'and', 'house', 'time']
/** A token each by the upstream's, whose tokenizer is another. */
const OTHERS = ['straße', 'internationalization', '日本語', '🙂', '12345', 'ไทยแลนด์']

type Drawn<From> = From extends fc.Arbitrary<infer Value> ? Value : never

const CARD = { markup_percent: 17.5, fee_per_call: 0.00001, minimum_per_call: 0.0002 }

const textOf = (words: readonly string[], most: number) =>
  fc
    .tuple(
      fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: most, size: 'max' }),
      fc.boolean(),
    )
    .map(([picked, hasSpace]) => `${picked.join(' ')}${hasSpace ? ' ' : ''}`)

/** A call as a client makes it, by the names that its endpoint has. */
const callOf = (words: readonly string[]) =>
  fc
    .record({
      path: fc.constantFrom('/v1/chat/completions', '/v1/completions', '/v1/responses'),
      content: textOf(words, 60),
      cap: fc.option(fc.integer({ min: 1, max: 150 })),
      choices: fc.constantFrom(1, 1, 1, 3),
      stream: fc.boolean(),
      leavesAfter: fc.constantFrom(null, null, null, null, 0, 1, 5),
    })
    .map(({ path, content, cap, choices, stream, leavesAfter }) => {
      const isResponse = path.endsWith('/responses')
      const asks = {
        '/v1/chat/completions': { messages: [{ role: 'user', content }] },
        '/v1/completions': { prompt: content },
        '/v1/responses': { input: content },
      }[path]
      const limit = cap === null ? {} : { [isResponse ? 'max_output_tokens' : 'max_tokens']: cap }
      return {
        path,
        leavesAfter,
        ask: { ...asks, ...limit, stream, ...(isResponse ? {} : { n: choices }) },
      }
    })

const writes = fc.oneof(
  fc.constant('whole' as const),
  fc.record({ events: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ bytes: fc.integer({ min: 200, max: 900 }) }),
)

/** What limits the customer, in nano-dollars, and what its calls are charged besides their cost. */
const limit = fc.record({
  kind: fc.constantFrom('budget', 'model', 'wallet', 'key'),
  nanos: fc.integer({ min: 200_000, max: 3_000_000 }),
  card: fc.constantFrom(null, null, CARD),
})

/** An upstream that heeds its cap, and several calls of one customer at once. */
const scene = fc.boolean().chain((isAlike) => {
  const words = isAlike ? ALIKE : [...ALIKE, ...OTHERS]
  return fc.record({
    isAlike: fc.constant(isAlike),
    limit,
    text: textOf(words, 120),
    isUntold: fc.constantFrom(true, false, false, false),
    more: fc.record<Script>(
      {
        writes,
        usagePlace: fc.constantFrom('own chunk', 'finish chunk'),
        hasDone: fc.boolean(),
        hasComments: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    calls: fc.array(callOf(words), { minLength: 1, maxLength: 5, size: 'max' }),
  })
})

/** Makes a customer with a limit; answers the key that its calls come with. */
async function limited(user: string, { kind, nanos, card }: Drawn<typeof limit>) {
  const dollars = nanos / 1e9
  const ask = async (path: string, json: object) => {
    const told = await server.ask(path, { json })
    expect([path, told.status]).toEqual([path, 200])
    return told.json
  }
  const budget = { max_budget: dollars }
  const model = { model_max_budget: { 'gpt-4o-mini': budget } }
  const limits = { budget, model, wallet: {}, key: {} }[kind]
  await ask('/customer/new', { user_id: user, rate_card: card, ...limits })
  if (kind === 'key') return (await ask('/key/generate', budget)).key as string
  if (kind === 'wallet') {
    const grant = { amount: dollars, reason: 'test', idempotency_key: user }
    await ask('/customer/credit/grant', { user_id: user, ...grant })
  }
  return server.key
}

/** Sends a call; true: the client read all of its answer. */
async function send(
  user: string,
  key: string,
  { path, ask, leavesAfter }: Drawn<ReturnType<typeof callOf>>,
): Promise<boolean> {
  const leaving = new AbortController()
  const { signal } = leaving
  const json = { model: 'gpt-4o-mini', user, ...ask }
  const headers = { authorization: `Bearer ${key}` }
  const response = await server.fetch(path, { json, headers, signal })
  expect([200, 402, 429]).toContain(response.status)
  if (leavesAfter === null) return (await response.text()) !== ''
  const reader = response.body!.getReader()
  for (let piece = 0; piece < leavesAfter; piece++) await reader.read()
  leaving.abort()
  return false
}

const sumOf = (rows: readonly BookedRow[], of: 'cost' | 'charge'): number =>
  rows.reduce((sum, row) => sum + row[of], 0)

/** The rows of a customer, once all its calls have one. */
async function settled(user: string): Promise<readonly BookedRow[]> {
  let rows: readonly BookedRow[] = []
  await eventually(async () => {
    const { held, spend } = await customer(user)
    rows = bookedOn(server.databasePath, user)
    expect([held, Math.round(spend * 1e9)]).toEqual([0, sumOf(rows, 'charge')])
  })
  return rows
}

test('whatever is asked near a limit, it is not passed, and what an upstream says is charged', async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(scene, async ({ isAlike, isUntold, limit, text, more, calls }) => {
      const user = `customer-${count++}`
      const key = await limited(user, limit)
      upstream.always({ text, ...more, ...(isUntold ? { usage: 'absent' } : {}) })
      const read = await Promise.all(calls.map((call) => send(user, key, call)))
      const rows = await settled(user)
      expect(sumOf(rows, 'charge')).toBeLessThanOrEqual(limit.nanos)
      if (isUntold || read.includes(false)) return
      const isTold = rows.every((row) => row.usage_source === 'upstream')
      if (isAlike) expect(isTold).toBe(true)
      const { calls: _, ...tokens } = upstream.served.get(user) ?? { calls: 0 }
      if (isTold) expect(sumOf(rows, 'cost')).toBe(nanosOf(tokens))
    }),
    { numRuns: RUNS },
  )
  upstream.always({})
}, 600_000)

test('the books balance after all of this', async () => {
  expect((await verify(server.databasePath)).faults).toEqual([])
})
