import type { StoredResponse } from '../ledger/stored-response.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'

/**
 * How long a response is known here, milliseconds: as long as OpenAI keeps it
 * (https://platform.openai.com/docs/guides/your-data).
 */
export const RESPONSE_KEPT_MS = 30 * 24 * 3_600_000

/** Responses that an upstream keeps, for as long as it does. */
export type StoredResponses = {
  find(id: string, now: number): StoredResponse | null
  /** Called inside a transaction; lets go of those that are too old. */
  keep(response: StoredResponse): void
  /** What an earlier process left unfinished, by the id of its call. */
  unfinished(): ReadonlyMap<string, StoredResponse>
}

export function storedResponses(database: Database): StoredResponses {
  const find = database.prepare('SELECT * FROM responses WHERE id = ?1 AND created_at > ?2')
  const keep = database.prepare(
    'INSERT OR REPLACE INTO responses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)',
  )
  const prune = database.prepare('DELETE FROM responses WHERE created_at <= ?1')
  const unfinished = database.prepare('SELECT * FROM responses WHERE context IS NULL')
  return {
    find(id, now) {
      const row = find.get(id, now - RESPONSE_KEPT_MS)
      return row === null ? null : fromRow(row)
    },
    keep({ id, callId, deployment, tab, keyId, context, createdAt }) {
      prune.run(createdAt - RESPONSE_KEPT_MS)
      keep.run(id, callId, deployment, tab, keyId, context, createdAt)
    },
    unfinished: () =>
      new Map(
        unfinished
          .all()
          .map(fromRow)
          .map((left) => [left.callId, left]),
      ),
  }
}

const fromRow = (row: SqlRow): StoredResponse => ({
  id: row['id'] as string,
  callId: row['call_id'] as string,
  deployment: row['deployment'] as string,
  tab: row['tab'] as number | null,
  keyId: row['key_id'] as number | null,
  context: row['context'] as number | null,
  createdAt: row['created_at'] as number,
})
