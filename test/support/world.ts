import type { BudgetRules } from '../../src/config/config.ts'
import { AS_OPENAI } from '../../src/config/providers.ts'
import { DEFAULT_UPSTREAM_RULES } from '../../src/config/upstream-rules.ts'
import { Accounts } from '../../src/gateway/accounts.ts'
import { type Admission, admit } from '../../src/gateway/admit.ts'
import type { Deployment } from '../../src/gateway/deployments.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { heldOn } from '../../src/gateway/live-account.ts'
import type { LiveOwner, Reservation } from '../../src/gateway/live-owner.ts'
import { ownersOf } from '../../src/gateway/live-owner.ts'
import { worstCaseOf } from '../../src/gateway/reserve.ts'
import { type MeteredRow, Tariffs } from '../../src/gateway/tariff.ts'
import { type Budget, type BudgetMode, NO_LIMITS } from '../../src/ledger/budget.ts'
import { type BudgetedCustomer, NEW_PROFILE } from '../../src/ledger/customer.ts'
import { type BudgetedKey, NEW_KEY } from '../../src/ledger/key.ts'
import { type Nanos, nanos, ZERO } from '../../src/ledger/money.ts'
import { periodAt } from '../../src/ledger/period.ts'
import { ratesWith } from '../../src/metering/price.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'

const START = Date.UTC(2026, 0, 15)
const NEW_TALLY = { credit: null, marginToldOn: null }
export const encode = (text: string) => Math.ceil(text.length / 4)
const rate = (dollars: number) => nanos(dollars * 1e9)
export const rates = ratesWith({
  input: rate(3),
  cachedInput: rate(1),
  cacheWrite: rate(4),
  output: rate(15),
})
export const deployment: Deployment = {
  id: 'm#1',
  modelName: 'm',
  provider: 'openai',
  upstreamModel: 'm',
  pricedAs: { provider: 'openai', model: 'm' },
  dialect: AS_OPENAI,
  apiBase: null,
  apiKey: null,
  extraHeaders: {},
  mockResponse: null,
  price: { rates, tiers: [], source: 'test' },
  priceSnapshot: null,
  services: {},
  weight: null,
  rpm: null,
  tpm: null,
  parallelMax: null,
  serviceSnapshots: {},
  timeoutMs: 1,
  rules: DEFAULT_UPSTREAM_RULES,
  region: null,
  outputTokensMax: 1_000,
  inputTokensMax: null,
  modelInfo: {},
  line: 0,
}
export const rules: BudgetRules = {
  mode: 'strict',
  reserveShare: 0.5,
  outputTokensMin: 16,
  outputTokensMaxDefault: 4096,
  allowUnpriced: false,
  thresholds: [],
  defaultBudgetId: null,
  defaultMaxBudget: null,
  timezone: 'UTC',
  weekStart: 1,
  dayOfMonth: 1,
  requireCustomer: false,
  knownCustomersOnly: false,
}

const NO_WALLETS = {
  wallet: () => null,
  expire: () => Promise.resolve(),
  tellExhausted: () => Promise.resolve(),
}

type Row = { tab: number | null; keyId: number | null; counted: Nanos; charge: Nanos; at: number }

/** What admission asks, where nothing is wrong and tokens are letters. */
export const gateOver = (accounts: Accounts, now: () => number): Admission => ({
  accounts,
  isHealthy: () => true,
  budgetExceededStatus: 429,
  topUpUrl: null,
  rules,
  tokenizerFor: async () => encode,
  now,
})

/** Customers, keys and tiers in memory, as much of a store as the accounts need. */
export class World {
  now = START
  readonly rows: Row[] = []
  readonly budgets = new Map<string, Budget>()
  readonly customers = new Map<string, { tab: number; budgetId: string }>()
  /** By what stands for their hash. */
  readonly keys = new Map<string, { id: number; budgetId: string | null }>()
  readonly accounts: Accounts
  readonly gate: Admission
  /** Calls in flight. */
  readonly live: { reservation: Reservation; id: string | null; key: string | null }[] = []

  /** `card` is the server's rate card, as JSON. */
  constructor(ids: readonly string[], limit: Nanos, card: string | null = null) {
    for (const [index, id] of ids.entries()) {
      const budgetId = index % 2 === 0 ? 'tier' : `own ${id}`
      this.customers.set(id, { tab: index, budgetId })
      this.setLimit(budgetId, limit)
    }
    const periodOf = (budget: Budget | null, now: number) =>
      periodAt(
        {
          duration: budget?.duration ?? null,
          resetAt: budget?.resetAt ?? null,
          createdAt: START,
          timezone: 'UTC',
          weekStart: 1,
          dayOfMonth: 1,
        },
        now,
      )
    const sumsOf = (budget: Budget | null, isOwn: (row: Row) => boolean) => {
      const periodStart = periodOf(budget, this.now).start
      return {
        spent: this.#sum((row) => isOwn(row) && row.at >= periodStart),
        totalSpent: this.#sum(isOwn),
        periodStart,
      }
    }
    const times = { createdAt: START, updatedAt: START }
    const findCustomer = (id: string): BudgetedCustomer => {
      const { tab, budgetId } = this.customers.get(id)!
      const budget = this.budgets.get(budgetId)!
      const sums = sumsOf(budget, (row) => row.tab === tab)
      return {
        customer: { ...NEW_PROFILE, ...times, tab, id, budgetId, ...sums, told: [], ...NEW_TALLY },
        budget,
      }
    }
    const findKey = (hash: string): BudgetedKey | null => {
      const known = this.keys.get(hash)
      if (known === undefined) return null
      const { id, budgetId } = known
      const budget = budgetId === null ? null : this.budgets.get(budgetId)!
      const sums = sumsOf(budget, (row) => row.keyId === id)
      return { key: { ...NEW_KEY, ...times, id, hash, name: hash, budgetId, ...sums }, budget }
    }
    this.accounts = new Accounts({
      store: {
        findCustomer,
        findOrOpenCustomer: findCustomer,
        spentOnModelSince: (tab, _, since) =>
          this.#sum((row) => row.tab === tab && row.at >= since),
        rates: { usedFree: () => ({ tokens: 0, money: 0 }), marginOf: () => 0 },
        credit: NO_WALLETS,
        keys: {
          find: findKey,
          spentOnModelSince: (id, _, since) =>
            this.#sum((row) => row.keyId === id && row.at >= since),
        },
      },
      budgetOf: (assigned) => assigned,
      periodOf,
      tariffs: new Tariffs(card),
      thresholds: [],
      creditLowAt: null,
    })
    this.gate = gateOver(this.accounts, () => this.now)
  }

