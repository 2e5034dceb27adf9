import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { admit } from '../../src/gateway/admit.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import type { Budget } from '../../src/ledger/budget.ts'
import { nanos, ZERO } from '../../src/ledger/money.ts'
import { countPrompt } from '../support/counted-prompt.ts'
import { deployment, encode, rates, World } from '../support/world.ts'

/**
 * The promise on the front page, against random interleavings of everything that can happen to
 * many customers at once, checked after every step against sums done the long way.
 */

/** What a call needs at the very least, counted the long way: its prompt, and 16 tokens a choice. */
function leastOf(json: Record<string, unknown>): number {
  const prompt = Math.ceil(countPrompt(json, encode) * 1.05) + 16
  const inputTokens = Math.min(JSON.stringify(json).length, prompt)
  const cap = (json['max_tokens'] as number | undefined) ?? 1_000
  const output = Math.min(16, cap) * ((json['n'] as number | undefined) ?? 1)
  return Math.ceil((inputTokens * rates.cacheWrite + output * rates.output) / 1e6)
}

const ids = ['a', 'b', 'c', 'd']
/** Beside customers on a tier and with budgets of their own, keys with all that a key can have. */
const keys = { own: 'key own', tier: 'tier', free: null, soft: 'key soft' }
const LIMIT = nanos(20_000_000)
const call = fc.record({
  kind: fc.constant('call' as const),
  who: fc.constantFrom(null, ...ids),
  key: fc.constantFrom(null, null, ...Object.keys(keys)),
  words: fc.integer({ min: 0, max: 400 }),
  cap: fc.option(fc.integer({ min: 1, max: 1_500 })),
  n: fc.constantFrom(1, 1, 1, 3),
})
const step = fc.oneof(
  { weight: 6, arbitrary: call },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(),
      share: fc.constantFrom(0, 0, 0.1, 0.5, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 60_000, 3_600_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      which: fc.constantFrom('tier', 'own b', 'own d', 'key own'),
      limit: fc.constantFrom(0, 1_000_000, 20_000_000, 60_000_000).map(nanos),
    }),
  },
)

/** The four customers and the four keys. */
function worldOfKeys(): World {
  const world = new World(ids, LIMIT)
  world.setLimit('key own', LIMIT)
  world.setLimit('key soft', LIMIT, 'soft')
  for (const [hash, budgetId] of Object.entries(keys)) world.addKey(hash, budgetId)
  return world
}

/** What each strict account that a call would be on has left; those without a limit left out. */
function leftOf(world: World, who: string | null, key: string | null): number[] {
  const customer = who === null ? null : world.accounts.find(who, world.now)
  const owners = { customer, key: key === null ? null : world.accounts.findKey(key, world.now) }
  const places = world.accounts.placesOf(owners, { model: 'm', mode: 'strict', now: world.now })
  return places.flatMap(({ on: { account }, mode }) => {
    const { limit, spent, held } = account
    if (limit === null) return []
    // A soft budget refuses only when it is used up.
    if (mode === 'soft') return [spent >= limit ? 0 : Number.POSITIVE_INFINITY]
    return [limit - spent - held]
  })
}

const bodyOf = ({ words, cap, n }: { words: number; cap: number | null; n: number }) => ({
  messages: [{ role: 'user', content: 'word '.repeat(words) }],
  ...(cap === null ? {} : { max_tokens: cap }),
  ...(n === 1 ? {} : { n }),
})

test('spent + held never passes a budget, whatever happens in whatever order, and nobody is refused wrongly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = worldOfKeys()
      for (const step of steps) {
        if (step.kind === 'call') {
          const json = bodyOf(step)
          const { who, key } = step
          try {
            const { reservation, cap } = await world.admit(who, json, key)
            for (const left of leftOf(world, who, key)) expect(left).toBeGreaterThanOrEqual(0)
            if (cap !== null) expect(cap * step.n).toBeLessThanOrEqual(reservation!.outputTokens)
          } catch (error) {
            if ((error as Error).name !== 'Refusal') throw error
            // What is held has been counted by now: nothing of it is slack.
            for (const { reservation } of world.callsOf(who, key)) {
              expect(reservation.prompt).toBeNull()
            }
            expect(leastOf(json)).toBeGreaterThan(Math.min(...leftOf(world, who, key)))
          }
        } else if (step.kind === 'settle') {
          if (world.live.length > 0) world.settle(step.which % world.live.length, step.share)
        } else if (step.kind === 'wait') world.now += step.ms
        else world.setLimit(step.which, step.limit)
        // Whoever settles first after a reset must find it by himself: no look comes between.
        if (step.kind !== 'wait') world.check()
      }
      while (world.live.length > 0) world.settle(0, 1)
      world.check()
      expect(world.accounts.heldInAll()).toEqual({ count: 0, money: ZERO })
    }),
    { numRuns: 300 },
  )
})

