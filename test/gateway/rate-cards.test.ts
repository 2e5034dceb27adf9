import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import { chargeOf, readCard } from '../../src/metering/rate-card.ts'
import { NO_USAGE, type Usage } from '../../src/metering/usage.ts'
import { deployment, World } from '../support/world.ts'

/**
 * Budgets under rate cards, against random interleavings: whatever a card makes of a call, what is
 * held for it covers that, and no allowance is used twice.
 */

const LIMIT = nanos(20_000_000)
const ids = ['a', 'b', 'c']
const dollars = fc.nat(3_000_000).map((nano) => nano / 1e9)
const cards = fc.record(
  {
    markup_percent: fc.integer({ min: -1_000_000, max: 3_000_000 }).map((parts) => parts / 1e4),
    prices: fc.constant({ m: { input_cost_per_token: 0.000004, output_cost_per_token: 0.00001 } }),
    fee_per_call: dollars,
    minimum_per_call: dollars,
    free_allowance: fc.oneof(
      fc.record({ tokens: fc.nat(5_000) }),
      fc.record({ dollars: fc.nat(30_000_000).map((nano) => nano / 1e9) }),
    ),
  },
  { requiredKeys: [] },
)
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      who: fc.constantFrom(...ids),
      words: fc.nat(400),
      cap: fc.option(fc.integer({ min: 1, max: 1_500 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(),
      read: fc.double({ min: 0, max: 1, noNaN: true }),
      wrote: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
)

/** A call in flight read and wrote a share of what is held for it, and is settled. */
function settle(
  world: World,
  { which, read, wrote }: { which: number; read: number; wrote: number },
) {
  if (world.live.length === 0) return
  const call = world.live.splice(which % world.live.length, 1)[0]!
  const { demand, outputTokens, worstCase, customer, tariff } = call.reservation
  const usage: Usage = {
    ...NO_USAGE,
    cacheWrite: Math.floor(demand.inputTokens * read),
    output: Math.floor(outputTokens * wrote),
  }
  const { spent } = customer!.main.account
  world.book(call, costOf(usage, deployment.price!), usage)
  expect(customer!.main.account.spent - spent).toBeLessThanOrEqual(worstCase)
  const allowance = tariff?.card?.allowance
  if (allowance == null) return
  expect(customer!.allowance!.used[allowance.unit]).toBeLessThanOrEqual(allowance.amount)
}

test.each(['charge', 'cost'] as const)(
  'no budget that counts the %s is passed, and no allowance, under any card',
  async (counts) => {
    await fc.assert(
      fc.asyncProperty(cards, fc.array(step, { maxLength: 60 }), async (given, steps) => {
        const read = readCard(given)
        if ('problem' in read) throw new Error(read.problem)
        const world = new World(ids, LIMIT, read.text)
        for (const [id, budget] of world.budgets) world.budgets.set(id, { ...budget, counts })
        for (const what of steps) {
          if (what.kind === 'settle') settle(world, what)
          else {
            const content = 'word '.repeat(what.words)
            const cap = what.cap === null ? {} : { max_tokens: what.cap }
            const json = { model: 'm', messages: [{ role: 'user', content }], ...cap }
            await world.admit(what.who, json).catch(() => {})
          }
          for (const id of ids) {
            const { limit, spent, held } = world.accounts.find(id, world.now)!.main.account
            expect(held).toBeGreaterThanOrEqual(0)
            expect(spent + held).toBeLessThanOrEqual(limit!)
          }
        }
        while (world.live.length > 0) settle(world, { which: 0, read: 1, wrote: 1 })
        for (const id of ids) {
          const live = world.accounts.find(id, world.now)!
          expect(live.main.account.held as number).toBe(0)
          expect(live.allowance?.held ?? { tokens: 0, money: 0 }).toEqual({ tokens: 0, money: 0 })
        }
      }),
      { numRuns: 150 },
    )
  },
)

test('a negative margin is told of once a day, however often the budget resets', async () => {
  const world = new World(ids, LIMIT, '{"markup_percent":-50}')
  const told: string[] = []
  for (let hour = 0; hour < 30; hour++) {
    await world.admit('a', { model: 'm', messages: [{ role: 'user', content: 'hi' }] })
    const usage = { ...NO_USAGE, input: 10, output: 10 }
    const call = world.live.pop()!
    const { after } = world.book(call, costOf(usage, deployment.price!), usage)
    told.push(...after!.crossed.map(({ name }) => name))
    world.now += 3_600_000
  }
  const margins = told.filter((name) => name.startsWith('margin'))
  expect(margins).toEqual(['margin 2026-01-15', 'margin 2026-01-16'])
})

test('a price of tokens on a card never stands in for pictures, time or characters', () => {
  const own = { m: { input_cost_per_token: 0.000001, output_cost_per_token: 0.000001 } }
  const read = readCard({ markup_percent: 10, prices: own })
  if ('problem' in read) throw new Error(read.problem)
  const usage = { ...NO_USAGE, images: 4, input: 100 }
  const charged = chargeOf(read.card, { model: 'm', usage, cost: nanos(160_000_000) }, 0)
  expect(charged.charge as number).toBe(176_000_000)
  const ofPictures = readCard({ prices: { m: { output_cost_per_image: 0.04 } } })
  expect(ofPictures).toMatchObject({ key: 'prices.m' })
})