  #sum(isCounted: (row: Row) => boolean): Nanos {
    return nanos(this.rows.reduce((sum, row) => sum + (isCounted(row) ? row.charge : 0), 0))
  }

  /** A key of this budget; null: it has none. */
  addKey(hash: string, budgetId: string | null) {
    this.keys.set(hash, { id: this.keys.size + 1, budgetId })
  }

  /** The secret of a key is made anew. */
  regenerate(from: string, to: string) {
    this.keys.set(to, this.keys.get(from)!)
    this.keys.delete(from)
    for (const call of this.live) if (call.key === from) call.key = to
    this.accounts.changed({ keys: [{ from, to }] }, this.now)
  }

  setLimit(budgetId: string, maxBudget: Nanos, mode: BudgetMode | null = null) {
    const made = { createdAt: START, createdBy: '', updatedAt: START, updatedBy: '' }
    const limits = { ...NO_LIMITS, maxBudget, duration: '1h', mode }
    this.budgets.set(budgetId, { ...limits, ...made, id: budgetId, shared: true })
    this.accounts?.changed({ budgets: [budgetId] }, this.now)
  }

  async admit(id: string | null, json: Record<string, unknown>, key: string | null = null) {
    const text = JSON.stringify(json)
    const virtual = key === null ? null : this.accounts.findKey(key, this.now)!.self
    const call = {
      endpoint: ENDPOINTS.CHAT,
      deployment,
      json,
      text,
      bodyBytes: text.length,
      context: 0,
    }
    const applicant = { ...call, customerId: id, key: virtual, model: 'm' }
    const admitted = await admit(applicant, this.gate)
    if (admitted.reservation !== null) {
      this.live.push({ reservation: admitted.reservation, id, key })
    }
    return admitted
  }

  /** The calls in flight that share an account with one of a customer and a key. */
  callsOf(id: string | null, key: string | null) {
    return this.live.filter(
      (call) => (id !== null && call.id === id) || (key !== null && call.key === key),
    )
  }

  /** Ends a call: it read what it read, and wrote a share of what it was allowed to. */
  settle(index: number, share: number) {
    const call = this.live.splice(index, 1)[0]!
    const output = Math.floor(call.reservation.outputTokens * share)
    this.book(call, share === 0 ? ZERO : worstCaseOf(call.reservation, output))
  }

  /** What it cost, and what it used, which a rate card may want to know. */
  book({ reservation, id, key }: (typeof this.live)[number], cost: Nanos, usage = NO_USAGE) {
    const tab = id === null ? null : this.customers.get(id)!.tab
    const keyId = key === null ? null : this.keys.get(key)!.id
    const metered = { tab, keyId, cost, usage, model: 'm', settledAt: this.now } as MeteredRow
    const settlement = this.accounts.settle(reservation, metered, 0)
    const { row } = settlement
    this.rows.push({ tab, keyId, counted: row.counted, charge: row.charge, at: this.now })
    this.accounts.written(reservation)
    return settlement
  }

  /** The sums of the accounts against sums done the long way. Throws where they differ. */
  check() {
    const sums = new Map<LiveOwner, number>()
    for (const { reservation } of this.live) {
      for (const owner of ownersOf(reservation)) {
        const hold = reservation.holds.find(({ on }) => on === owner.main)!
        sums.set(owner, (sums.get(owner) ?? 0) + heldOn(hold, reservation.worstCase))
      }
    }
    const compare = (owner: LiveOwner, what: string, isOwn: (row: Row) => boolean) => {
      const { account, period } = owner.main
      same(account.held, sums.get(owner) ?? 0, `held of ${what} and the sum of its reservations`)
      const booked = this.#sum((row) => isOwn(row) && row.at >= period.start)
      same(account.spent, booked, `spent of ${what} and the sum of its rows in the period`)
    }
    for (const [id, { tab }] of this.customers) {
      compare(this.accounts.find(id, this.now)!, `customer ${id}`, (row) => row.tab === tab)
    }
    for (const [hash, { id }] of this.keys) {
      compare(this.accounts.findKey(hash, this.now)!, `key ${hash}`, (row) => row.keyId === id)
    }
    const { count, money } = this.accounts.heldInAll()
    const held = this.live.reduce((sum, { reservation }) => sum + reservation.worstCase, 0)
    same(count, this.live.length, 'the number of reservations and of calls in flight')
    same(money, held, 'all that is held and the sum of the reservations')
  }
}

function same(actual: number, wanted: number, what: string) {
  if (actual !== wanted) throw new Error(`${what} differ: ${actual} and ${wanted}`)
}