test('a key whose secret is made anew goes on with what is held for its calls in flight', async () => {
  const world = worldOfKeys()
  const big = bodyOf({ words: 400, cap: 1_000, n: 1 })
  await world.admit(null, big, 'own')
  const before = world.accounts.findKey('own', world.now)!.main.account
  expect(before.held).toBeGreaterThan(0)
  world.regenerate('own', 'anew')
  expect(world.accounts.findKey('own', world.now)).toBeNull()
  expect(world.accounts.findKey('anew', world.now)!.main.account).toEqual(before)
  world.settle(0, 1)
  world.check()
})

test('on a soft key and a strict customer each is held for in its own way', async () => {
  const world = worldOfKeys()
  const json = bodyOf({ words: 400, cap: 1_000, n: 1 })
  const { reservation } = await world.admit('a', json, 'soft')
  const { worstCase } = reservation!
  expect(world.accounts.held('a')).toBe(worstCase)
  expect(world.accounts.heldWithKey('soft')).toBe(ZERO)
  world.book(world.live.shift()!, nanos(7))
  world.check()
  expect(world.accounts.held('a')).toBe(ZERO)
})

test('a key that was deleted while the body of its call came in admits nothing, and holds nothing', async () => {
  const world = worldOfKeys()
  const { self } = world.accounts.findKey('own', world.now)!
  world.keys.delete('own')
  world.accounts.changed({ keys: [{ from: 'own', to: 'own' }] }, world.now)
  const json = bodyOf({ words: 1, cap: null, n: 1 })
  const call = {
    endpoint: ENDPOINTS.CHAT,
    deployment,
    json,
    text: '{}',
    bodyBytes: 100,
    context: 0,
  }
  const applicant = { ...call, customerId: 'a', key: self, model: 'm' }
  expect(admit(applicant, world.gate)).rejects.toThrow('the API key is not valid')
  expect(world.accounts.heldInAll().count).toBe(0)
})

test('a burst of calls at once, each waiting for the count of its prompt, stays within the budget', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 50, maxLength: 100 }), async (calls) => {
      const world = worldOfKeys()
      await Promise.allSettled(calls.map((call) => world.admit(call.who, bodyOf(call), call.key)))
      for (const id of ids) {
        for (const left of leftOf(world, id, null)) expect(left).toBeGreaterThanOrEqual(0)
      }
      for (const key of Object.keys(keys)) {
        for (const left of leftOf(world, null, key)) expect(left).toBeGreaterThanOrEqual(0)
      }
      world.check()
    }),
    { numRuns: 50 },
  )
})

test('a call that came while another prompt was counted is counted too, before anyone is refused', async () => {
  const world = new World(ids, nanos(960_000_000))
  const saying = (words: number) => bodyOf({ words, cap: 16, n: 1 })
  await world.admit('a', saying(40_000))
  // Too much by its bytes, beside the first; both take some rounds of the event loop to count.
  const large = world.admit('a', saying(130_000))
  await new Promise<void>((resolve) => setImmediate(resolve))
  // Fits by its bytes beside the first one's; the large one fits beside it by its tokens only.
  await world.admit('a', saying(6_000))
  expect(world.live).toHaveLength(2)
  const { cap } = await large
  expect(cap).toBeNull()
  world.check()
})

describe('modes', () => {
  const tier = (world: World, limits: Partial<Budget>) => {
    world.budgets.set('tier', { ...world.budgets.get('tier')!, ...limits })
    world.accounts.changed({ budgets: ['tier'] }, world.now)
  }
  const big = bodyOf({ words: 400, cap: 1_000, n: 1 })

  test('finish_last admits while anything is left, caps nothing, and only the last call finishes over', async () => {
    const world = new World(ids, nanos(20_000_000))
    tier(world, { mode: 'finish_last' })
    const caps: (number | null)[] = []
    let admitted = 0
    for (let i = 0; i < 20; i++) {
      await world.admit('a', big).then(
        ({ cap }) => {
          caps.push(cap)
          admitted++
        },
        () => {},
      )
    }
    const { limit, held } = world.accounts.find('a', world.now)!.main.account
    const last = world.live.at(-1)!.reservation.worstCase
    expect(admitted).toBeGreaterThan(1)
    expect(caps.every((cap) => cap === null)).toBe(true)
    expect(held).toBeGreaterThanOrEqual(limit!)
    expect(held - last).toBeLessThan(limit!)
  })

  test('soft holds nothing, caps nothing, and refuses once the budget is reached', async () => {
    const world = new World(ids, nanos(20_000_000))
    tier(world, { mode: 'soft' })
    const all = await Promise.all(Array.from({ length: 20 }, () => world.admit('a', big)))
    expect(all.every(({ cap }) => cap === null)).toBe(true)
    expect(world.accounts.held('a')).toBe(ZERO)
    world.book(world.live.shift()!, nanos(20_000_000))
    expect(world.admit('a', big)).rejects.toThrow('ExceededBudget: End User=a over budget')
  })
})
