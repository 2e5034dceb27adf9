import { snakeCase } from '../ledger/settlement.ts'
import { KINDS } from '../metering/usage.ts'
import type { SqlRow } from '../runtime/sqlite.ts'

const USAGE_COLUMNS = KINDS.map((kind) => [kind, snakeCase(kind)] as const)

/** What a row of the ledger used, by kind. */
export const usageIn = (row: SqlRow): Record<string, number> =>
  Object.fromEntries(USAGE_COLUMNS.map(([kind, column]) => [kind, row[column] as number]))
