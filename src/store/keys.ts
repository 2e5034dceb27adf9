import { Refusal } from '../errors.ts'
import type { BudgetedKey, KeyProfile, KeyRole, VirtualKey } from '../ledger/key.ts'
import type { Nanos } from '../ledger/money.ts'
import { WHOLE_LIFE } from '../ledger/period.ts'
import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import type { BudgetTable } from './budgets.ts'
import type { PeriodOf } from './customers.ts'
import type { LedgerTable } from './ledger.ts'

/** Virtual keys in the database. What writes is called inside a transaction of the flush loop. */
export type KeyTable = {
  /** The key of a hash with its budget, its sums being those of the period that holds `now`. */
  find(hash: string, now: number): BudgetedKey | null
  findByAlias(alias: string, now: number): BudgetedKey | null
  list(query: KeyQuery, now: number): { keys: BudgetedKey[]; total: number }
  /** A number that was never given out before. */
  nextId(): number
  insert(key: VirtualKey): void
  /** All but its sums. Throws `conflict` for an alias or a hash that another key has. */
  replace(key: VirtualKey): void
  remove(id: number, now: number): void
}

/** A page of keys: which of them, and in what order. */
export type KeyQuery = {
  /** From 1. */
  readonly page: number
  readonly pageSize: number
  readonly alias: string | null
  readonly hash: string | null
  readonly customerId: string | null
  /** A part of the alias, the customer's id or the name. Null: all. */
  readonly search: string | null
  /** By their JSON names; only keys that have all of these. */
  readonly labels: Readonly<Record<string, string>>
  readonly sort: keyof typeof SORTS
  readonly descending: boolean
}

/** What a list can be sorted by, and the column of each. */
const SORTS = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  spend: 'spent',
  max_budget: '(SELECT max_budget FROM budgets WHERE budgets.id = budget_id)',
  token: 'hash',
  key_alias: 'alias',
} as const

/** The columns that an operator's word changes, in the order of `toRow`. */
const COLUMNS = [
  'hash',
  'name',
  'alias',
  'customer_id',
  'role',
  'blocked',
  'expires_at',
  'models',
  'budget_id',
  'metadata',
  'labels',
  'updated_at',
]

export function keyTable(
  database: Database,
  parts: {
    readonly budgets: BudgetTable
    readonly ledger: LedgerTable
    readonly periodOf: PeriodOf
  },
): KeyTable {
  const { budgets, ledger } = parts
  const by = (column: string) =>
    database.prepare(`SELECT * FROM keys WHERE ${column} = ?1 AND deleted_at IS NULL`)
  const byHash = by('hash')
  const byAlias = by('alias')
  const insert = database.prepare(
    `INSERT INTO keys (id, spent, total_spent, period_start, created_at, ${COLUMNS.join(', ')})
     VALUES (?1, ?2, ?3, ?4, ?5, ${COLUMNS.map((_, index) => `?${index + 6}`).join(', ')})`,
  )
  const replace = database.prepare(
    `UPDATE keys SET ${COLUMNS.map((name, index) => `${name} = ?${index + 2}`).join(', ')}
     WHERE id = ?1`,
  )
  const remove = database.prepare('UPDATE keys SET deleted_at = ?2 WHERE id = ?1')
  const lastId = database.prepare('SELECT coalesce(max(id), 0) AS id FROM keys')
  let ids = Number(lastId.get()?.['id'])

  /** A row as it is now: a sum cached in an earlier period is summed anew for this one. */
  const current = (row: SqlRow | null, now: number): BudgetedKey | null => {
    if (row === null) return null
    const key = fromRow(row)
    const budget = key.budgetId === null ? null : budgets.find(key.budgetId)
    const { start } = budget === null ? WHOLE_LIFE : parts.periodOf(budget, now)
    if (start === key.periodStart) return { key, budget }
    const spent = ledger.keys.spentSince(key.id, start)
    return { key: { ...key, spent, periodStart: start }, budget }
  }
  const requireFree = ({ id, hash, alias }: VirtualKey) => {
    const taken = (row: SqlRow | null) => row !== null && row['id'] !== id
    if (alias !== null && taken(byAlias.get(alias))) throw aliasTaken(alias)
    if (taken(byHash.get(hash))) throw keyTaken()
  }

  return {
    find: (hash, now) => current(byHash.get(hash), now),
    findByAlias: (alias, now) => current(byAlias.get(alias), now),
    list(query, now) {
      const { where, values } = conditions(query)
      const order = `${SORTS[query.sort]} ${query.descending ? 'DESC' : 'ASC'}, id`
      const counted = database.prepare(`SELECT count(*) AS n FROM keys WHERE ${where}`)
      const page = database.prepare(
        `SELECT * FROM keys WHERE ${where} ORDER BY ${order}
         LIMIT ?${values.length + 1} OFFSET ?${values.length + 2}`,
      )
      const offset = (query.page - 1) * query.pageSize
      return {
        total: Number(counted.get(...values)?.['n']),
        keys: page.all(...values, query.pageSize, offset).map((row) => current(row, now)!),
      }
    },
    nextId: () => ++ids,
    insert(key) {
      requireFree(key)
      const { id, spent, totalSpent, periodStart, createdAt } = key
      insert.run(id, spent, totalSpent, periodStart, createdAt, ...toRow(key))
    },
    replace(key) {
      requireFree(key)
      replace.run(key.id, ...toRow(key))
    },
    remove: (id, now) => remove.run(id, now),
  }
}

