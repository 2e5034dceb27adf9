import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { creditCrossings, isExhaustedAfter } from '../../src/ledger/credit.ts'
import { type Nanos, nanos, ZERO } from '../../src/ledger/money.ts'
import {
  balanceOf,
  bringIn,
  draw,
  EMPTY_WALLET,
  expire,
  type Move,
  nextExpiry,
  type OpenGrant,
  PRIORITY,
  takeOut,
  type Wallet,
  walletOf,
} from '../../src/ledger/wallet.ts'

const grant = (id: string, remaining: number, more: Partial<OpenGrant> = {}): OpenGrant => ({
  id,
  remaining: nanos(remaining),
  priority: PRIORITY,
  expiresAt: null,
  createdAt: 0,
  ...more,
})
const sum = (moves: readonly Move[]) => moves.reduce((total, { amount }) => total + amount, 0)
const idsOf = ({ grants }: Wallet) => grants.map(({ id }) => id)

describe('the order of use', () => {
  test('is the lowest priority, then the soonest to expire, then the oldest', () => {
    const wallet = walletOf(
      [
        grant('never', 1),
        grant('older never', 1, { createdAt: -1 }),
        grant('late', 1, { expiresAt: 9 }),
        grant('soon', 1, { expiresAt: 5 }),
        grant('first', 1, { priority: 1, expiresAt: 99 }),
        grant('last', 1, { priority: 99, expiresAt: 1 }),
        grant('empty', 0, { priority: 0 }),
      ],
      ZERO,
    )
    expect(idsOf(wallet)).toEqual(['first', 'soon', 'late', 'older never', 'never', 'last'])
    expect(nextExpiry(wallet)).toBe(1)
  })

  test('a charge takes from one after the other, and what exceeds them all is an overdraft', () => {
    const wallet = walletOf([grant('b', 5), grant('a', 3, { priority: 1 })], ZERO)
    const part = draw(wallet, nanos(4))
    expect(part.moves).toEqual([
      { grantId: 'a', amount: nanos(-3) },
      { grantId: 'b', amount: nanos(-1) },
    ])
    const over = draw(part.wallet, nanos(6))
    expect(over.moves.at(-1)).toEqual({ grantId: null, amount: nanos(-2) })
    expect([over.wallet.grants, over.wallet.overdraft]).toEqual([[], nanos(2)])
  })

  test('the next grant pays an overdraft off first', () => {
    const owing = { grants: [], overdraft: nanos(7) }
    const some = bringIn(owing, grant('g', 5))
    expect([some.wallet.grants, some.wallet.overdraft]).toEqual([[], nanos(2)])
    const more = bringIn(some.wallet, grant('h', 5))
    expect(more.wallet).toEqual({ grants: [grant('h', 3)], overdraft: ZERO })
    expect([sum(more.moves), sum(more.payment)]).toEqual([5, 0])
  })
})

describe('what is taken out', () => {
  const wallet = walletOf([grant('a', 3), grant('b', 5, { createdAt: 1 })], ZERO)

  test.each<[Parameters<typeof takeOut>[2], string[]]>([
    ['first used', ['a', 'b']],
    ['last used', ['b']],
    [{ grantId: 'b' }, ['b']],
  ])('%p comes of %p', (from, ids) => {
    expect(takeOut(wallet, nanos(4), from)!.moves.map(({ grantId }) => grantId)).toEqual(ids)
  })

  test('is never more than there is', () => {
    expect(takeOut(wallet, nanos(9), 'last used')).toBeNull()
    expect(takeOut(wallet, nanos(4), { grantId: 'a' })).toBeNull()
  })
})

describe('an expiry', () => {
  const wallet = walletOf([grant('soon', 10, { expiresAt: 5 }), grant('never', 10)], ZERO)
  const at = (now: number, held: number, before = held) =>
    expire(wallet, { now, held: nanos(held), heldSince: () => nanos(before) })

  test('takes what is left, and nothing before its time', () => {
    expect(at(4, 0).moves).toEqual([])
    expect(at(5, 0).moves).toEqual([{ grantId: 'soon', amount: nanos(-10) }])
  })

  test('leaves what calls in flight hold of it, and not what later ones hold', () => {
    expect(sum(at(5, 4).moves)).toBe(-6)
    expect(sum(at(5, 4, 0).moves)).toBe(-10)
    // What is held of grants before it is not held of it.
    const behind = walletOf(
      [grant('first', 3, { priority: 1 }), grant('soon', 10, { expiresAt: 5 })],
      ZERO,
    )
    const held = { now: 5, held: nanos(4), heldSince: () => nanos(4) }
    expect(sum(expire(behind, held).moves)).toBe(-9)
  })

  test('never takes what somebody holds', () => {
    expect(sum(at(5, 15, 0).moves)).toBe(-5)
  })
})

test('credit that runs low or out is told once, until it is above again', () => {
  const told = (from: number, to: number, isExhaustedTold = false) =>
    creditCrossings({ balance: nanos(from), isExhaustedTold }, nanos(to), nanos(5))
  expect(told(10, 6)).toEqual([])
  expect(told(10, 5)).toEqual(['credit_low'])
  expect(told(5, 4)).toEqual([])
  expect(told(10, 0)).toEqual(['credit_low', 'credit_exhausted'])
  expect(told(4, -1, true)).toEqual([])
  expect(told(-9, -1)).toEqual([])
  const after = (from: number, to: number) =>
    isExhaustedAfter({ balance: nanos(from), isExhaustedTold: true }, nanos(to))
  expect([after(0, 3), after(3, 2), after(-5, -1)]).toEqual([false, true, true])
})

