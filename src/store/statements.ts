import { CREDIT_KINDS, type CreditEntry } from '../ledger/credit.ts'
import { type Nanos, plus, ZERO } from '../ledger/money.ts'
import type { StatedCorrection, WalletStatement } from '../ledger/statement.ts'
import type { Database } from '../runtime/sqlite.ts'
import { entryOf } from './credit-reads.ts'

/** What statements need besides sums of days: from `from` on and before `until`, milliseconds. */
export type Statements = {
  wallet(tab: number, from: number, until: number): WalletStatement
  /** Oldest first; those of pruned days are in the sums of days alone. */
  corrections(tab: number, from: number, until: number): StatedCorrection[]
}

export function statements(database: Database): Statements {
  const before = database.prepare(
    'SELECT coalesce(sum(amount), 0) AS sum FROM credit_entries WHERE tab = ?1 AND created_at < ?2',
  )
  const byKind = database.prepare(`
    SELECT kind, sum(amount) AS sum FROM credit_entries
    WHERE tab = ?1 AND created_at >= ?2 AND created_at < ?3 GROUP BY kind`)
  const others = database.prepare(`
    SELECT * FROM credit_entries
    WHERE tab = ?1 AND created_at >= ?2 AND created_at < ?3 AND kind <> 'draw' ORDER BY id`)
  const corrected = database.prepare(CORRECTIONS_OF_TAB)

  return {
    wallet(tab, from, until) {
      const opening = before.get(tab, from)!['sum'] as Nanos
      const moved = new Map(byKind.all(tab, from, until).map((row) => [row['kind'], row['sum']]))
      const sums = Object.fromEntries(
        CREDIT_KINDS.map((kind) => [kind, (moved.get(kind) ?? ZERO) as Nanos]),
      ) as Record<CreditEntry['kind'], Nanos>
      const closing = Object.values(sums).reduce(plus, opening)
      return { opening, closing, sums, entries: others.all(tab, from, until).map(entryOf) }
    },
    corrections: (tab, from, until) =>
      corrected.all(tab, from, until).map((row) => ({
        at: row['settled_at'] as number,
        amount: row['charge'] as Nanos,
        model: row['model'] as string,
        reason: row['reason'] as string | null,
        callId: row['corrects'] as string | null,
      })),
  }
}

/** They are few: all of a time are sought by their outcome. */
export const CORRECTIONS_OF_TAB = `
  SELECT settled_at, model, ledger.charge, corrects, reason
  FROM ledger INDEXED BY ledger_by_outcome
    LEFT JOIN corrections ON corrections.id = ledger.id
    LEFT JOIN correction_batches ON correction_batches.id = batch
  WHERE outcome = 'correction' AND outcome <> 'ok' AND settled_at >= ?2 AND settled_at < ?3
    AND tab = ?1
  ORDER BY settled_at, ledger.id`
