import { Refusal } from '../errors.ts'
import {
  type Budget,
  type BudgetMode,
  type Limits,
  type ModelBudget,
  NO_LIMITS,
} from '../ledger/budget.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import { rateCardTable } from './rate-cards.ts'

export type FindBudget = (id: string) => Budget | null

/** Budgets in the database. What writes is called inside a transaction of the flush loop. */
export type BudgetTable = {
  find(id: string): Budget | null
  listShared(): Budget[]
  /** Throws `conflict` when the id is taken. */
  insert(budget: Budget): void
  replace(budget: Budget): void
  /** Throws `in_use` while anyone is on it, unless `force`: then they are without a budget. */
  remove(budget: Budget, force: boolean): void
}

/** A place for each column. */
const PLACES = Array.from({ length: 21 }, (_, index) => `?${index + 1}`).join(', ')

export function budgetTable(database: Database): BudgetTable {
  const find = database.prepare('SELECT * FROM budgets WHERE id = ?1')
  const list = database.prepare('SELECT * FROM budgets WHERE shared = 1 ORDER BY created_at, id')
  const insert = database.prepare(`INSERT INTO budgets VALUES (${PLACES})`)
  const replace = database.prepare(`REPLACE INTO budgets VALUES (${PLACES})`)
  const remove = database.prepare('DELETE FROM budgets WHERE id = ?1')
  const on = (table: string) =>
    `(SELECT count(*) FROM ${table} WHERE budget_id = ?1 AND deleted_at IS NULL) AS ${table}`
  const count = database.prepare(`SELECT ${on('customers')}, ${on('keys')}`)
  const release = ['customers', 'keys'].map((table) =>
    database.prepare(`UPDATE ${table} SET budget_id = NULL WHERE budget_id = ?1`),
  )

  const cards = rateCardTable(database)
  const version = ({ rateCard, updatedAt }: Budget) => {
    if (rateCard !== null) cards.version(rateCard, updatedAt)
  }

  const found = (id: string) => {
    const row = find.get(id)
    return row === null ? null : fromRow(row)
  }
  return {
    find: found,
    listShared: () => list.all().map(fromRow),
    insert(budget) {
      if (found(budget.id) !== null) {
        throw new Refusal('conflict', `Budget with id '${budget.id}' already exists.`, {
          param: 'budget_id',
        })
      }
      version(budget)
      insert.run(...toRow(budget))
    },
    replace(budget) {
      version(budget)
      replace.run(...toRow(budget))
    },
    remove({ id }, force) {
      const used = count.get(id)!
      if (!force) refuseInUse(id, used['customers'] as number, used['keys'] as number)
      for (const statement of release) statement.run(id)
      remove.run(id)
    },
  }
}

function refuseInUse(id: string, customers: number, keys: number) {
  if (customers + keys === 0) return
  const some = (count: number, what: string) =>
    count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`]
  const who = [...some(customers, 'customer'), ...some(keys, 'key')].join(' and ')
  const paths = [
    ...(customers > 0 ? ['/customer/update'] : []),
    ...(keys > 0 ? ['/key/update'] : []),
  ].join(' and ')
  throw new Refusal(
    'in_use',
    `${who} ${customers + keys === 1 ? 'is' : 'are'} on budget '${id}'. ` +
      `Move them to another with ${paths}, or send "force": true to leave them without one.`,
    { param: 'id' },
  )
}

/** A new budget of these limits; what is not given is not limited. */
export function newBudget(
  id: string,
  limits: Partial<Limits>,
  by: { readonly shared: boolean; readonly who: string; readonly now: number },
): Budget {
  return {
    ...NO_LIMITS,
    ...limits,
    id,
    shared: by.shared,
    createdAt: by.now,
    createdBy: by.who,
    updatedAt: by.now,
    updatedBy: by.who,
  }
}

export const budgetNotFound = (id: string) =>
  new Refusal('not_found', `Budget with id '${id}' does not exist.`, { param: 'budget_id' })

function toRow(budget: Budget): SqlValue[] {
  return [
    budget.id,
    budget.shared ? 1 : 0,
    budget.maxBudget,
    budget.softBudget,
    budget.maxParallelRequests,
    budget.tpmLimit,
    budget.rpmLimit,
    budget.modelMaxBudget === null ? null : JSON.stringify(budget.modelMaxBudget),
    budget.duration,
    budget.resetAt,
    budget.mode,
    budget.models === null ? null : JSON.stringify(budget.models),
    budget.timezone,
    budget.weekStart,
    budget.dayOfMonth,
    budget.createdAt,
    budget.createdBy,
    budget.updatedAt,
    budget.updatedBy,
    budget.rateCard,
    budget.counts,
  ]
}

function fromRow(row: SqlRow): Budget {
  const models = row['model_max_budget'] as string | null
  const list = row['models'] as string | null
  return {
    id: row['id'] as string,
    shared: row['shared'] === 1,
    maxBudget: row['max_budget'] as Nanos | null,
    softBudget: row['soft_budget'] as Nanos | null,
    maxParallelRequests: row['max_parallel_requests'] as number | null,
    tpmLimit: row['tpm_limit'] as number | null,
    rpmLimit: row['rpm_limit'] as number | null,
    modelMaxBudget: models === null ? null : (JSON.parse(models) as Record<string, ModelBudget>),
    duration: row['duration'] as string | null,
    resetAt: row['reset_at'] as number | null,
    mode: row['mode'] as BudgetMode | null,
    models: list === null ? null : (JSON.parse(list) as string[]),
    timezone: row['timezone'] as string | null,
    weekStart: row['week_start'] as Budget['weekStart'],
    dayOfMonth: row['day_of_month'] as number | null,
    createdAt: row['created_at'] as number,
    createdBy: row['created_by'] as string,
    updatedAt: row['updated_at'] as number,
    updatedBy: row['updated_by'] as string,
    rateCard: row['rate_card'] as string | null,
    counts: row['counts'] as Budget['counts'],
  }
}
