import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { creditOrders } from '../../src/crediting.ts'
import { Accounts } from '../../src/gateway/accounts.ts'
import { admit } from '../../src/gateway/admit.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import type { Reservation } from '../../src/gateway/live-owner.ts'
import { creditOf } from '../../src/gateway/live-wallet.ts'
import { worstCaseOf } from '../../src/gateway/reserve.ts'
import { type MeteredRow, Tariffs } from '../../src/gateway/tariff.ts'
import type { CreditOrder } from '../../src/ledger/credit.ts'
import { type Nanos, nanos, ZERO } from '../../src/ledger/money.ts'
import { balanceOf } from '../../src/ledger/wallet.ts'
import { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { NANO_A_TOKEN, newFolder, newId, periodOf } from '../support/store.ts'
import { deployment, gateOver } from '../support/world.ts'

/**
 * Wallets in memory and on disk together: what memory holds and draws runs ahead of what is written,
 * operators' orders are written in between, and all of it must come to the same.
 */
class Wallets {
  now = Date.UTC(2026, 0, 15)
  readonly path = join(newFolder(), 'tollgate.db')
  readonly store!: Store
  readonly accounts!: Accounts
  readonly live: Reservation[] = []
  readonly pending: Promise<unknown>[] = []
  #keys = 0
  #orders: CreditOrder[] = []

  static async open(): Promise<Wallets> {
    const wallets = new Wallets()
    const now = () => wallets.now
    const store = await Store.open({
      path: wallets.path,
      durability: 'process',
      periodOf,
      now,
      newId: () => newId(wallets.now),
      changed: (what) => wallets.accounts.changed(what, wallets.now),
    })
    const accounts = new Accounts({
      store,
      budgetOf: (assigned) => assigned,
      periodOf,
      tariffs: new Tariffs(null),
      thresholds: [],
      creditLowAt: null,
    })
    Object.assign(wallets, { store, accounts })
    await store.createCustomer({ id: 'a', profile: {}, limits: null, spent: null, wallet: true })
    return wallets
  }

  order(order: Omit<CreditOrder, 'key' | 'customerId' | 'reason'>) {
    const about = { key: `key ${this.#keys++}`, customerId: 'a', reason: 'because' }
    this.#orders.push({ ...about, ...order } as CreditOrder)
    this.#do(this.#orders.at(-1)!)
  }

  repeat(which: number) {
    const order = this.#orders[which % this.#orders.length]
    if (order !== undefined) this.#do(order)
  }

  #do(order: CreditOrder) {
    const done = creditOrders({ store: this.store, accounts: this.accounts, now: () => this.now })
    this.pending.push(done(order).catch(refused))
  }

  async admit(words: number, cap: number) {
    const json = { messages: [{ role: 'user', content: 'word '.repeat(words) }], max_tokens: cap }
    const text = JSON.stringify(json)
    const about = { endpoint: ENDPOINTS.CHAT, deployment, json, text, bodyBytes: text.length }
    const call = { ...about, context: 0, customerId: 'a', key: null, model: 'm' }
    const gate = gateOver(this.accounts, () => this.now)
    const admitted = await admit(call, gate).catch(refused)
    if (admitted?.reservation) this.live.push(admitted.reservation)
  }

  end(which: number, share: number | null) {
    if (this.live.length === 0) return
    const [reservation] = this.live.splice(which % this.live.length, 1)
    if (share === null) return this.accounts.release(reservation!)
    const output = Math.floor(reservation!.outputTokens * share)
    const charge = share === 0 ? ZERO : worstCaseOf(reservation!, output)
    const row = this.#row(reservation!, charge)
    const settlement = this.accounts.settle(reservation!, row, 0)
    const written = this.store.commit(settlement, [])
    this.pending.push(written.then(() => this.accounts.written(reservation!)))
  }

  #row({ customer }: Reservation, cost: Nanos): MeteredRow {
    return {
      id: newId(this.now),
      tab: customer!.self.tab,
      customerId: 'a',
      keyId: null,
      model: 'm',
      deployment: 'm#1',
      outcome: 'ok',
      usageSource: 'upstream',
      usage: { input: cost },
      price: NANO_A_TOKEN,
      cost,
      startedAt: this.now,
      settledAt: this.now,
    }
  }

  /** Never below zero, and nothing is held that is not there. */
  check() {
    const { wallet, reservations } = this.accounts.find('a', this.now)!
    const { held } = wallet!.on.account
    expect(creditOf(wallet!)).toBe(balanceOf(wallet!.wallet))
    expect(creditOf(wallet!)).toBeGreaterThanOrEqual(held)
    const sum = [...reservations].reduce((total, { worstCase }) => total + worstCase, 0)
    expect(held).toBeGreaterThanOrEqual(sum)
  }

  /** Everything is written, and memory and disk say the same. */
  async settled() {
    while (this.pending.length > 0) await Promise.all(this.pending.splice(0))
    // What ended with the last settlements is queued behind them.
    await this.store.updateCustomer('a', { profile: {}, limits: null, spent: null })
    const { wallet, unwritten } = this.accounts.find('a', this.now)!
    const { tab, credit } = this.store.findCustomer('a')!.customer
    expect(wallet!.wallet).toEqual(this.store.credit.wallet(tab)!)
    expect(creditOf(wallet!)).toBe(credit!.balance)
    expect(unwritten).toBe(this.live.length)
  }

  sums(): Record<string, number> {
    using database = new Database(this.path, { readonly: true })
    const sql = 'SELECT kind, sum(amount) AS total FROM credit_entries GROUP BY kind'
    const rows = database.query(sql).all() as { kind: string; total: number }[]
    return Object.fromEntries(rows.map(({ kind, total }) => [kind, total]))
  }
}

