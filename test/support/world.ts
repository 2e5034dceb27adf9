import type { BudgetRules } from '../../src/config/config.ts'
import { DEFAULT_UPSTREAM_RULES } from '../../src/config/upstream-rules.ts'
import { Accounts, type LiveCustomer, type Reservation } from '../../src/gateway/accounts.ts'
import { type Admission, admit } from '../../src/gateway/admit.ts'
import type { Deployment } from '../../src/gateway/deployments.ts'
import { worstCaseOf } from '../../src/gateway/reserve.ts'
import { type Budget, NO_LIMITS } from '../../src/ledger/budget.ts'
import { type BudgetedCustomer, NEW_PROFILE } from '../../src/ledger/customer.ts'
import { type Nanos, nanos, ZERO } from '../../src/ledger/money.ts'
import { periodAt } from '../../src/ledger/period.ts'
import type { LedgerRow } from '../../src/ledger/settlement.ts'

const START = Date.UTC(2026, 0, 15)
export const encode = (text: string) => Math.ceil(text.length / 4)
const rate = (dollars: number) => nanos(dollars * 1e9)
export const rates = {
  input: rate(3),
  cachedInput: rate(1),
  cacheWrite: rate(4),
  inputAudio: rate(3),
  output: rate(15),
  reasoning: rate(15),
  outputAudio: rate(15),
}
export const deployment: Deployment = {
  id: 'm#1',
  modelName: 'm',
  provider: 'openai',
  upstreamModel: 'm',
  apiBase: null,
  apiKey: null,
  extraHeaders: {},
  mockResponse: null,
  price: { rates, tiers: [], source: 'test' },
  priceSnapshot: null,
  timeoutMs: 1,
  rules: DEFAULT_UPSTREAM_RULES,
  region: null,
  outputTokensMax: 1_000,
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

/** Customers and tiers in memory, as much of a store as the accounts need. */
export class World {
  now = START
  readonly rows: { tab: number; charge: Nanos; at: number }[] = []
  readonly budgets = new Map<string, Budget>()
  readonly customers = new Map<string, { tab: number; budgetId: string }>()
  readonly accounts: Accounts
  readonly gate: Admission
  /** Charges that are not on disk yet. */
  readonly live: { reservation: Reservation; id: string }[] = []

  constructor(ids: readonly string[], limit: Nanos) {
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
    const spentSince = (tab: number, since: number) =>
      nanos(
        this.rows.reduce(
          (sum, row) => sum + (row.tab === tab && row.at >= since ? row.charge : 0),
          0,
        ),
      )
    const findCustomer = (id: string): BudgetedCustomer => {
      const { tab, budgetId } = this.customers.get(id)!
      const budget = this.budgets.get(budgetId)!
      const periodStart = periodOf(budget, this.now).start
      const times = { createdAt: START, updatedAt: START }
      const customer = {
        ...NEW_PROFILE,
        ...times,
        tab,
        id,
        budgetId,
        spent: spentSince(tab, periodStart),
        totalSpent: spentSince(tab, 0),
        periodStart,
        told: [],
      }
      return { customer, budget }
    }
    this.accounts = new Accounts({
      store: {
        findCustomer,
        findOrOpenCustomer: findCustomer,
        spentOnModelSince: (tab, _, since) => spentSince(tab, since),
      },
      budgetOf: (assigned) => assigned,
      periodOf,
      thresholds: [],
    })
    this.gate = {
      accounts: this.accounts,
      isHealthy: () => true,
      budgetExceededStatus: 429,
      rules,
      tokenizerFor: async () => encode,
      now: () => this.now,
    }
  }

  setLimit(budgetId: string, maxBudget: Nanos) {
    const made = { createdAt: START, createdBy: '', updatedAt: START, updatedBy: '' }
    const limits = { ...NO_LIMITS, maxBudget, duration: '1h' }
    this.budgets.set(budgetId, { ...limits, ...made, id: budgetId, shared: true })
    this.accounts?.changed({ customers: [], budgets: [budgetId] }, this.now)
  }

  async admit(id: string, json: Record<string, unknown>) {
    const bodyBytes = JSON.stringify(json).length
    const admitted = await admit({ customerId: id, deployment, json, bodyBytes }, this.gate)
    this.live.push({ reservation: admitted.reservation!, id })
    return admitted
  }

  /** Ends a call: it read what it read, and wrote a share of what it was allowed to. */
  settle(index: number, share: number) {
    const [{ reservation, id }] = this.live.splice(index, 1) as [(typeof this.live)[number]]
    const output = Math.floor(reservation.outputTokens * share)
    const charge = share === 0 ? ZERO : worstCaseOf(reservation, output)
    this.book(reservation, id, charge)
  }

  book(reservation: Reservation, id: string, charge: Nanos) {
    const { tab } = this.customers.get(id)!
    const row = { tab, charge, settledAt: this.now } as LedgerRow
    this.accounts.settle(reservation, row, 0)
    this.rows.push({ tab, charge, at: this.now })
    this.accounts.written(reservation)
  }

  /** The sums of the accounts against sums done the long way. Throws where they differ. */
  check() {
    const sums = new Map<LiveCustomer, number>()
    for (const { reservation } of this.live) {
      const { live, worstCase } = reservation
      sums.set(live, (sums.get(live) ?? 0) + worstCase)
    }
    for (const [id, { tab }] of this.customers) {
      const live = this.accounts.find(id, this.now)!
      const { spent, held } = live.main.account
      same(held, sums.get(live) ?? 0, `held of ${id} and the sum of its reservations`)
      const booked = this.rows.filter((row) => row.tab === tab && row.at >= live.main.period.start)
      const sum = booked.reduce((sum, row) => sum + row.charge, 0)
      same(spent, sum, `spent of ${id} and the sum of its rows in the period`)
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