/** A wallet as calls use it, with every movement counted the long way. */
class Model {
  wallet: Wallet = EMPTY_WALLET
  now = 0
  /** What a call holds, and when it was admitted. */
  readonly holds: { amount: number; at: number }[] = []
  readonly sums = { granted: 0, adjusted: 0, charged: 0, expired: 0, refunded: 0 }
  readonly grants = new Map<string, number>()
  hasOverrun = false
  #ids = 0

  move(
    kind: keyof Model['sums'],
    moved: { wallet: Wallet; moves: readonly Move[]; payment?: readonly Move[] },
  ) {
    const { wallet, payment = [] } = moved
    const moves = [...moved.moves, ...payment]
    this.wallet = wallet
    const sign = kind === 'granted' || kind === 'adjusted' ? 1 : -1
    this.sums[kind] += sign * sum(moves)
    for (const { grantId, amount } of moves) {
      const name = grantId ?? 'overdraft'
      this.grants.set(name, (this.grants.get(name) ?? 0) + amount)
    }
  }

  get held(): number {
    return this.holds.reduce((total, { amount }) => total + amount, 0)
  }

  get free(): number {
    return balanceOf(this.wallet) - this.held
  }

  bringIn(kind: 'granted' | 'adjusted', amount: number, more: Partial<OpenGrant>) {
    const id = String(this.#ids++).padStart(4, '0')
    this.move(kind, bringIn(this.wallet, grant(id, amount, { createdAt: this.now, ...more })))
  }

  expire() {
    const heldSince = (before: number) =>
      this.holds.reduce((total, { amount, at }) => total + (at < before ? amount : 0), 0) as Nanos
    this.move('expired', expire(this.wallet, { now: this.now, held: nanos(this.held), heldSince }))
  }

  check() {
    const { granted, adjusted, charged, expired, refunded } = this.sums
    const balance = balanceOf(this.wallet)
    expect(granted + adjusted).toBe(charged + balance + expired + refunded)
    const { overdraft, grants } = this.wallet
    expect(overdraft > 0 && grants.length > 0).toBe(false)
    expect(this.grants.get('overdraft') ?? 0).toBe(overdraft === 0 ? 0 : -overdraft)
    const left = new Map<string, number>(grants.map(({ id, remaining }) => [id, remaining]))
    for (const [id, total] of this.grants) {
      if (id !== 'overdraft') expect(left.get(id) ?? 0).toBe(total)
    }
    // Held credit never goes away under a call, unless one was charged more than it held.
    if (!this.hasOverrun) expect(this.free).toBeGreaterThanOrEqual(0)
  }
}

const amount = fc.integer({ min: 1, max: 1_000 })
const step = fc.oneof(
  fc.record({
    kind: fc.constant('grant' as const),
    amount,
    priority: fc.integer({ min: 49, max: 51 }),
    forMs: fc.option(fc.integer({ min: 1, max: 20 })),
  }),
  fc.record({ kind: fc.constant('hold' as const), amount }),
  fc.record({
    kind: fc.constant('settle' as const),
    which: fc.nat(),
    share: fc.constantFrom(0, 0.1, 0.5, 1, 1, 1.2),
  }),
  fc.record({
    kind: fc.constant('resize' as const),
    which: fc.nat(),
    share: fc.constantFrom(0, 0.5),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ kind: fc.constant('adjust' as const), amount: fc.integer({ min: -500, max: 500 }) }),
  fc.record({ kind: fc.constant('refund' as const), amount }),
)

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

function take(model: Model, step: Step) {
  const { holds } = model
  switch (step.kind) {
    case 'grant': {
      const expiresAt = step.forMs === null ? null : model.now + step.forMs
      return model.bringIn('granted', step.amount, { priority: step.priority, expiresAt })
    }
    case 'hold':
      if (step.amount <= model.free) holds.push({ amount: step.amount, at: model.now })
      return
    case 'resize': {
      const hold = holds[step.which % holds.length]
      if (hold !== undefined) hold.amount = Math.floor(hold.amount * step.share)
      return
    }
    case 'settle': {
      if (holds.length === 0) return
      const [hold] = holds.splice(step.which % holds.length, 1)
      if (step.share > 1) model.hasOverrun = true
      return model.move('charged', draw(model.wallet, nanos(Math.ceil(hold!.amount * step.share))))
    }
    case 'wait':
      model.now += step.ms
      return
    case 'adjust': {
      if (step.amount > 0) return model.bringIn('adjusted', step.amount, {})
      if (-step.amount > model.free || step.amount === 0) return
      return model.move('adjusted', takeOut(model.wallet, nanos(-step.amount), 'first used')!)
    }
    case 'refund':
      if (step.amount > model.free) return
      return model.move('refunded', takeOut(model.wallet, nanos(step.amount), 'last used')!)
  }
}

test('money is conserved after every step, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const model = new Model()
      for (const one of steps) {
        model.expire()
        model.check()
        take(model, one)
        model.check()
      }
      // When nothing is in flight any more, nothing is left of what has expired.
      model.holds.length = 0
      model.expire()
      model.check()
      const next = nextExpiry(model.wallet)
      expect(next === null || next > model.now).toBe(true)
    }),
    { numRuns: 500 },
  )
})
