import { Refusal } from '../errors.ts'
import type { Budget } from '../ledger/budget.ts'
import type { BudgetedCustomer, Customer, Profile } from '../ledger/customer.ts'
import { type Nanos, plus } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import type { BudgetTable } from './budgets.ts'
import { CREATE_COUNTS, customerCounts } from './customer-counts.ts'
import {
  CREATE_CUSTOMER_LIST,
  customerList,
  type ListedRows,
  type ListQuery,
} from './customer-list.ts'
import type { LedgerTable } from './ledger.ts'
import { CREATE_NEAR_LIMITS, type NearLimits, nearLimits } from './near-limits.ts'
import type { SumUp } from './summing.ts'

/** Customers in the database. What writes is called inside a transaction of the flush loop. */
export type CustomerTable = {
  /** The customer with its budget, its sums being those of the period that holds `now`. */
  find(id: string, now: number): BudgetedCustomer | null
  list(query: ListQuery, now: number): Promise<CustomerPage>
  readonly near: NearLimits
  /** A tab number that was never given out before. */
  nextTab(): number
  insert(customer: Customer): void
  replaceProfile(customer: Customer): void
  /** Its sums of the current period, where that is another than the one they were of. */
  replaceSums(customer: Customer): void
  remove(tab: number, now: number): void
}

/** The migration that makes what lists, counts and limits are found by. */
export const CREATE_WAYS_TO_CUSTOMERS = CREATE_COUNTS + CREATE_CUSTOMER_LIST + CREATE_NEAR_LIMITS

/** A page of a list of customers (`ListedRows`). */
export type CustomerPage = Omit<ListedRows, 'rows'> & {
  readonly customers: readonly BudgetedCustomer[]
}

export type PeriodOf = (budget: Budget | null, now: number) => Period

export function customerTable(
  database: Database,
  parts: {
    readonly budgets: BudgetTable
    readonly ledger: LedgerTable
    readonly periodOf: PeriodOf
    /** Makes sums before they are read. */
    readonly sumUp: SumUp
  },
): CustomerTable {
  const find = database.prepare('SELECT * FROM customers WHERE id = ?1 AND deleted_at IS NULL')
  const insert = database.prepare(
    `INSERT INTO customers (tab, id, alias, blocked, allowed_model_region, default_model, budget_id,
        metadata, rate_card, spent, total_spent, period_start, told, created_at, updated_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '[]', ?13, ?14)`,
  )
  const replaceProfile = database.prepare(`
    UPDATE customers SET alias = ?2, blocked = ?3, allowed_model_region = ?4, default_model = ?5,
      budget_id = ?6, metadata = ?7, rate_card = ?8, updated_at = ?9 WHERE tab = ?1`)
  const replaceSums = database.prepare(
    'UPDATE customers SET spent = ?2, period_start = ?3, told = ?4 WHERE tab = ?1',
  )
  const remove = database.prepare('UPDATE customers SET deleted_at = ?2 WHERE tab = ?1')
  const lastTab = database.prepare('SELECT coalesce(max(tab), 0) AS tab FROM customers')
  const list = customerList(database, customerCounts(database))
  let tabs = Number(lastTab.get()?.['tab'])

  /**
   * A row as it is now, with what waits to be summed up. A sum cached in an earlier period is
   * summed anew for this one.
   */
  const current = (row: SqlRow, now: number): BudgetedCustomer => {
    const customer = fromRow(row)
    const budget = customer.budgetId === null ? null : parts.budgets.find(customer.budgetId)
    const { start } = parts.periodOf(budget, now)
    const { tab, periodStart, told } = customer
    const { charge, counted } = parts.ledger.unsummed.on(tab, start)
    const isSame = start === periodStart
    const spent =
      isSame && counted !== null
        ? plus(customer.spent, counted)
        : parts.ledger.tabs.spentSince(tab, start)
    const sums = { spent, totalSpent: plus(customer.totalSpent, charge), periodStart: start }
    return { customer: { ...customer, ...sums, told: isSame ? told : [] }, budget }
  }

  return {
    find(id, now) {
      const row = find.get(id)
      return row === null ? null : current(row, now)
    },
    async list(query, now) {
      await parts.sumUp()
      const { rows, ...page } = await list(query)
      return { ...page, customers: rows.map((row) => current(row, now)) }
    },
    near: nearLimits(database, { current, sumUp: parts.sumUp }),
    nextTab: () => ++tabs,
    insert: (customer) =>
      insert.run(
        customer.tab,
        customer.id,
        ...profileRow(customer),
        customer.spent,
        customer.totalSpent,
        customer.periodStart,
        customer.createdAt,
        customer.updatedAt,
      ),
    replaceProfile(customer) {
      const { rateCard, updatedAt } = customer
      if (rateCard !== null) parts.ledger.cards.version(rateCard, updatedAt)
      replaceProfile.run(customer.tab, ...profileRow(customer), updatedAt)
    },
    replaceSums: ({ tab, spent, periodStart, told }) =>
      replaceSums.run(tab, spent, periodStart, JSON.stringify(told)),
    remove: (tab, now) => remove.run(tab, now),
  }
}

export const customerExists = (id: string) =>
  new Refusal(
    'conflict',
    `Customer already exists, passed user_id=${id}. Please pass a new user_id.`,
    { param: 'user_id' },
  )

/** `param` is the field that named them: `end_user_id`, `user_id` or `user_ids`. */
export function customersNotFound(ids: readonly string[], param: string): Refusal {
  const message =
    ids.length === 1
      ? `End User Id=${ids[0]} does not exist in db`
      : `End User Id(s)=${ids.join(', ')} do not exist in db`
  return new Refusal('not_found', message, { param })
}

const profileRow = (profile: Profile): SqlValue[] => [
  profile.alias,
  profile.blocked ? 1 : 0,
  profile.allowedModelRegion,
  profile.defaultModel,
  profile.budgetId,
  JSON.stringify(profile.metadata),
  profile.rateCard,
]

function fromRow(row: SqlRow): Customer {
  return {
    tab: row['tab'] as number,
    id: row['id'] as string,
    alias: row['alias'] as string | null,
    blocked: row['blocked'] === 1,
    allowedModelRegion: row['allowed_model_region'] as string | null,
    defaultModel: row['default_model'] as string | null,
    budgetId: row['budget_id'] as string | null,
    metadata: JSON.parse(row['metadata'] as string) as Record<string, unknown>,
    rateCard: row['rate_card'] as string | null,
    marginToldOn: row['margin_told_on'] as number | null,
    spent: row['spent'] as Nanos,
    totalSpent: row['total_spent'] as Nanos,
    periodStart: row['period_start'] as number,
    told: JSON.parse(row['told'] as string) as string[],
    credit:
      row['balance'] === null
        ? null
        : { balance: row['balance'] as Nanos, isExhaustedTold: row['exhausted_told'] === 1 },
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}
