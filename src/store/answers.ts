import type { KeptAnswer } from '../ledger/open-call.ts'
import type { Database } from '../runtime/sqlite.ts'

/** How long an answer is kept for a repeat, milliseconds. */
export const KEPT_MS = 24 * 3_600_000

/** Answers of calls with an `Idempotency-Key`, for a day. */
export type KeptAnswers = {
  find(scope: string, now: number): KeptAnswer | null
  /** Called inside the transaction of the call's charge; lets go of those that are too old. */
  keep(answer: KeptAnswer): void
}

export function keptAnswers(database: Database): KeptAnswers {
  const find = database.prepare('SELECT * FROM answers WHERE scope = ?1 AND answered_at > ?2')
  const keep = database.prepare('INSERT OR REPLACE INTO answers VALUES (?1, ?2, ?3, ?4, ?5, ?6)')
  const prune = database.prepare('DELETE FROM answers WHERE answered_at <= ?1')
  return {
    find(scope, now) {
      const row = find.get(scope, now - KEPT_MS)
      if (row === null) return null
      return {
        scope,
        request: row['request'] as string,
        callId: row['call_id'] as string,
        body: row['body'] as string | null,
        headers: JSON.parse(row['headers'] as string) as Record<string, string>,
        answeredAt: row['answered_at'] as number,
      }
    },
    keep({ scope, request, callId, body, headers, answeredAt }) {
      prune.run(answeredAt - KEPT_MS)
      keep.run(scope, request, callId, body, JSON.stringify(headers), answeredAt)
    },
  }
}
