import type { OpenCall } from '../ledger/open-call.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import type { Flush } from './flush.ts'
import type { LedgerTable } from './ledger.ts'

/** Calls under way, as the next start would find them if the process died now. */
export type OpenCalls = {
  /**
   * Writes down that a call was admitted. Nobody waits for it, and `call` is asked only then what
   * it has become.
   */
  open(id: string, call: () => OpenCall): void
  /** Writes down that it is sent to another deployment now. Nobody waits for it. */
  move(call: OpenCall): void
  /** What writes it down at once, inside a transaction. */
  opening(call: OpenCall): () => void
  /** Writes down what a call has delivered so far, tokens. Nobody waits for it. */
  checkpoint(id: string, delivered: Pick<OpenCall, 'input' | 'output' | 'usage'>): void
  /** What takes a call out of here, inside the transaction of its charge. */
  closing(id: string): () => void
  /** What an earlier process left, in the order in which the calls began. */
  left(): OpenCall[]
}

/** Calls opened within so many milliseconds are written down together. */
const TOGETHER_MS = 10

/**
 * Writing is put off for a moment, so that a call which is settled sooner is never written here.
 * That loses nothing: a call that has delivered nothing by its first checkpoint is settled for
 * nothing.
 */
export function openCalls(
  database: Database,
  { flush, ledger }: { readonly flush: Flush; readonly ledger: LedgerTable },
): OpenCalls {
  const places = Array.from({ length: 15 }, (_, index) => `?${index + 1}`)
  const insert = database.prepare(`INSERT INTO open_calls VALUES (${places})`)
  const update = database.prepare(
    'UPDATE open_calls SET input = ?2, output = ?3, usage = ?4 WHERE id = ?1',
  )
  const send = database.prepare(
    'UPDATE open_calls SET deployment = ?2, price_id = ?3 WHERE id = ?1',
  )
  const remove = database.prepare('DELETE FROM open_calls WHERE id = ?1')
  const left = database.prepare(`
    SELECT open_calls.*, snapshot FROM open_calls
    LEFT JOIN prices ON prices.id = price_id ORDER BY open_calls.id`)

  /** Opened, and not on disk yet. */
  const unwritten = new Map<string, () => OpenCall>()
  let batch: { readonly ids: string[]; readonly endsAt: number } = { ids: [], endsAt: 0 }

  const write = (call: OpenCall) => {
    insert.run(
      call.id,
      call.tab,
      call.customerId,
      call.keyId,
      call.model,
      call.deployment,
      ledger.priceId(call.price),
      call.startedAt,
      call.repeat?.scope ?? null,
      call.repeat?.request ?? null,
      call.input,
      call.output,
      textOf(call.usage),
      call.card,
      call.counts,
    )
  }
  const startBatch = (now: number) => {
    const ids: string[] = []
    batch = { ids, endsAt: now + TOGETHER_MS }
    flush.later(
      () => {
        for (const id of ids) {
          const call = unwritten.get(id)
          if (call !== undefined) write(call())
        }
      },
      () => {
        for (const id of ids) unwritten.delete(id)
      },
    )
  }
  return {
    open(id, call) {
      unwritten.set(id, call)
      const now = performance.now()
      if (now >= batch.endsAt) startBatch(now)
      batch.ids.push(id)
    },
    move(call) {
      if (unwritten.has(call.id)) return
      flush.later(() => send.run(call.id, call.deployment, ledger.priceId(call.price)))
    },
    opening: (call) => () => {
      if (unwritten.delete(call.id)) write(call)
    },
    checkpoint(id, { input, output, usage }) {
      flush.later(() => update.run(id, input, output, textOf(usage)))
    },
    closing(id) {
      const isWritten = !unwritten.delete(id)
      return () => {
        if (isWritten) remove.run(id)
      }
    },
    left: () => left.all().map(fromRow),
  }
}

const fromRow = (row: SqlRow): OpenCall => ({
  id: row['id'] as string,
  tab: row['tab'] as number | null,
  customerId: row['customer_id'] as string | null,
  keyId: row['key_id'] as number | null,
  model: row['model'] as string,
  deployment: row['deployment'] as string,
  price: row['snapshot'] as string,
  card: row['rate_card'] as string | null,
  counts: row['counts'] as OpenCall['counts'],
  startedAt: row['started_at'] as number,
  repeat:
    row['idempotency_scope'] === null
      ? null
      : {
          scope: row['idempotency_scope'] as string,
          request: row['idempotency_request'] as string,
        },
  input: row['input'] as number,
  output: row['output'] as number,
  usage: row['usage'] === null ? null : (JSON.parse(row['usage'] as string) as OpenCall['usage']),
})

const textOf = (usage: OpenCall['usage']): string | null =>
  usage === null ? null : JSON.stringify(usage)
