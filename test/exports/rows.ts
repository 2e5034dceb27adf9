import { type Nanos, nanos } from '../../src/ledger/money.ts'
import type { ExportRow } from '../../src/ledger/parcel.ts'
import { amountsOf } from '../../src/ledger/settlement.ts'

/** A row of the ledger on its way out; `n` makes its id. */
export const row = (
  n: number,
  {
    tab = 1 as number | null,
    charge = 0,
    at = Date.UTC(2026, 10, 1),
    usage = {} as Record<string, number>,
    ...more
  }: {
    tab?: number | null
    charge?: number
    at?: number
    usage?: Record<string, number>
    model?: string
    outcome?: ExportRow['record']['outcome']
  } = {},
): ExportRow => ({
  tab,
  record: {
    id: `01M85YX12J9XZEJ9BVTR${String(n).padStart(6, '0')}`,
    customerId: tab === null ? null : `customer ${tab}`,
    key: null,
    model: 'demo',
    deployment: 'demo#1',
    outcome: 'ok',
    usageSource: 'upstream',
    usage,
    price: null,
    ...amountsOf(0 as Nanos, nanos(charge)),
    cardVersion: null,
    startedAt: at,
    settledAt: at,
    ...more,
  },
})