/** LiteLLM's sentence, which scripts match on. */
const aliasTaken = (alias: string) =>
  new Refusal(
    'conflict',
    `Key with alias '${alias}' already exists. Unique key aliases across all keys are required.`,
    { param: 'key_alias' },
  )

const keyTaken = () => new Refusal('conflict', 'This key exists already.', { param: 'key' })

/** `param` is the field that named it: `key`, `keys` or `key_aliases`. */
export const keyNotFound = (param: string, which: string | null = null) =>
  new Refusal('not_found', `Key not found in database${which === null ? '' : `: ${which}`}`, {
    param,
  })

function conditions(query: KeyQuery): { where: string; values: SqlValue[] } {
  const clauses = ['deleted_at IS NULL']
  const values: SqlValue[] = []
  const only = (column: string, value: SqlValue) => {
    if (value === null) return
    values.push(value)
    clauses.push(`${column} = ?${values.length}`)
  }
  only('alias', query.alias)
  only('hash', query.hash)
  only('customer_id', query.customerId)
  if (query.search !== null) {
    values.push(`%${query.search.replace(/[\\%_]/g, '\\$&')}%`)
    const like = ['alias', 'customer_id', 'name'].map(
      (column) => `${column} LIKE ?${values.length} ESCAPE '\\'`,
    )
    clauses.push(`(${like.join(' OR ')})`)
  }
  for (const [name, value] of Object.entries(query.labels)) only(`labels ->> '${name}'`, value)
  return { where: clauses.join(' AND '), values }
}

const toRow = (key: KeyProfile & Pick<VirtualKey, 'hash' | 'name' | 'updatedAt'>): SqlValue[] => [
  key.hash,
  key.name,
  key.alias,
  key.customerId,
  key.role,
  key.blocked ? 1 : 0,
  key.expiresAt,
  key.models === null ? null : JSON.stringify(key.models),
  key.budgetId,
  JSON.stringify(key.metadata),
  JSON.stringify(key.labels),
  key.updatedAt,
]

function fromRow(row: SqlRow): VirtualKey {
  const models = row['models'] as string | null
  return {
    id: row['id'] as number,
    hash: row['hash'] as string,
    name: row['name'] as string,
    alias: row['alias'] as string | null,
    customerId: row['customer_id'] as string | null,
    role: row['role'] as KeyRole,
    blocked: row['blocked'] === 1,
    expiresAt: row['expires_at'] as number | null,
    models: models === null ? null : (JSON.parse(models) as string[]),
    budgetId: row['budget_id'] as string | null,
    metadata: JSON.parse(row['metadata'] as string) as Record<string, unknown>,
    labels: JSON.parse(row['labels'] as string) as Record<string, unknown>,
    spent: row['spent'] as Nanos,
    totalSpent: row['total_spent'] as Nanos,
    periodStart: row['period_start'] as number,
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}
