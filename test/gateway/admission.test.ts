import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Budget } from '../../src/ledger/budget.ts'
import { nanos, ZERO } from '../../src/ledger/money.ts'
import { countPrompt } from '../../src/metering/tokens.ts'
import { encode, rates, World } from '../support/world.ts'

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
const LIMIT = nanos(20_000_000)
const call = fc.record({
  kind: fc.constant('call' as const),
  who: fc.constantFrom(...ids),
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
      which: fc.constantFrom('tier', 'own b', 'own d'),
      limit: fc.constantFrom(0, 1_000_000, 20_000_000, 60_000_000).map(nanos),
    }),
  },
)

const bodyOf = ({ words, cap, n }: { words: number; cap: number | null; n: number }) => ({
  messages: [{ role: 'user', content: 'word '.repeat(words) }],
  ...(cap === null ? {} : { max_tokens: cap }),
  ...(n === 1 ? {} : { n }),
})

test('spent + held never passes a budget, whatever happens in whatever order, and nobody is refused wrongly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = new World(ids, LIMIT)
      for (const step of steps) {
        if (step.kind === 'call') {
          const json = bodyOf(step)
          const live = world.accounts.find(step.who, world.now)!
          const before = live.main.account
          try {
            const { reservation, cap } = await world.admit(step.who, json)
            const { limit, spent, held } = live.main.account
            expect(spent + held).toBeLessThanOrEqual(limit!)
            if (cap !== null) expect(cap * step.n).toBeLessThanOrEqual(reservation!.outputTokens)
          } catch (error) {
            if ((error as Error).name !== 'Refusal') throw error
            // What is held has been counted by now: nothing of it is slack.
            const { limit, spent, held } = live.main.account
            expect(leastOf(json)).toBeGreaterThan(limit! - spent - held)
            expect(held).toBeLessThanOrEqual(before.held)
          }
        } else if (step.kind === 'settle') {
          if (world.live.length > 0) world.settle(step.which % world.live.length, step.share)
        } else if (step.kind === 'wait') world.now += step.ms
        else world.setLimit(step.which, step.limit)
        world.check()
      }
      while (world.live.length > 0) world.settle(0, 1)
      world.check()
      expect(world.accounts.heldInAll()).toEqual({ count: 0, money: ZERO })
    }),
    { numRuns: 300 },
  )
})

test('a burst of calls at once, each waiting for the count of its prompt, stays within the budget', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 50, maxLength: 100 }), async (calls) => {
      const world = new World(ids, LIMIT)
      await Promise.allSettled(calls.map((call) => world.admit(call.who, bodyOf(call))))
      for (const id of ids) {
        const { limit, spent, held } = world.accounts.find(id, world.now)!.main.account
        expect(spent + held).toBeLessThanOrEqual(limit!)
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
    world.accounts.changed({ customers: [], budgets: ['tier'] }, world.now)
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
    const { reservation, id } = world.live.shift()!
    world.book(reservation, id, nanos(20_000_000))
    expect(world.admit('a', big)).rejects.toThrow('ExceededBudget: End User=a over budget')
  })
})