function refused(error: Error): null {
  if (error.name !== 'Refusal') throw error
  return null
}

const amount = fc.integer({ min: 1, max: 30_000_000 })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      words: fc.integer({ min: 0, max: 300 }),
      cap: fc.integer({ min: 1, max: 900 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      which: fc.nat(),
      share: fc.constantFrom(0, 0.1, 0.5, 1, 1, null),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      amount,
      priority: fc.integer({ min: 49, max: 51 }),
      forMs: fc.option(fc.integer({ min: 1, max: 5_000 })),
    }),
  },
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ kind: fc.constant('refund' as const), amount }),
  fc.record({
    kind: fc.constant('adjust' as const),
    amount: fc.integer({ min: -10_000_000, max: 10_000_000 }).filter((given) => given !== 0),
  }),
  fc.record({ kind: fc.constant('repeat' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('written' as const) }),
  fc.record({ kind: fc.constant('tick' as const) }),
)

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function take(wallets: Wallets, step: Step) {
  switch (step.kind) {
    case 'call':
      return wallets.admit(step.words, step.cap)
    case 'end':
      return wallets.end(step.which, step.share)
    case 'grant': {
      const { priority, forMs } = step
      const expiresAt = forMs === null ? null : wallets.now + forMs
      const terms = { priority, expiresAt }
      return wallets.order({ kind: 'grant', amount: nanos(step.amount), ...terms })
    }
    case 'wait':
      wallets.now += step.ms
      return
    case 'refund': {
      const what = { kind: 'refund', grantId: null } as const
      return wallets.order({ ...what, amount: nanos(step.amount) })
    }
    case 'adjust': {
      const what = { kind: 'adjustment', callId: null } as const
      return wallets.order({ ...what, amount: nanos(step.amount) })
    }
    case 'repeat':
      return wallets.repeat(step.which)
    case 'written':
      return wallets.settled()
    case 'tick':
      await new Promise((resolve) => setImmediate(resolve))
  }
}

test('wallets in memory and on disk agree, are never overdrawn, and conserve money, in any order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const wallets = await Wallets.open()
      for (const one of steps) {
        await take(wallets, one)
        wallets.check()
      }
      await wallets.settled()
      while (wallets.live.length > 0) wallets.end(0, 1)
      await wallets.settled()
      const { grant = 0, adjustment = 0, draw = 0, expiry = 0, refund = 0 } = wallets.sums()
      const { credit, totalSpent } = wallets.store.findCustomer('a')!.customer
      expect(grant + adjustment).toBe(-draw + credit!.balance - expiry - refund)
      expect(draw + totalSpent).toBe(0)
      expect((await verify(wallets.path)).faults).toEqual([])
      wallets.store.close()
    }),
    { numRuns: 40 },
  )
}, 30_000)
