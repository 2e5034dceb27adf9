import { minus, type Nanos, plus, ZERO } from '../ledger/money.ts'
import type { Corrects } from '../ledger/record.ts'
import { type Amounts, correctionOf, type LedgerRow } from '../ledger/settlement.ts'
import type { Usage } from '../metering/usage.ts'
import type { Database, SqlRow, SqlValue } from '../runtime/sqlite.ts'
import type { LedgerTable } from './ledger.ts'
import { usageIn } from './usage-in.ts'

/** The migration: nothing was put right yet. */
export const CREATE_CORRECTIONS = `
  -- What was put right together. undoes: the batch whose inverse it is.
  CREATE TABLE correction_batches (
    id TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    undoes TEXT,
    made_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- A row of the ledger that puts another one right, by how much.
  CREATE TABLE corrections (
    id TEXT PRIMARY KEY,
    batch TEXT NOT NULL,
    corrects TEXT NOT NULL,
    cost INTEGER NOT NULL,
    charge INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    free_money INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX corrections_of ON corrections (corrects);
  CREATE INDEX corrections_in ON corrections (batch, id);`

/** Which calls; null: any. */
export type CallFilter = {
  readonly model: string
  readonly deployment: string | null
  /** Settled from here on and before there, milliseconds. */
  readonly from: number
  readonly until: number
}

/** A call of the ledger with what was put right of it since. */
export type CorrectedCall = Pick<
  LedgerRow,
  'id' | 'tab' | 'customerId' | 'keyId' | 'model' | 'deployment' | 'freeTokens'
> & {
  readonly usage: Usage
  /** As it was booked: its prices as JSON, or `UNPRICED`. */
  readonly price: string | null
  /** The rate card that it was charged by, as JSON; null: none. */
  readonly card: string | null
  readonly booked: Amounts
  /** With all corrections of it. */
  readonly now: Amounts
}

/** A call, and by how much it is put right. */
export type Difference = { readonly call: CorrectedCall; readonly by: Amounts }

/** Rows of a transaction. */
const SLICE_ROWS = 1_000

const AMOUNTS = ['cost', 'charge', 'counted', 'free_money'] as const

const CORRECTED_BY = AMOUNTS.map(
  (name) =>
    `(SELECT coalesce(sum(${name}), 0) FROM corrections
      WHERE corrects = ledger.id) AS more_${name}`,
)

/** Of the ledger, with what was put right of each row; `more` columns besides. */
const corrected = (more: readonly string[] = []) => `
  SELECT ${['ledger.*', ...CORRECTED_BY, ...more].join(', ')},
    prices.snapshot AS price, rate_cards.snapshot AS card
  FROM ledger LEFT JOIN prices ON prices.id = ledger.price_id
    LEFT JOIN rate_cards ON rate_cards.id = ledger.card_id`

/** Calls in the order in which they settled, some at a time. */
export function* callsIn(
  database: Database,
  filter: CallFilter,
): Generator<readonly CorrectedCall[]> {
  const { model, deployment, from, until } = filter
  const page = database.prepare(`
    ${corrected()} WHERE (settled_at, ledger.id) > (?1, ?2) AND settled_at < ?3 AND model = ?4
      AND (?5 IS NULL OR deployment = ?5) AND outcome <> 'correction'
    ORDER BY settled_at, ledger.id LIMIT ${SLICE_ROWS}`)
  let place: [at: SqlValue, id: SqlValue] = [from, '']
  for (;;) {
    const rows = page.all(...place, until, model, deployment)
    if (rows.length > 0) yield rows.map(callOf)
    if (rows.length < SLICE_ROWS) return
    const last = rows.at(-1)!
    place = [last['settled_at'] as number, last['id'] as string]
  }
}

/** What undoes a batch, some at a time; what is undone already is left out. */
export function* inversesOf(database: Database, batch: string): Generator<readonly Difference[]> {
  const page = database.prepare(`
    ${corrected(MADE)}
    JOIN corrections AS made ON made.corrects = ledger.id
    WHERE made.batch = ?1 AND made.id > ?2 AND NOT EXISTS (
      SELECT 1 FROM corrections AS later JOIN correction_batches ON correction_batches.id = batch
      WHERE later.corrects = made.corrects AND undoes = ?1)
    ORDER BY made.id LIMIT ${SLICE_ROWS}`)
  let last = ''
  for (;;) {
    const rows = page.all(batch, last)
    if (rows.length > 0) yield rows.map(inverseOf)
    if (rows.length < SLICE_ROWS) return
    last = rows.at(-1)!['made'] as string
  }
}

const MADE = ['made.id AS made', ...AMOUNTS.map((name) => `made.${name} AS made_${name}`)]

/** The amounts whose columns begin so. */
const amountsIn = (row: SqlRow, prefix = ''): Amounts => ({
  cost: row[`${prefix}cost`] as Nanos,
  charge: row[`${prefix}charge`] as Nanos,
  counted: row[`${prefix}counted`] as Nanos,
  freeMoney: row[`${prefix}free_money`] as Nanos,
})

