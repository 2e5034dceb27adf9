import { join } from 'node:path'
import { creditOrders } from '../../src/crediting.ts'
import { Accounts } from '../../src/gateway/accounts.ts'
import { admit } from '../../src/gateway/admit.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import type { Reservation } from '../../src/gateway/live-owner.ts'
import { Tariffs } from '../../src/gateway/tariff.ts'
import { fromDollars, ZERO } from '../../src/ledger/money.ts'
import { costOf } from '../../src/metering/cost.ts'
import { readCard } from '../../src/metering/rate-card.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'
import { Store } from '../../src/store/store.ts'
import { newFolder, newId, periodOf } from './store.ts'
import { deployment, gateOver } from './world.ts'

const CUSTOMERS = 200
const MODELS = ['m', 'n', 'o']
/** Calls in flight at once. */
const AT_ONCE = 50
const DAY = Date.UTC(2026, 9, 10)
const DAY_MS = 86_400_000
const PRICE = JSON.stringify(deployment.price)

const CARDS = [
  { markup_percent: 25 },
  { markup_percent: -40 },
  { fee_per_call: 0.00001, minimum_per_call: 0.0001 },
  { markup_percent: 10, free_allowance: { dollars: 0.05 } },
  { free_allowance: { tokens: 20_000 }, fee_per_call: 0.00002 },
  { prices: { m: { input_cost_per_token: 0.000001, output_cost_per_token: 0.00002 } } },
].map((given) => (readCard(given) as { text: string }).text)

/** The same numbers at each run: https://en.wikipedia.org/wiki/Linear_congruential_generator. */
function randomFrom(seed: number) {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/**
 * A day of so many calls of customers with rate cards, budgets and wallets, over the store and the
 * accounts of the server, some of which fail, and some of which are refused; cards change and
 * credit is granted in between. The store is left open.
 */
export async function resellersDay(calls: number, seed = 7) {
  const random = randomFrom(seed)
  const clock = { now: DAY }
  const now = () => clock.now
  const path = join(newFolder(), 'tollgate.db')
  const parts = { accounts: null as unknown as Accounts }
  const store = await Store.open({
    path,
    durability: 'process',
    periodOf,
    now,
    newId: () => newId(clock.now),
    changed: (what) => parts.accounts.changed(what, clock.now),
  })
  const accounts = new Accounts({
    store,
    budgetOf: (assigned) => assigned,
    periodOf,
    tariffs: new Tariffs(CARDS[0]!),
    thresholds: [],
    creditLowAt: null,
  })
  parts.accounts = accounts
  const gate = gateOver(accounts, now)
  const order = creditOrders({ store, accounts, now })
  const grant = (customerId: string, dollars: number) =>
    order({
      kind: 'grant',
      key: `grant ${random(2 ** 31)} ${random(2 ** 31)}`,
      customerId,
      amount: fromDollars(dollars),
      reason: 'paid',
      priority: 50,
      expiresAt: null,
    })
  const idOf = (n: number) => `customer ${n}`
  for (let n = 0; n < CUSTOMERS; n++) {
    const limits =
      n % 4 === 0
        ? null
        : {
            maxBudget: fromDollars((n % 4) * (calls / 250_000)),
            counts: n % 8 === 1 ? ('cost' as const) : null,
          }
    const profile = { rateCard: n % 7 === 0 ? null : CARDS[n % CARDS.length]! }
    await store.createCustomer({ id: idOf(n), profile, limits, spent: null, wallet: n % 3 === 0 })
    if (n % 3 === 0) await grant(idOf(n), 1 + random(3))
  }

  let refused = 0
  const one = async () => {
    const customerId = idOf(random(CUSTOMERS))
    const model = MODELS[random(MODELS.length)]!
    const content = 'word '.repeat(random(80))
    const json = { model, messages: [{ role: 'user', content }], max_tokens: 1 + random(300) }
    const text = JSON.stringify(json)
    const about = { endpoint: ENDPOINTS.CHAT, deployment, json, text, bodyBytes: text.length }
    const call = { ...about, context: 0, customerId, key: null, model }
    const admitted = await admit(call, gate).catch((error: Error) => {
      if (error.name !== 'Refusal') throw error
      return null
    })
    if (admitted?.reservation == null) refused++
    else await end(admitted.reservation, model)
  }
  const end = async (reservation: Reservation, model: string) => {
    const isFailed = random(20) === 0
    const usage = isFailed
      ? NO_USAGE
      : { ...NO_USAGE, input: random(80), output: random(reservation.outputTokens + 1) }
    const { tab, id } = reservation.customer!.self
    const row = {
      id: newId(clock.now),
      tab,
      customerId: id,
      keyId: null,
      model,
      deployment: deployment.id,
      outcome: isFailed ? ('upstream_failed' as const) : ('ok' as const),
      usageSource: isFailed ? ('none' as const) : ('upstream' as const),
      usage,
      price: PRICE,
      cost: isFailed ? ZERO : costOf(usage, deployment.price!),
      startedAt: clock.now,
      settledAt: clock.now,
    }
    await store.commit(accounts.settle(reservation, row, 0), [])
    accounts.written(reservation)
  }
  for (let done = 0; done < calls; done += AT_ONCE) {
    clock.now = DAY + Math.floor((done / calls) * DAY_MS)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, calls - done) }, one))
    const whom = random(CUSTOMERS)
    if (random(10) === 0 && whom % 3 === 0) await grant(idOf(whom), 1)
    if (random(10) === 0) {
      const profile = { rateCard: CARDS[random(CARDS.length)]! }
      await store.updateCustomer(idOf(whom), { profile, limits: null, spent: null })
    }
  }
  return { store, path, accounts, refused, clock, day: DAY }
}
