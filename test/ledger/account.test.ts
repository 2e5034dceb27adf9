import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Account, openAccount, reserve, settle } from '../../src/ledger/account.ts'
import { fromDollars, type Nanos, nanos, plus, ZERO } from '../../src/ledger/money.ts'

const dollar = fromDollars(1)

describe('reserve', () => {
  test('refuses the call that would pass the limit, and holds nothing for it', () => {
    const account = reserve(openAccount(dollar), nanos(dollar - 1)) as Account
    expect(reserve(account, nanos(2))).toBeNull()
    expect(account.held).toBe(nanos(dollar - 1))
  })

  test('a customer without a limit is never refused', () => {
    expect(reserve(openAccount(null), fromDollars(9_000))).not.toBeNull()
  })
})

describe('settle', () => {
  test('gives back what the call did not use', () => {
    const inFlight = reserve(openAccount(dollar), dollar) as Account
    expect(settle(inFlight, { worstCase: dollar, charge: nanos(7) })).toEqual({
      limit: dollar,
      spent: nanos(7),
      held: ZERO,
    })
  })
})

/**
 * The promise on the front page. Calls start and end in any order; none costs more than was held
 * for it. Then the budget holds after every step, and when all calls are over nothing stays held.
 */
test('spent + held never passes the limit, whatever the order of calls', () => {
  const amount = fc.integer({ min: 0, max: 2 * dollar }).map(nanos)
  const step = fc.oneof(
    fc.record({ kind: fc.constant('start' as const), worstCase: amount }),
    fc.record({
      kind: fc.constant('end' as const),
      which: fc.nat(),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  )

  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let account = openAccount(dollar)
      let booked = ZERO
      const inFlight: Nanos[] = []
      const end = (index: number, share: number) => {
        const [worstCase] = inFlight.splice(index, 1) as [Nanos]
        const cost = nanos(Math.floor(worstCase * share))
        account = settle(account, { worstCase, charge: cost })
        booked = plus(booked, cost)
      }

      for (const step of steps) {
        if (step.kind === 'start') {
          const held = reserve(account, step.worstCase)
          if (held === null) continue
          account = held
          inFlight.push(step.worstCase)
        } else if (inFlight.length > 0) {
          end(step.which % inFlight.length, step.share)
        }
        expect(account.spent + account.held).toBeLessThanOrEqual(dollar)
      }

      while (inFlight.length > 0) end(0, 1)
      expect(account).toEqual({ limit: dollar, spent: booked, held: ZERO })
    }),
  )
})
