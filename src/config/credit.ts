import { DOLLARS_MAX, fromDollars, type Nanos } from '../ledger/money.ts'
import type { MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'

/** What is said and told of credit that customers pay in advance. */
export type CreditRules = {
  /** Where more of it is bought; `{customer_id}` in it becomes whose. Null: nobody is told. */
  readonly topUpUrl: string | null
  /** The balance at which `credit_low` is told. Null: at none. */
  readonly lowAt: Nanos | null
}

export const DEFAULT_CREDIT: CreditRules = { topUpUrl: null, lowAt: null }

/** Where a customer buys more credit. Null: nobody is told. */
export const topUpAddress = (url: string | null, customerId: string): string | null =>
  url?.replaceAll('{customer_id}', encodeURIComponent(customerId)) ?? null

/** `tollgate_settings.credit`. */
export function readCredit(reader: Reader, tollgate: MapField | null): CreditRules {
  const map = reader.map(reader.field(tollgate, 'credit'))
  if (map === null) return DEFAULT_CREDIT
  checkKeys(reader, map, 'credit')
  const bounds = { min: 0, max: DOLLARS_MAX }
  const lowAt = reader.number(
    reader.field(map, 'low_at'),
    `dollars from 0 to ${DOLLARS_MAX}`,
    bounds,
  )
  return {
    topUpUrl: reader.url(reader.field(map, 'top_up_url')),
    lowAt: lowAt === null ? null : fromDollars(lowAt),
  }
}
