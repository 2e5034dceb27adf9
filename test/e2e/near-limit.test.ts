import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { verify } from '../../src/store/verify.ts'
import { bookedOn } from '../support/books.ts'
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
    })
    .map(({ path, content, cap, choices, stream }) => {
      const isResponse = path.endsWith('/responses')
      const asks = {
        '/v1/chat/completions': { messages: [{ role: 'user', content }] },
        '/v1/completions': { prompt: content },
        '/v1/responses': { input: content },
      }[path]
      const limit = cap === null ? {} : { [isResponse ? 'max_output_tokens' : 'max_tokens']: cap }
      return { path, ask: { ...asks, ...limit, stream, ...(isResponse ? {} : { n: choices }) } }
    })

const writes = fc.oneof(
  fc.constant('whole' as const),
  fc.record({ events: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ bytes: fc.integer({ min: 200, max: 900 }) }),
)

/** An upstream that heeds its cap, and several calls of one customer at once. */
const scene = fc.boolean().chain((isAlike) => {
  const words = isAlike ? ALIKE : [...ALIKE, ...OTHERS]
  return fc.record({
    isAlike: fc.constant(isAlike),
    budget: fc.integer({ min: 200_000, max: 3_000_000 }),
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

test('whatever is asked of a small budget, it is not passed, and what an upstream says is charged', async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(scene, async ({ isAlike, isUntold, budget, text, more, calls }) => {
      const user = `customer-${count++}`
      await server.ask('/customer/new', { json: { user_id: user, max_budget: budget / 1e9 } })
      upstream.always({ text, ...more, ...(isUntold ? { usage: 'absent' } : {}) })
      const ask = async ({ path, ask }: (typeof calls)[number]) => {
        const json = { model: 'gpt-4o-mini', user, ...ask }
        const response = await server.fetch(path, { json })
        await response.text()
        return response.status
      }
      const statuses = await Promise.all(calls.map(ask))
      expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([])
      await eventually(async () => expect((await customer(user)).held).toBe(0))
      const charged = Math.round((await customer(user)).spend * 1e9)
      expect(charged).toBeLessThanOrEqual(budget)
      if (isUntold) return
      const rows = bookedOn(server.databasePath, user)
      const isTold = rows.every((row) => row.usage_source === 'upstream')
      if (isAlike) expect(isTold).toBe(true)
      const { calls: _, ...tokens } = upstream.served.get(user) ?? { calls: 0 }
      if (isTold) expect(charged).toBe(nanosOf(tokens))
    }),
    { numRuns: RUNS },
  )
  upstream.always({})
}, 600_000)

test('the books balance after all of this', async () => {
  expect((await verify(server.databasePath)).faults).toEqual([])
})
