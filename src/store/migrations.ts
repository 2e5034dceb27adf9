import type { Database } from '../runtime/sqlite.ts'
import { CREATE_CORRECTIONS } from './corrections.ts'
import { CREATE_CREDIT } from './credit-table.ts'
import { CREATE_WAYS_TO_CUSTOMERS } from './customers.ts'
import { createDaily } from './daily.ts'
import { CREATE_EXPORTS } from './export-table.ts'
import { CREATE_PRUNED } from './pruned.ts'
import { CREATE_RATE_CARDS } from './rate-cards.ts'
import { createRollups } from './rollups.ts'
import { SESSIONS } from './sessions.ts'
import { CREATE_TAB_ROWS } from './tab-rows.ts'
import { CREATE_UNSUMMED, createSummedByTab } from './unsummed.ts'

export type Migration = {
  readonly name: string
  /** A function where the tables that there are decide. */
  readonly sql: string | ((database: Database) => string)
}

/**
 * The tables, as numbered steps from nothing. A step that has been released is never edited: a
 * database knows by `user_version` how many it has had, and gets the others at the next start.
 *
 * Money is in nano-dollars, times are in milliseconds since the epoch. Tables are STRICT, so that
 * a number stored as text is an error here and not a wrong sum later.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'customers, budgets, the ledger and the outbox',
    sql: `
      CREATE TABLE budgets (
        id TEXT PRIMARY KEY,
        shared INTEGER NOT NULL,
        max_budget INTEGER,
        soft_budget INTEGER,
        max_parallel_requests INTEGER,
        tpm_limit INTEGER,
        rpm_limit INTEGER,
        model_max_budget TEXT,
        duration TEXT,
        reset_at INTEGER,
        mode TEXT,
        models TEXT,
        timezone TEXT,
        week_start INTEGER,
        day_of_month INTEGER,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        updated_by TEXT NOT NULL
      ) STRICT;

      -- A deleted customer keeps its tab and gives back its id: hence the number beside the id.
      CREATE TABLE customers (
        tab INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        alias TEXT,
        blocked INTEGER NOT NULL,
        allowed_model_region TEXT,
        default_model TEXT,
        budget_id TEXT,
        metadata TEXT NOT NULL,
        spent INTEGER NOT NULL,
        total_spent INTEGER NOT NULL,
        period_start INTEGER NOT NULL,
        told TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        deleted_at INTEGER
      ) STRICT;
      CREATE UNIQUE INDEX customers_by_id ON customers (id) WHERE deleted_at IS NULL;
      CREATE INDEX customers_by_budget ON customers (budget_id) WHERE deleted_at IS NULL;
      CREATE INDEX customers_by_created ON customers (created_at) WHERE deleted_at IS NULL;

      -- Each set of prices that was ever applied, once: a row of the ledger names it by number.
      CREATE TABLE prices (
        id INTEGER PRIMARY KEY,
        snapshot TEXT NOT NULL UNIQUE
      ) STRICT;

      -- Ids ascend, so a row is added at the end of the one tree that holds it.
      CREATE TABLE ledger (
        id TEXT PRIMARY KEY,
        tab INTEGER,
        customer_id TEXT,
        model TEXT NOT NULL,
        deployment TEXT NOT NULL,
        outcome TEXT NOT NULL,
        usage_source TEXT NOT NULL,
        input INTEGER NOT NULL,
        cached_input INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        input_audio INTEGER NOT NULL,
        output INTEGER NOT NULL,
        reasoning INTEGER NOT NULL,
        output_audio INTEGER NOT NULL,
        price_id INTEGER,
        cost INTEGER NOT NULL,
        charge INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        settled_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      -- A customer's spend since any moment, in all or on a model, from the index alone.
      CREATE INDEX ledger_by_tab ON ledger (tab, settled_at, charge, model);

      -- Events not yet delivered; a delivered one is deleted. due_at is null while an earlier event
      -- of the same customer is still there, so that finding what is due costs the same however
      -- much waits behind it.
      CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        customer_id TEXT NOT NULL,
        body TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        due_at INTEGER
      ) STRICT;
      CREATE INDEX outbox_by_customer ON outbox (customer_id, id);
      CREATE INDEX outbox_by_due ON outbox (due_at) WHERE due_at IS NOT NULL;
    `,
  },
  {
    name: 'calls under way, and what repeats of a call are answered',
    sql: `
      -- A call from its admission to its settlement: what is left here at a start was under way
      -- when the process died. input and output are what had been delivered at the last checkpoint.
      CREATE TABLE open_calls (
        id TEXT PRIMARY KEY,
        tab INTEGER,
        customer_id TEXT,
        key_id INTEGER,
        model TEXT NOT NULL,
        deployment TEXT NOT NULL,
        price_id INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        idempotency_scope TEXT,
        idempotency_request TEXT,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- Answers of calls that came with an Idempotency-Key, for a day. A body that is null was not
      -- kept: it was a stream, or it did not come to its end.
      CREATE TABLE answers (
        scope TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        call_id TEXT NOT NULL,
        body TEXT,
        headers TEXT NOT NULL,
        answered_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX answers_by_time ON answers (answered_at);
    `,
  },
  {
    name: 'virtual keys',
    sql: `
      -- The number names the key in the ledger: it stays when the secret is made anew, and when
      -- the key is deleted.
      CREATE TABLE keys (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL,
        name TEXT NOT NULL,
        alias TEXT,
        customer_id TEXT,
        role TEXT NOT NULL,
        blocked INTEGER NOT NULL,
        expires_at INTEGER,
        models TEXT,
        budget_id TEXT,
        metadata TEXT NOT NULL,
        labels TEXT NOT NULL,
        spent INTEGER NOT NULL,
        total_spent INTEGER NOT NULL,
        period_start INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        deleted_at INTEGER
      ) STRICT;
      CREATE UNIQUE INDEX keys_by_hash ON keys (hash) WHERE deleted_at IS NULL;
      CREATE UNIQUE INDEX keys_by_alias ON keys (alias)
        WHERE deleted_at IS NULL AND alias IS NOT NULL;
      CREATE INDEX keys_by_budget ON keys (budget_id) WHERE deleted_at IS NULL;

      ALTER TABLE ledger ADD COLUMN key_id INTEGER;
      -- As ledger_by_tab, for keys; a call with the master key costs nothing here.
      CREATE INDEX ledger_by_key ON ledger (key_id, settled_at, charge, model)
        WHERE key_id IS NOT NULL;
    `,
  },
  {
    name: 'deliveries in place of the outbox: for several receivers, and kept to be replayed',
    sql: `
      -- A row for each event and receiver. due_at is null unless it is pending and no earlier one
      -- of its customer is, so that finding what is due costs the same however much waits. Places
      -- ascend: the order of a customer's events.
      CREATE TABLE deliveries (
        place INTEGER PRIMARY KEY,
        event_id TEXT NOT NULL,
        receiver TEXT NOT NULL,
        customer_id TEXT NOT NULL,
        event TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        queued_at INTEGER NOT NULL,
        due_at INTEGER,
        finished_at INTEGER,
        last_error TEXT,
        body TEXT NOT NULL
      ) STRICT;
      CREATE INDEX deliveries_by_event ON deliveries (event_id);
      CREATE INDEX deliveries_by_customer ON deliveries (customer_id);
      CREATE INDEX deliveries_by_status ON deliveries (status, receiver);
      CREATE INDEX deliveries_by_due ON deliveries (receiver, due_at) WHERE due_at IS NOT NULL;
      -- Which of a customer is the first.
      CREATE INDEX deliveries_pending ON deliveries (receiver, customer_id)
        WHERE status = 'pending';

      -- The one receiver that there was. Its events get a day from now, as new ones do.
      INSERT INTO deliveries
        SELECT NULL, id, 'default', customer_id, json_extract(body, '$.event'), 'pending', attempts,
          unixepoch() * 1000, due_at, NULL, NULL, body FROM outbox ORDER BY id;
      DROP TABLE outbox;
    `,
  },
  {
    name: 'kinds of usage that other endpoints are billed by',
    sql: ['cache_write_hour', 'input_image', 'output_image', 'images', 'audio_ms', 'characters']
      .map((column) => `ALTER TABLE ledger ADD COLUMN ${column} INTEGER NOT NULL DEFAULT 0;`)
      .join('\n'),
  },
  {
    name: 'responses that an upstream keeps',
    sql: `
      -- context: the tokens that a call which goes on from it reads besides; null: it is still
      -- being made, and what it costs is not known yet.
      CREATE TABLE responses (
        id TEXT PRIMARY KEY,
        call_id TEXT NOT NULL,
        deployment TEXT NOT NULL,
        tab INTEGER,
        key_id INTEGER,
        context INTEGER,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX responses_by_time ON responses (created_at);
      CREATE INDEX responses_unfinished ON responses (call_id) WHERE context IS NULL;
    `,
  },
  {
    name: 'the sums of each day, and the ways to the rows of the ledger that reports take',
    sql: (database) => `
      ${createDaily(database)}
      -- In the order in which calls settled: of all, and of an outcome that is rare. Those of a
      -- customer and of a key are in the order of ledger_by_tab and ledger_by_key. None for models:
      -- they are few, so those of one are never far apart, and it would cost each call a page.
      CREATE INDEX ledger_by_time ON ledger (settled_at);
      CREATE INDEX ledger_by_outcome ON ledger (outcome, settled_at) WHERE outcome <> 'ok';
      -- All tabs that an id ever had, and all keys that a hash was ever of.
      CREATE INDEX customers_ever ON customers (id);
      CREATE INDEX keys_ever ON keys (hash);
    `,
  },
  {
    name: 'what calls under way have delivered besides text',
    // JSON, by kind.
    sql: 'ALTER TABLE open_calls ADD COLUMN usage TEXT;',
  },
  { name: 'who is signed in to the console', sql: SESSIONS },
  { name: 'sums for charts', sql: createRollups },
  { name: 'ways to customers, and their number', sql: CREATE_WAYS_TO_CUSTOMERS },
  { name: 'the day before which the ledger is pruned', sql: CREATE_PRUNED },
  { name: 'rows that are not in the sums of days and hours yet', sql: CREATE_UNSUMMED },
  { name: 'credit paid in advance', sql: CREATE_CREDIT },
  { name: 'rate cards: what is charged beside what it cost', sql: CREATE_RATE_CARDS },
  { name: 'rows on their way to billing systems', sql: CREATE_EXPORTS },
  { name: 'which rows a correction puts right, and why', sql: CREATE_CORRECTIONS },
  {
    name: 'the last day of which a negative margin was told',
    sql: 'ALTER TABLE customers ADD COLUMN margin_told_on INTEGER;',
  },
  { name: 'rows that are not in the sums of their customer either yet', sql: createSummedByTab },
  { name: 'rows by their tab, beside the ledger', sql: CREATE_TAB_ROWS },
]
