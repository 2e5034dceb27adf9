import { Refusal } from '../../src/errors.ts'
import type { BudgetStore } from '../../src/http/budgets.ts'
import type { CustomerStore } from '../../src/http/customers.ts'
import { type Budget, type Limits, NO_LIMITS } from '../../src/ledger/budget.ts'
import { type BudgetedCustomer, type Customer, NEW_PROFILE } from '../../src/ledger/customer.ts'
import { ZERO } from '../../src/ledger/money.ts'

/** The moment at which everything happens: 2026-11-01T09:30:00.000Z. */
export const NOW = Date.UTC(2026, 10, 1, 9, 30)

export type FakeStore = CustomerStore &
  BudgetStore & {
    /** What was committed, in order: `create alice`, `delete a b` … */
    readonly commits: string[]
  }

/**
 * Both stores, in memory. As awkward as the real one: a write is a commit of later, after all else
 * that is due has run, so a route that forgets to wait for it answers too early.
 */
export function fakeStore(): FakeStore {
  const customers = new Map<string, Customer>()
  const budgets = new Map<string, Budget>()
  const commits: string[] = []
  let tabs = 0

  const commit = async <Result>(what: string, change: () => Result): Promise<Result> => {
    await new Promise((resolve) => setImmediate(() => setTimeout(resolve, 0)))
    const result = change()
    commits.push(what)
    return result
  }
  const withBudget = (customer: Customer): BudgetedCustomer => ({
    customer,
    budget: customer.budgetId === null ? null : (budgets.get(customer.budgetId) ?? null),
  })
  const make = (id: string): Customer => {
    const times = { periodStart: 0, createdAt: NOW, updatedAt: NOW }
    const nothing = { told: [], credit: null, marginToldOn: null }
    return { ...NEW_PROFILE, ...nothing, tab: ++tabs, id, spent: ZERO, totalSpent: ZERO, ...times }
  }
  const makeBudget = (id: string, limits: Partial<Limits>, shared: boolean, who: string) => {
    const by = { createdAt: NOW, createdBy: who, updatedAt: NOW, updatedBy: who }
    const budget: Budget = { ...NO_LIMITS, ...limits, id, shared, ...by }
    budgets.set(id, budget)
    return budget
  }
  const findBudget = (id: string): Budget => {
    const budget = budgets.get(id)
    if (budget !== undefined) return budget
    throw new Refusal('not_found', `Budget with id '${id}' does not exist.`, { param: 'budget_id' })
  }
  const apply: (customer: Customer, ...rest: Change) => BudgetedCustomer = (customer, change) => {
    const { profile, limits, spent } = change
    if (profile.budgetId) findBudget(profile.budgetId)
    const before = withBudget(customer).budget
    const own = limits && { ...before, ...limits }
    const budgetId = own
      ? makeBudget(`own-${customer.id}`, own, false, 'default_user_id').id
      : (profile.budgetId ?? null)
    const keeps = !own && profile.budgetId === undefined
    const changed: Customer = {
      ...customer,
      ...profile,
      budgetId: keeps ? customer.budgetId : budgetId,
      spent: spent ?? customer.spent,
      totalSpent: spent ?? customer.totalSpent,
    }
    customers.set(changed.id, changed)
    return withBudget(changed)
  }

  return {
    commits,
    findCustomer(id) {
      const customer = customers.get(id)
      return customer === undefined ? null : withBudget(customer)
    },
    async listCustomers(query) {
      const found = [...customers.values()]
        .filter(({ id, alias }) => `${id} ${alias ?? ''}`.includes(query.search ?? ''))
        .filter(({ blocked }) => query.blocked === null || blocked === query.blocked)
        .filter(({ budgetId }) => query.budgetId === null || budgetId === query.budgetId)
        .sort((a, b) => (a.id < b.id ? -1 : 1) * (query.descending ? -1 : 1))
      const behind = found.findIndex(({ tab }) => tab === query.after?.tab) + 1
      const from = query.after === null ? (query.page - 1) * query.pageSize : behind
      const page = found.slice(from, from + query.pageSize)
      const isLast = from + query.pageSize >= found.length
      const { tab, createdAt: value } = page.at(-1) ?? { tab: 0, createdAt: 0 }
      return {
        customers: page.map(withBudget),
        next: isLast ? null : { value, tab },
        total: found.length,
        totalAtLeast: null,
      }
    },
    createCustomer: (customer) =>
      commit(`create ${customer.id}`, () => {
        if (customers.has(customer.id)) {
          const message = `Customer already exists, passed user_id=${customer.id}. Please pass a new user_id.`
          throw new Refusal('conflict', message, { param: 'user_id' })
        }
        return apply(make(customer.id), customer)
      }),
    updateCustomer: (id, change) =>
      commit(`update ${id}`, () => {
        const customer = customers.get(id)
        if (customer !== undefined) return apply(customer, change)
        const message = `End User Id=${id} does not exist in db`
        throw new Refusal('not_found', message, { param: 'user_id' })
      }),
    deleteCustomers: (ids) =>
      commit(`delete ${ids.join(' ')}`, () => {
        const unknown = ids.filter((id) => !customers.has(id))
        if (unknown.length > 0) {
          const which =
            unknown.length === 1 ? `Id=${unknown[0]} does` : `Id(s)=${unknown.join(', ')} do`
          const message = `End User ${which} not exist in db`
          throw new Refusal('not_found', message, { param: 'user_ids' })
        }
        for (const id of ids) customers.delete(id)
      }),
    setBlocked: (ids, blocked) =>
      commit(`${blocked ? 'block' : 'unblock'} ${ids.join(' ')}`, () =>
        ids.map((id) => {
          const customer = { ...(customers.get(id) ?? make(id)), blocked }
          customers.set(id, customer)
          return withBudget(customer)
        }),
      ),
    countCustomers: ({ budgetId }) =>
      [...customers.values()].filter((customer) => customer.budgetId === budgetId).length,
    findBudgets: (ids) => ids.flatMap((id) => budgets.get(id) ?? []),
    listBudgets: () => [...budgets.values()].filter((budget) => budget.shared),
    createBudget: ({ id, limits, createdBy }) =>
      commit(`create budget ${id}`, () => {
        if (budgets.has(id)) {
          const message = `Budget with id '${id}' already exists.`
          throw new Refusal('conflict', message, { param: 'budget_id' })
        }
        return makeBudget(id, limits, true, createdBy)
      }),
    updateBudget: (id, limits, updatedBy) =>
      commit(`update budget ${id}`, () => {
        const budget = { ...findBudget(id), ...limits, updatedBy }
        budgets.set(id, budget)
        return budget
      }),
    deleteBudget: (id, force) =>
      commit(`delete budget ${id}`, () => {
        const budget = findBudget(id)
        const on = [...customers.values()].filter((customer) => customer.budgetId === id)
        if (on.length > 0 && !force) {
          throw new Refusal('in_use', `${on.length} customers are on budget '${id}'.`, {
            param: 'id',
          })
        }
        for (const customer of on) customers.set(customer.id, { ...customer, budgetId: null })
        budgets.delete(id)
        return budget
      }),
  }
}

type Change = [Parameters<CustomerStore['updateCustomer']>[1]]
