import type { Database, SqlRow } from '../runtime/sqlite.ts'

/** A rate card that was given to somebody once, as JSON; its number is its version. */
export type KeptCard = {
  readonly version: number
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** Rate cards, each once: who has one keeps its text, and a row of the ledger its number. */
export type RateCardTable = {
  /** The number of a card, which is added if it is new. To be called inside a transaction. */
  version(text: string, now: number): number
  /** The same of one that is there; null: it is not. */
  known(text: string): number | null
  find(version: number): KeptCard | null
  /** Newest first. */
  list(): readonly KeptCard[]
}

/** The migration: so far the charge was the cost, and counted. */
export const CREATE_RATE_CARDS = `
  CREATE TABLE rate_cards (
    id INTEGER PRIMARY KEY,
    snapshot TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
  ) STRICT;
  ALTER TABLE budgets ADD COLUMN rate_card TEXT;
  ALTER TABLE budgets ADD COLUMN counts TEXT;
  ALTER TABLE customers ADD COLUMN rate_card TEXT;
  ALTER TABLE open_calls ADD COLUMN rate_card TEXT;
  ALTER TABLE open_calls ADD COLUMN counts TEXT NOT NULL DEFAULT 'charge';
  -- counted: what a row counts as on its customer's budget. free_*: what the card's allowance took
  -- off, tokens or nano-dollars.
  ALTER TABLE ledger ADD COLUMN card_id INTEGER;
  ALTER TABLE ledger ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE ledger ADD COLUMN free_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE ledger ADD COLUMN free_money INTEGER NOT NULL DEFAULT 0;
  UPDATE ledger SET counted = charge;
  DROP INDEX ledger_by_tab;
  CREATE INDEX ledger_by_tab ON ledger (tab, settled_at, counted, model, charge);
  ALTER TABLE daily ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE daily ADD COLUMN free_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE daily ADD COLUMN free_money INTEGER NOT NULL DEFAULT 0;
  UPDATE daily SET counted = charge;`

export function rateCardTable(database: Database): RateCardTable {
  const insert = database.prepare(
    'INSERT OR IGNORE INTO rate_cards (snapshot, created_at) VALUES (?1, ?2)',
  )
  const byText = database.prepare('SELECT id FROM rate_cards WHERE snapshot = ?1')
  const byVersion = database.prepare('SELECT * FROM rate_cards WHERE id = ?1')
  const all = database.prepare('SELECT * FROM rate_cards ORDER BY id DESC')
  const known = (text: string) => (byText.get(text)?.['id'] as number | undefined) ?? null
  return {
    version(text, now) {
      const there = known(text)
      if (there === null) insert.run(text, now)
      return there ?? known(text)!
    },
    known,
    find(version) {
      const row = byVersion.get(version)
      return row === null ? null : fromRow(row)
    },
    list: () => all.all().map(fromRow),
  }
}

const fromRow = (row: SqlRow): KeptCard => ({
  version: row['id'] as number,
  text: row['snapshot'] as string,
  createdAt: row['created_at'] as number,
})
