import type { CreditEntry, CreditGrant, CreditKind } from '../ledger/credit.ts'
import { type Nanos, ZERO } from '../ledger/money.ts'
import { type OpenGrant, walletOf } from '../ledger/wallet.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'

/** What is asked of the tables of wallets. */
export type CreditReads = {
  /** Those with something left, in the order of use. */
  openGrants(tab: number): CreditGrant[]
  grant(id: string): (CreditGrant & { readonly tab: number }) | null
  /** A page, newest first, from behind an entry; null: from the first. */
  entries(
    tab: number,
    page: { readonly before: number | null; readonly limit: number },
  ): CreditEntry[]
  hasEntry(tab: number, id: number): boolean
  /** What a call drew, less what adjustments have given back of it. */
  drawnFor(tab: number, callId: string): Nanos
  /** Customers with grants that have ended by now and are not used up. */
  due(now: number, limit: number): string[]
}

export function creditReads(database: Database): CreditReads {
  const open = database.prepare('SELECT * FROM credit_grants WHERE tab = ?1 AND remaining > 0')
  const one = database.prepare('SELECT * FROM credit_grants WHERE id = ?1')
  const page = database.prepare(
    'SELECT * FROM credit_entries WHERE tab = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3',
  )
  const has = database.prepare('SELECT 1 FROM credit_entries WHERE tab = ?1 AND id = ?2')
  const drawn = database.prepare(`
    SELECT coalesce(sum(-amount), 0) AS drawn FROM credit_entries
    WHERE call_id = ?2 AND tab = ?1`)
  const due = database.prepare(`
    SELECT DISTINCT customers.id FROM credit_grants JOIN customers USING (tab)
    WHERE remaining > 0 AND expires_at <= ?1 AND deleted_at IS NULL LIMIT ?2`)

  return {
    openGrants(tab) {
      const grants = new Map(open.all(tab).map((row) => [row['id'], grantOf(row)]))
      return walletOf([...grants.values()], ZERO).grants.map(({ id }) => grants.get(id)!)
    },
    grant(id) {
      const row = one.get(id)
      return row === null ? null : { ...grantOf(row), tab: row['tab'] as number }
    },
    entries: (tab, { before, limit }) =>
      page.all(tab, before ?? Number.MAX_SAFE_INTEGER, limit).map(entryOf),
    hasEntry: (tab, id) => has.get(tab, id) !== null,
    drawnFor: (tab, callId) => drawn.get(tab, callId)!['drawn'] as Nanos,
    due: (now, limit) => due.all(now, limit).map(({ id }) => id as string),
  }
}

export const grantOf = (row: SqlRow): CreditGrant & OpenGrant => ({
  id: row['id'] as string,
  amount: row['amount'] as Nanos,
  remaining: row['remaining'] as Nanos,
  priority: row['priority'] as number,
  expiresAt: row['expires_at'] as number | null,
  reason: row['reason'] as string | null,
  createdAt: row['created_at'] as number,
})

export const entryOf = (row: SqlRow): CreditEntry => ({
  id: row['id'] as number,
  kind: row['kind'] as CreditKind,
  grantId: row['grant_id'] as string | null,
  amount: row['amount'] as Nanos,
  balance: row['balance'] as Nanos,
  callId: row['call_id'] as string | null,
  reason: row['reason'] as string | null,
  createdAt: row['created_at'] as number,
})
