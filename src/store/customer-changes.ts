import { Refusal } from '../errors.ts'
import type { Limits } from '../ledger/budget.ts'
import {
  type BudgetedCustomer,
  type Credit,
  type Customer,
  NEW_PROFILE,
  type Profile,
} from '../ledger/customer.ts'
import { dollarsText, minus, type Nanos, plus, ZERO } from '../ledger/money.ts'
import { correction } from '../ledger/settlement.ts'
import { budgetChanges } from './budget-changes.ts'
import type { BudgetTable } from './budgets.ts'
import {
  type CustomerTable,
  customerExists,
  customersNotFound,
  type PeriodOf,
} from './customers.ts'
import type { LedgerTable } from './ledger.ts'

export type CustomerChange = {
  readonly profile: Partial<Profile>
  /** Own limits; null: none were given. */
  readonly limits: Partial<Limits> | null
  /** What the spend of this period shall be; null: as it is. */
  readonly spent: Nanos | null
  /** Whether it shall have a wallet. Null or not given: as it is. */
  readonly wallet?: boolean | null
}

export type NewCustomer = CustomerChange & { readonly id: string }

/** What an operator does to customers; each is called inside a transaction of the flush loop. */
export type CustomerChanges = {
  /** A customer that is in no table yet. */
  make(id: string, profile: Partial<Profile>): Customer
  create(given: NewCustomer): BudgetedCustomer
  update(id: string, change: CustomerChange): BudgetedCustomer
  remove(ids: readonly string[]): void
  setBlocked(ids: readonly string[], blocked: boolean): readonly BudgetedCustomer[]
}

export function customerChanges(parts: {
  readonly customers: CustomerTable
  readonly budgets: BudgetTable
  readonly ledger: LedgerTable
  readonly periodOf: PeriodOf
  readonly now: () => number
  readonly newId: () => string
}): CustomerChanges {
  const { customers, ledger, periodOf } = parts
  const correct = corrector(parts)
  const budgetAfter = budgetChanges(parts)

  const make = (id: string, profile: Partial<Profile>): Customer => {
    const now = parts.now()
    const periodStart = periodOf(null, now).start
    const sums = { spent: ZERO, totalSpent: ZERO, periodStart, told: [] }
    const nothing = { credit: null, marginToldOn: null }
    const tab = customers.nextTab()
    return {
      ...NEW_PROFILE,
      ...profile,
      tab,
      id,
      ...sums,
      ...nothing,
      createdAt: now,
      updatedAt: now,
    }
  }

  /** Makes or takes away a wallet. Throws `in_use` for one that is not empty. */
  const creditAfter = ({ tab, id, credit }: Customer, wallet: boolean | null): Credit | null => {
    if (wallet === null || wallet === (credit !== null)) return credit
    if (credit === null) {
      ledger.credits.open(tab)
      ledger.opened.add(tab)
      return { balance: ZERO, isExhaustedTold: false }
    }
    if (credit.balance !== 0) throw walletNotEmpty(id, credit.balance)
    ledger.credits.close(tab)
    return null
  }

  const apply = (known: BudgetedCustomer, change: CustomerChange): BudgetedCustomer => {
    const now = parts.now()
    const { budgetId } = change.profile
    const budget = budgetAfter(known.budget, { budgetId, limits: change.limits })
    const customer: Customer = {
      ...known.customer,
      ...change.profile,
      budgetId: budget?.id ?? null,
      updatedAt: now,
    }
    customers.replaceProfile(customer)
    const credit = creditAfter(customer, change.wallet ?? null)
    const { start } = periodOf(budget, now)
    const told = start === customer.periodStart ? customer.told : []
    const spent = ledger.tabs.spentSince(customer.tab, start)
    const current = { ...customer, spent, periodStart: start, told, credit }
    // Lists and limits look for the sum that is written: on another budget it is of another period.
    customers.replaceSums(current)
    return { customer: correct(current, { spent: change.spent, now }), budget }
  }

  const find = (id: string) => findSummed(id, parts)

  return {
    make,
    create(given) {
      if (find(given.id) !== null) throw customerExists(given.id)
      const customer = make(given.id, given.profile)
      customers.insert(customer)
      return apply({ customer, budget: null }, given)
    },
    update(id, change) {
      const known = find(id)
      if (known === null) throw customersNotFound([id], 'user_id')
      return apply(known, change)
    },
    remove(ids) {
      const unknown = ids.filter((id) => find(id) === null)
      if (unknown.length > 0) throw customersNotFound(unknown, 'user_ids')
      for (const { customer, budget } of new Set(ids).values().map((id) => find(id)!)) {
        customers.remove(customer.tab, parts.now())
        budgetAfter(budget, { budgetId: null, limits: null })
      }
    },
    setBlocked: (ids, blocked) =>
      ids.map((id) => {
        const change = { profile: { blocked }, limits: null, spent: null }
        const known = find(id)
        if (known !== null) return apply(known, change)
        const customer = make(id, { blocked })
        customers.insert(customer)
        return { customer, budget: null }
      }),
  }
}

export const walletNotEmpty = (id: string, balance: Nanos) =>
  new Refusal(
    'in_use',
    `The wallet of End User=${id} is not empty: its balance is ${dollarsText(balance)} dollars. ` +
      'Bring it to 0 with /customer/credit/refund or /customer/credit/adjust first.',
    { param: 'wallet' },
  )

/** One whose sums may be replaced: what waited to be added to those that are written has been. */
function findSummed(
  id: string,
  { customers, ledger, now }: Parameters<typeof customerChanges>[0],
): BudgetedCustomer | null {
  const known = customers.find(id, now())
  if (known !== null) ledger.unsummed.sum([known.customer.tab])
  return known
}

/** Brings the spend to what the operator says it is, by a row like any other. */
function corrector({
  ledger,
  newId,
}: {
  readonly ledger: LedgerTable
  readonly newId: () => string
}) {
  return (
    customer: Customer,
    to: { readonly spent: Nanos | null; readonly now: number },
  ): Customer => {
    const { spent, now } = to
    if (spent === null || spent === customer.spent) return customer
    const difference = minus(spent, customer.spent)
    const { tab, id: customerId, periodStart } = customer
    const on = { tab, customerId, keyId: null }
    const row = correction(on, { id: newId(), difference, now })
    ledger.book({ row, after: { periodStart, told: [] }, key: null, credit: 'apart' })
    return { ...customer, spent, totalSpent: plus(customer.totalSpent, difference) }
  }
}