const NOTHING = { cost: ZERO, charge: ZERO, counted: ZERO, freeMoney: ZERO }

/** Each of the amounts by itself. */
const each = (a: Amounts, b: Amounts, of: (a: Nanos, b: Nanos) => Nanos): Amounts => ({
  cost: of(a.cost, b.cost),
  charge: of(a.charge, b.charge),
  counted: of(a.counted, b.counted),
  freeMoney: of(a.freeMoney, b.freeMoney),
})

export const between = (is: Amounts, was: Amounts): Amounts => each(is, was, minus)

const inverseOf = (row: SqlRow): Difference => ({
  call: callOf(row),
  by: between(NOTHING, amountsIn(row, 'made_')),
})

const callOf = (row: SqlRow): CorrectedCall => {
  const booked = amountsIn(row)
  return {
    id: row['id'] as string,
    tab: row['tab'] as number | null,
    customerId: row['customer_id'] as string | null,
    keyId: row['key_id'] as number | null,
    model: row['model'] as string,
    deployment: row['deployment'] as string,
    freeTokens: row['free_tokens'] as number,
    usage: usageIn(row) as Usage,
    price: row['price'] as string | null,
    card: row['card'] as string | null,
    booked,
    now: each(booked, amountsIn(row, 'more_'), plus),
  }
}

/** Null: there is no such batch. */
export function batchOf(database: Database, id: string): { readonly reason: string } | null {
  const row = database.prepare('SELECT reason FROM correction_batches WHERE id = ?1').get(id)
  return row === null ? null : { reason: row['reason'] as string }
}

/** Makes what writes corrections. It is to be called inside a transaction. */
export function correctionWriter(
  database: Database,
  parts: { readonly ledger: LedgerTable; readonly newId: () => string; readonly now: number },
) {
  const { ledger, newId, now } = parts
  const addBatch = database.prepare(`
    INSERT OR IGNORE INTO correction_batches (id, reason, undoes, made_at) VALUES (?1, ?2, ?3, ?4)`)
  const add = database.prepare(`
    INSERT INTO corrections (id, batch, corrects, ${AMOUNTS.join(', ')})
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`)
  // Of the period that runs, the cached sum goes on; of one that is over, nobody believes it.
  const tabPeriod = database.prepare('SELECT period_start AS at FROM customers WHERE tab = ?1')
  const keyPeriod = database.prepare('SELECT period_start AS at FROM keys WHERE id = ?1')
  const periodOf = (of: typeof tabPeriod, id: number | null) => {
    const at = id === null ? undefined : of.get(id)?.['at']
    return at === undefined ? null : { periodStart: at as number, told: [] }
  }
  const isDrawn = drawnFrom(database)

  return (batch: { id: string; reason: string; undoes: string | null }, made: Difference[]) => {
    addBatch.run(batch.id, batch.reason, batch.undoes, now)
    for (const { call, by } of made) {
      const id = newId()
      const row = correctionOf(call, { id, amounts: by, now })
      const after = periodOf(tabPeriod, call.tab)
      const credit = isDrawn(call) ? 'drawn' : 'apart'
      ledger.book({ row, after, key: periodOf(keyPeriod, call.keyId), credit })
      add.run(id, batch.id, call.id, by.cost, by.charge, by.counted, by.freeMoney)
    }
  }
}

/** Whether a call was drawn from a wallet, or would have been, had it been charged anything. */
function drawnFrom(database: Database): (call: CorrectedCall) => boolean {
  const ofCall = database.prepare(
    "SELECT 1 AS is_there FROM credit_entries WHERE call_id = ?1 AND kind = 'draw' LIMIT 1",
  )
  const before = database.prepare(`
    SELECT 1 AS is_there FROM credit_entries
    WHERE tab = ?1 AND created_at <= (SELECT settled_at FROM ledger WHERE id = ?2) LIMIT 1`)
  return ({ id, tab, booked }) =>
    tab !== null &&
    (ofCall.get(id) !== null || (booked.charge === 0 && before.get(tab, id) !== null))
}

/** What a correction puts right, and why; null: an operator set a spend, or it is no correction. */
export function correctedBy(database: Database): (id: string) => Corrects | null {
  const find = database.prepare(`
    SELECT corrects, batch, reason FROM corrections
    JOIN correction_batches ON correction_batches.id = batch WHERE corrections.id = ?1`)
  return (id) => {
    const row = find.get(id)
    if (row === null) return null
    const { corrects, batch, reason } = row
    return { id: corrects as string, batch: batch as string, reason: reason as string }
  }
}

/** Where corrections do not agree with their rows of the ledger. */
export const wrongCorrections = (database: Database): string[] =>
  database
    .prepare(`
      SELECT corrections.id, corrects FROM corrections JOIN ledger ON ledger.id = corrections.id
      WHERE ${AMOUNTS.map((name) => `ledger.${name} <> corrections.${name}`).join(' OR ')}
      LIMIT 100`)
    .all()
    .map(({ id, corrects }) => `ledger row ${id}: corrects ${corrects} by another amount`)
