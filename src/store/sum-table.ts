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

/** SQL: ids of rows that are not in their sums yet (`unsummed.ts`). */
export const UNSUMMED_IDS = `
  SELECT noted.value FROM unsummed, json_each(unsummed.ids) AS noted
  JOIN ledger ON ledger.id = noted.value JOIN customers ON customers.tab = ledger.tab
  WHERE unsummed.place > customers.summed`

/** SQL: the rows of the ledger that are to be in the sums, and whose day was not pruned. */
export const IS_SUMMED = `settled_at >= ${BEFORE} AND id NOT IN (${UNSUMMED_IDS})`

/** A table of sums of ledger rows: what its rows are told apart by, and what is summed. */
export type SumTable = {
  readonly table: string
  readonly group: readonly string[]
  readonly sums: readonly string[]
  /** The values of `group` for a row of the ledger; null: it is in no sum of this table. */
  groupOf(row: Summable): readonly SqlValue[] | null
  /** The values of `sums`. */
  partsOf(row: Summable): readonly number[]
}

/**
 * Makes the function that adds ledger rows to their sums: those of one group are added up here, and
 * its row in the table is written once, however many they are.
 */
export function sumWriter(
  database: Database,
  { table, group, sums, groupOf, partsOf }: SumTable,
): (rows: readonly Summable[]) => void {
  const columns = [...group, ...sums]
  const add = database.prepare(`
    INSERT INTO ${table} (${columns.join(', ')})
    VALUES (${columns.map((_, index) => `?${index + 1}`).join(', ')})
    ON CONFLICT DO UPDATE SET ${sums.map((name) => `${name} = ${name} + excluded.${name}`).join()}`)

  return (rows) => {
    const groups = new Map<string, { readonly names: readonly SqlValue[]; parts: number[] }>()
    for (const row of rows) {
      const names = groupOf(row)
      if (names === null) continue
      const parts = partsOf(row)
      const key = keyOf(names)
      const known = groups.get(key)
      if (known === undefined) groups.set(key, { names, parts: [...parts] })
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
