import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { fromDollars, nanos, ZERO } from '../../src/ledger/money.ts'
import { crossings } from '../../src/ledger/thresholds.ts'

const DAY = 86_400_000
const period = { start: 0, end: 30 * DAY }
const limit = fromDollars(100)

/** What is told when a customer with $100 for 30 days has spent so much on a day. */
const toldAt = (dollars: number, more: object = {}) =>
  crossings(
    { limit, spent: fromDollars(dollars), held: ZERO },
    { softBudget: null, thresholds: [0.85, 0.95], period, told: [], now: 29 * DAY, ...more },
  )
const names = (found: ReturnType<typeof crossings>) => found.map(({ name }) => name)

describe('what a charge has crossed', () => {
  test.each<[number, object, string[], string]>([
    [84.99, {}, [], 'nothing below the first threshold'],
    [85, {}, ['at 0.85'], 'a threshold is crossed when it is reached'],
    [96, {}, ['at 0.85', 'at 0.95'], 'one charge may cross several'],
    [100, {}, ['at 0.85', 'at 0.95', 'budget'], 'the budget when it is used up'],
    [100, { told: ['at 0.85', 'at 0.95'] }, ['budget'], 'nothing that was told in this period'],
    [50, { softBudget: fromDollars(50) }, ['soft'], 'the soft budget'],
    [50, { softBudget: fromDollars(50), told: ['soft'] }, [], 'the soft budget, once'],
    [50, { thresholds: [], now: 20 * DAY }, [], 'no threshold where there is none'],
  ])('at $%p of 100 with %p is %p: %s', (dollars, more, told) => {
    expect(names(toldAt(dollars, more))).toEqual(told)
  })

  test('is nothing without a budget, but for the soft one', () => {
    const free = { limit: null, spent: fromDollars(9), held: ZERO }
    const about = { thresholds: [0.5], period, told: [], now: DAY }
    expect(crossings(free, { ...about, softBudget: null })).toEqual([])
    expect(names(crossings(free, { ...about, softBudget: fromDollars(9) }))).toEqual(['soft'])
  })

  test('of a budget of nothing is the budget alone', () => {
    const account = { limit: ZERO, spent: ZERO, held: ZERO }
    const about = { softBudget: null, thresholds: [0.85], period, told: [], now: DAY }
    expect(names(crossings(account, about))).toEqual(['budget'])
  })
})

describe('a projection', () => {
  test('says when the budget will be used up, and what the period would come to', () => {
    const [found] = toldAt(50, { now: 10 * DAY })
    expect(found).toMatchObject({
      event: 'projected_limit_exceeded',
      projection: { spent: fromDollars(150), exceededAt: 20 * DAY },
    })
  })

  test.each<[number, object, string]>([
    [30, { now: 10 * DAY }, 'it leads to less than the budget'],
    [5, { now: DAY / 2 }, 'too little of the period has passed'],
    [50, { now: 10 * DAY, period: { start: 0, end: null } }, 'the period has no end'],
    [50, { now: 10 * DAY, told: ['projected'] }, 'it was told'],
  ])('at $%p with %p is none: %s', (dollars, more) => {
    expect(toldAt(dollars, more)).toEqual([])
  })
})

test('over any rising spend each name is told once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 30_000_000_000 }), { maxLength: 30 }), (charges) => {
      let spent = 0
      let told: string[] = []
      for (const [index, charge] of charges.entries()) {
        spent += charge
        const account = { limit, spent: nanos(spent), held: ZERO }
        const about = { softBudget: fromDollars(20), thresholds: [0.5, 0.9], period, told }
        const found = names(crossings(account, { ...about, now: (index + 1) * DAY }))
        told = [...told, ...found]
      }
      expect(new Set(told).size).toBe(told.length)
      if (spent >= limit) expect(told).toContain('budget')
    }),
  )
})
