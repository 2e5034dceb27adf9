import { dollarsText, type Nanos } from '../ledger/money.ts'
import type { LedgerRecord } from '../ledger/record.ts'
import { snakeCase } from '../ledger/settlement.ts'
import { KINDS } from '../metering/usage.ts'
import { timeText } from './fields.ts'
import { pricesOf, tokensOf } from './record-json.ts'
import { MASTER_KEY_NAME } from './record-query.ts'

/**
 * The ledger as text, a line a row, for spreadsheets and for programs. The same columns in both,
 * under the names of `/spend/logs`; money is decimal dollars to the last nano-dollar.
 */
export const EXPORT_FORMATS = ['csv', 'jsonl'] as const

export type ExportFormat = (typeof EXPORT_FORMATS)[number]

export const CONTENT_TYPE_OF: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/x-ndjson',
}

export type Cell = string | number | null | { readonly dollars: Nanos } | { readonly json: unknown }

const COLUMNS: readonly (readonly [name: string, cell: (record: LedgerRecord) => Cell])[] = [
  ['request_id', ({ id }) => id],
  ['end_user', ({ customerId }) => customerId],
  ['api_key', ({ key }) => key?.hash ?? MASTER_KEY_NAME],
  ['key_alias', ({ key }) => key?.alias ?? null],
  ['model', ({ model }) => model],
  ['model_id', ({ deployment }) => deployment],
  ['outcome', ({ outcome }) => outcome],
  ['usage_source', ({ usageSource }) => usageSource],
  ['startTime', ({ startedAt }) => timeText(startedAt)],
  ['endTime', ({ settledAt }) => timeText(settledAt)],
  ['prompt_tokens', (record) => tokensOf(record).prompt_tokens],
  ['completion_tokens', (record) => tokensOf(record).completion_tokens],
  ...KINDS.map((kind) => [snakeCase(kind), ({ usage }: LedgerRecord) => usage[kind] ?? 0] as const),
  ['cost', ({ cost }) => ({ dollars: cost })],
  ['charge', ({ charge }) => ({ dollars: charge })],
  ['counted', ({ counted }) => ({ dollars: counted })],
  ['rate_card_version', ({ cardVersion }) => cardVersion],
  ['free_tokens', ({ freeTokens }) => freeTokens],
  ['free_spend', ({ freeMoney }) => ({ dollars: freeMoney })],
  ['prices', (record) => ({ json: pricesOf(record) })],
]

/** The line that comes first; empty where there is none. */
export const headOf = (format: ExportFormat): string =>
  format === 'csv' ? csvLine(COLUMNS.map(([name]) => name)) : ''

export const lineOf = (format: ExportFormat, record: LedgerRecord): string =>
  format === 'csv'
    ? csvLine(COLUMNS.map(([, cell]) => csvText(cell(record))))
    : `{${COLUMNS.map(([name, cell]) => `"${name}":${jsonText(cell(record))}`).join(',')}}\n`

/** RFC 4180: a line ends in CR LF, and what could be taken for syntax stands in quotes. */
export const csvLine = (cells: readonly string[]): string => `${cells.map(quoted).join(',')}\r\n`

const quoted = (cell: string): string =>
  /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell

export function csvText(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  if (typeof cell === 'string') return harmless(cell)
  if ('dollars' in cell) return dollarsText(cell.dollars)
  return cell.json === null ? '' : JSON.stringify(cell.json)
}

/**
 * Text that a spreadsheet would take for a formula gets an apostrophe before it: a customer may
 * call itself `=HYPERLINK(…)` (https://owasp.org/www-community/attacks/CSV_Injection).
 */
const harmless = (text: string): string =>
  /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text

/** JSON's numbers are decimal: written out, an amount loses nothing. */
function jsonText(cell: Cell): string {
  if (cell === null || typeof cell !== 'object') return JSON.stringify(cell)
  return 'dollars' in cell ? dollarsText(cell.dollars) : JSON.stringify(cell.json)
}
