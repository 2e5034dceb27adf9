import { hourOf } from '../ledger/day.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import type { Database, SqlValue } from '../runtime/sqlite.ts'
import { BEFORE } from './pruned.ts'

/** A row of the ledger, as far as sums need it. */
export type Summable = Pick<
  LedgerRow,
  | 'tab'
  | 'keyId'
  | 'model'
  | 'deployment'
  | 'outcome'
  | 'usage'
  | 'cost'
  | 'charge'
  | 'counted'
  | 'freeTokens'
  | 'freeMoney'
  | 'settledAt'
>

/** In place of a tab or a key where there is none: a primary key takes no null. */
export const NOBODY = 0

/** SQL: ids of rows that are not in their sums yet (`unsummed.ts`). */
export const UNSUMMED_IDS = `
  SELECT noted.value FROM unsummed, json_each(unsummed.ids) AS noted
  JOIN ledger ON ledger.id = noted.value JOIN customers ON customers.tab = ledger.tab
  WHERE unsummed.place > customers.summed`

/** SQL: the rows of the ledger that are to be in the sums, and whose day was not pruned. */
export const IS_SUMMED = `settled_at >= ${BEFORE} AND id NOT IN (${UNSUMMED_IDS})`

/**
 * Rows of one customer, key, model and deployment that settled in one hour, added up: no table
 * tells them further apart.
 */
export type Gathered = Pick<Summable, 'tab' | 'keyId' | 'model' | 'deployment'> & {
  /** As `hourOf` numbers it. */
  readonly hour: number
  calls: number
  failedCalls: number
  /** By kind. */
  readonly usage: Record<string, number>
  cost: number
  charge: number
  counted: number
  freeTokens: number
  freeMoney: number
}

/** A table of sums of ledger rows: what its rows are told apart by, and what is summed. */
export type SumTable = {
  readonly table: string
  readonly group: readonly string[]
  readonly sums: readonly string[]
  /** The values of `group`. */
  groupOf(rows: Gathered): readonly SqlValue[]
  /** The values of `sums`. */
  partsOf(rows: Gathered): number[]
}

/** `groupOf`: what tells rows apart, if it is less than that. */
export function gathered(
  rows: Iterable<Summable>,
  groupOf: (row: Summable) => string | number = groupOfRow,
): Gathered[] {
  const all = new Map<string | number, Gathered>()
  for (const row of rows) {
    const key = groupOf(row)
    let of = all.get(key)
    if (of === undefined) {
      const { tab, keyId, model, deployment } = row
      const hour = hourOf(row.settledAt)
      of = { tab, keyId, model, deployment, hour, usage: {}, ...NOTHING }
      all.set(key, of)
    }
    addTo(of, row)
  }
  return [...all.values()]
}

const groupOfRow = ({ tab, keyId, model, deployment, settledAt }: Summable): string =>
  keyOf([tab, keyId, model, deployment, hourOf(settledAt)])

const NOTHING = {
  calls: 0,
  failedCalls: 0,
  cost: 0,
  charge: 0,
  counted: 0,
  freeTokens: 0,
  freeMoney: 0,
}

function addTo(of: Gathered, row: Summable) {
  if (row.outcome !== 'correction') of.calls++
  if (row.outcome === 'upstream_failed') of.failedCalls++
  for (const kind in row.usage) of.usage[kind] = (of.usage[kind] ?? 0) + row.usage[kind]!
  of.cost += row.cost
  of.charge += row.charge
  of.counted += row.counted
  of.freeTokens += row.freeTokens
  of.freeMoney += row.freeMoney
}

/**
 * Makes the function that adds ledger rows to their sums: those of one group are added up here, and
 * its row in the table is written once, however many they are.
 */
export function sumWriter(
  database: Database,
  { table, group, sums, groupOf, partsOf }: SumTable,
): (all: readonly Gathered[]) => void {
  const columns = [...group, ...sums]
  const add = database.prepare(`
    INSERT INTO ${table} (${columns.join(', ')})
    VALUES (${columns.map((_, index) => `?${index + 1}`).join(', ')})
    ON CONFLICT DO UPDATE SET ${sums.map((name) => `${name} = ${name} + excluded.${name}`).join()}`)

  return (all) => {
    const groups = new Map<string, { readonly names: readonly SqlValue[]; parts: number[] }>()
    for (const rows of all) {
      const names = groupOf(rows)
      const parts = partsOf(rows)
      const key = keyOf(names)
      const known = groups.get(key)
      if (known === undefined) groups.set(key, { names, parts })
      else for (const [at, part] of parts.entries()) known.parts[at]! += part
    }
    for (const { names, parts } of groups.values()) add.run(...names, ...parts)
  }
}

/** With the length of each text, because no character could stand between what clients write. */
function keyOf(names: readonly SqlValue[]): string {
  let key = ''
  for (const name of names) key += typeof name === 'string' ? `${name.length}:${name}` : `${name},`
  return key
}
