import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { averaged, Cooldown, Turns } from '../../src/gateway/turns.ts'

describe('turns', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })

  test('of as many as the weights add up to, each has as many as its weight', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 5 }), (weights, rounds) => {
        const members = weights.map((weight, id) => ({ id, weight }))
        const turns = new Turns<number>()
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const had = weights.map(() => 0)
        for (let turn = 0; turn < total * rounds; turn++) had[turns.next(members)!]!++
        expect(had).toEqual(weights.map((weight) => weight * rounds))
      }),
    )
  })

  test('go on among those that are there, and to nobody when there is nobody', () => {
    const turns = new Turns<string>()
    const [a, b] = ['a', 'b'].map((id) => ({ id, weight: 1 }))
    expect([turns.next([a!, b!]), turns.next([b!]), turns.next([b!])]).toEqual(['a', 'b', 'b'])
    expect(turns.next([])).toBeUndefined()
  })
})

describe('one that fails', () => {
  const rules = { allowedFails: 3, cooldownMs: 5_000 }

  test('more often than is let pass in a minute is left alone for the time that is set', () => {
    const cooldown = new Cooldown()
    for (const at of [0, 1, 2]) cooldown.failed(at, null, rules)
    expect(cooldown.until).toBe(0)
    cooldown.failed(3, null, rules)
    expect(cooldown.until).toBe(5_003)
  })

  test('now and then is not', () => {
    const cooldown = new Cooldown()
    for (let at = 0; at < 10 * 20_001; at += 20_001) cooldown.failed(at, null, rules)
    expect(cooldown.until).toBe(0)
  })

  test('and says for how long is left alone so long, at once, and never shorter for another', () => {
    const cooldown = new Cooldown()
    cooldown.failed(0, 60_000, rules)
    cooldown.failed(1, 10, rules)
    expect(cooldown.until).toBe(60_000)
  })
})

test('an average of latencies lies between them, and follows the newest', () => {
  expect(averaged(null, 100)).toBe(100)
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 10_000 }), { minLength: 1 }), (all) => {
      const average = all.reduce<number | null>((sum, ms) => averaged(sum, ms), null)!
      expect(average).toBeGreaterThanOrEqual(Math.min(...all))
      expect(average).toBeLessThanOrEqual(Math.max(...all))
    }),
  )
})
