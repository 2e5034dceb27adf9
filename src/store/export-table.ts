import type { ExportState, NewParcel, Parcel, Plan } from '../ledger/parcel.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'

/** The migration: nobody is sent anything yet. */
export const CREATE_EXPORTS = `
  -- Who is sent the ledger's rows. cursor: the place in the queue up to which they are in parcels.
  CREATE TABLE exports (
    name TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    since INTEGER,
    cursor INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    sent_at INTEGER,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- The outbox: the ids of the rows of each commit, in the order of commits, for all exporters or
  -- for one. Places ascend: the last row is never removed.
  CREATE TABLE export_queue (
    place INTEGER PRIMARY KEY,
    ids TEXT NOT NULL,
    rows INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    only_for TEXT
  ) STRICT;
  -- What goes out in one request. It is removed when it was taken.
  CREATE TABLE export_parcels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exporter TEXT NOT NULL,
    status TEXT NOT NULL,
    events INTEGER NOT NULL,
    lane TEXT,
    content TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    unsure_since INTEGER,
    error TEXT
  ) STRICT;
  CREATE INDEX export_parcels_by_due ON export_parcels (exporter, status, due_at);
  -- What of a customer's sums a meter of whole units has not told yet.
  CREATE TABLE export_rests (
    exporter TEXT NOT NULL,
    meter TEXT NOT NULL,
    tab INTEGER NOT NULL,
    rest INTEGER NOT NULL,
    PRIMARY KEY (exporter, meter, tab)
  ) STRICT, WITHOUT ROWID;
  -- How long each file is by what is committed.
  CREATE TABLE export_files (
    exporter TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (exporter, name)
  ) STRICT, WITHOUT ROWID;`

/** SQL: the ids of the ledger rows that somebody still has to be sent. */
export const UNREAD_IDS = `
  SELECT value FROM export_queue, json_each(ids)
    WHERE place > (SELECT min(cursor) FROM exports)
      AND (only_for IS NULL OR place > (SELECT cursor FROM exports WHERE name = only_for))
  UNION ALL SELECT value FROM export_parcels, json_each(content)
    WHERE json_type(content) = 'array'`

/** Rows of a commit's worth, when old ones are queued. */
const OLD_ROWS_AT_ONCE = 250

/** Commits and parcels are counted up to this number. */
export const COUNTED_MAX = 10_000

/** Parcels given up, newest first; null: of any. */
export type DeadQuery = {
  readonly exporter: string | null
  readonly before: number | null
  readonly limit: number
}

export type DeadParcel = Parcel & { readonly exporter: string }

/** What writes is called inside a transaction. */
export type ExportTable = ReturnType<typeof exportTable>

export function exportTable(database: Database) {
  const begin = database.prepare(`
    INSERT INTO exports (name, type, since, cursor, sent, skipped, sent_at, created_at)
    VALUES (?1, ?2, ?3, (SELECT coalesce(max(place), 0) FROM export_queue), 0, 0, NULL, ?4)`)
  const all = database.prepare('SELECT * FROM exports ORDER BY name')
  const enqueueOld = database.prepare(`
    INSERT INTO export_queue (ids, rows, settled_at, only_for)
    SELECT json_group_array(id), count(*), min(settled_at), ?1 FROM (
      SELECT id, settled_at, (row_number() OVER (ORDER BY settled_at, id) - 1)
        / ${OLD_ROWS_AT_ONCE} AS slice
      FROM ledger WHERE settled_at >= ?2 ORDER BY settled_at, id)
    GROUP BY slice ORDER BY slice`)
  const advance = database.prepare(`
    UPDATE exports SET cursor = ?3, skipped = skipped + ?4 WHERE name = ?1 AND cursor = ?2
    RETURNING name`)
  const removeRead = database.prepare(`
    DELETE FROM export_queue WHERE place <= (SELECT min(cursor) FROM exports)
      AND place < (SELECT max(place) FROM export_queue)`)
  const removeOwn = database.prepare(`
    DELETE FROM export_queue WHERE place > ?2 AND place <= ?3 AND only_for = ?1
      AND place < (SELECT max(place) FROM export_queue)`)
  const removeAll = database.prepare(`
    DELETE FROM export_queue WHERE NOT EXISTS (SELECT 1 FROM exports)
      AND place < (SELECT max(place) FROM export_queue)`)
  const keepRest = database.prepare(
    'INSERT OR REPLACE INTO export_rests (exporter, meter, tab, rest) VALUES (?1, ?2, ?3, ?4)',
  )
  const sent = database.prepare('UPDATE exports SET sent = sent + ?2, sent_at = ?3 WHERE name = ?1')
  const setFile = database.prepare(
    'INSERT OR REPLACE INTO export_files (exporter, name, bytes) VALUES (?1, ?2, ?3)',
  )
  return {
    ...parcelTable(database),
    ...readingOf(database),
    all: () => all.all().map(({ name, type }) => ({ name: name as string, type: type as string })),
    /** A new one has what is booked from now on, and what settled since a moment. */
    begin(exporter: { name: string; type: string; since: number | null }, now: number) {
      const { name, type, since } = exporter
      begin.run(name, type, since, now)
      if (since !== null) enqueueOld.run(name, since)
    },
    /** Moves on from a place; false: it is not there, and nothing of the plan may be kept. */
    advance(name: string, by: { from: number; upTo: number; skipped: number }): boolean {
      const moved = advance.get(name, by.from, by.upTo, by.skipped) !== null
      if (!moved) return false
      removeRead.run()
      removeOwn.run(name, by.from, by.upTo)
      return true
    },
    keepRests: (name: string, { rests }: Pick<Plan, 'rests'>) => {
      for (const { meter, tab, rest } of rests) keepRest.run(name, meter, tab, rest)
    },
    sent: (name: string, events: number, now: number) => sent.run(name, events, now),
    setFile: (name: string, file: string, bytes: number) => setFile.run(name, file, bytes),
    /** Forgets it and all that waits for it. */
    remove(name: string) {
      for (const table of ['export_parcels', 'export_rests', 'export_files']) {
        database.prepare(`DELETE FROM ${table} WHERE exporter = ?1`).run(name)
      }
      removeOwn.run(name, 0, Number.MAX_SAFE_INTEGER)
      database.prepare('DELETE FROM exports WHERE name = ?1').run(name)
      removeAll.run()
    },
  }
}

function parcelTable(database: Database) {
  const add = database.prepare(`
    INSERT INTO export_parcels
      (exporter, status, events, lane, content, queued_at, attempts, due_at)
    VALUES (?1, 'pending', ?2, ?3, ?4, ?5, 0, ?6)`)
  const due = database.prepare(`
    SELECT * FROM export_parcels WHERE exporter = ?1 AND status = 'pending' AND due_at <= ?2
    ORDER BY due_at, id LIMIT ?3`)
  const next = database.prepare(`
    SELECT min(due_at) AS at FROM export_parcels
    WHERE exporter = ?1 AND status = 'pending' AND due_at > ?2`)
  const remove = database.prepare('DELETE FROM export_parcels WHERE id = ?1')
  const postpone = database.prepare(`
    UPDATE export_parcels SET attempts = attempts + 1, due_at = ?2, error = ?3,
      unsure_since = coalesce(unsure_since, ?4) WHERE id = ?1`)
  const bury = database.prepare(`
    UPDATE export_parcels SET status = 'dead', attempts = attempts + 1, error = ?2 WHERE id = ?1`)
  // Asked for by hand: whoever asks has seen whether the receiver has it.
  const revive = database.prepare(`
    UPDATE export_parcels SET status = 'pending', attempts = 0, due_at = ?3, unsure_since = NULL
    WHERE exporter = ?1 AND status = 'dead' AND id = ?2 RETURNING id`)
  const deadOf = database.prepare(`
    SELECT id FROM export_parcels WHERE exporter = ?1 AND status = 'dead' AND id <= ?2
    ORDER BY id LIMIT ?3`)
  const dead = database.prepare(`
    SELECT * FROM export_parcels WHERE status = 'dead' AND (?1 IS NULL OR exporter = ?1)
      AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3`)
  const last = database.prepare('SELECT max(id) AS id FROM export_parcels')
  const removeDead = database.prepare(
    "DELETE FROM export_parcels WHERE exporter = ?1 AND status = 'dead' RETURNING id",
  )
  return {
    addParcel: (exporter: string, parcel: NewParcel, now: number) =>
      add.run(exporter, parcel.events, parcel.lane, parcel.content, parcel.queuedAt, now),
    /** What may be sent now, longest due first. */
    due: (exporter: string, now: number, limit: number): Parcel[] =>
      due.all(exporter, now, limit).map(fromRow),
    nextDueAfter: (exporter: string, now: number) =>
      (next.get(exporter, now)?.['at'] as number | null) ?? null,
    removeParcel: (id: number) => remove.run(id),
    postpone: (id: number, dueAt: number, error: string, unsureSince: number | null) =>
      postpone.run(id, dueAt, error, unsureSince),
    bury: (id: number, error: string) => bury.run(id, error),
    revive: (exporter: string, id: number, now: number): boolean =>
      revive.get(exporter, id, now) !== null,
    /** Ids of the dead of an exporter, oldest first, up to one. */
    deadOf: (exporter: string, upTo: number, limit: number) =>
      deadOf.all(exporter, upTo, limit).map(({ id }) => id as number),
    dead: ({ exporter, before, limit }: DeadQuery): DeadParcel[] =>
      dead
        .all(exporter, before, limit)
        .map((row) => ({ ...fromRow(row), exporter: row['exporter'] as string })),
    lastParcel: () => (last.get()?.['id'] as number | null) ?? 0,
    removeDead: (exporter: string): number => removeDead.all(exporter).length,
  }
}

/** What is read of exporters, besides parcels. */
function readingOf(database: Database) {
  const cursor = database.prepare('SELECT cursor FROM exports WHERE name = ?1')
  const waiting = database.prepare(`
    SELECT place, ids FROM export_queue
    WHERE place > ?1 AND (only_for IS NULL OR only_for = ?2) ORDER BY place LIMIT ?3`)
  const rest = database.prepare(
    'SELECT rest FROM export_rests WHERE exporter = ?1 AND meter = ?2 AND tab = ?3',
  )
  const files = database.prepare('SELECT name, bytes FROM export_files WHERE exporter = ?1')
  const pending = database.prepare(`
    SELECT count(*) AS parcels, coalesce(sum(events), 0) AS events FROM (
      SELECT events FROM export_parcels WHERE exporter = ?1 AND status = ?2 LIMIT ?3)`)
  const states = database.prepare('SELECT * FROM exports ORDER BY name')
  const queue = database.prepare(`
    SELECT coalesce(sum(rows), 0) AS rows, min(settled_at) AS oldest FROM (
      SELECT rows, settled_at FROM export_queue
      WHERE place > ?1 AND (only_for IS NULL OR only_for = ?2) LIMIT ${COUNTED_MAX})`)
  const oldest = database.prepare(`
    SELECT min(queued_at) AS at FROM (SELECT queued_at FROM export_parcels
      WHERE exporter = ?1 AND status = 'pending' LIMIT ${COUNTED_MAX})`)
  const metadata = database.prepare('SELECT metadata FROM customers WHERE tab = ?1')

  const countOf = (name: string, status: 'pending' | 'dead', most = COUNTED_MAX) => {
    const row = pending.get(name, status, most)!
    return { parcels: row['parcels'] as number, events: row['events'] as number }
  }
  const stateOf = (row: SqlRow): ExportState => {
    const name = row['name'] as string
    const queued = queue.get(row['cursor'] as number, name)!
    const times = [oldest.get(name)?.['at'], queued['oldest']].filter((at) => at !== null)
    return {
      name,
      type: row['type'] as string,
      since: row['since'] as number | null,
      waitingRows: queued['rows'] as number,
      pendingEvents: countOf(name, 'pending').events,
      dead: countOf(name, 'dead').parcels,
      sent: row['sent'] as number,
      skipped: row['skipped'] as number,
      oldestAt: times.length === 0 ? null : Math.min(...(times as number[])),
      sentAt: row['sent_at'] as number | null,
    }
  }
  return {
    /** Null: there is none of the name. */
    cursor: (name: string) => (cursor.get(name)?.['cursor'] as number | undefined) ?? null,
    /** The rows of the commits behind a place, by id. */
    waiting: (name: string, after: number, commits: number) =>
      waiting.all(after, name, commits).map(({ place, ids }) => ({
        place: place as number,
        ids: JSON.parse(ids as string) as string[],
      })),
    restOf: (name: string, meter: string, tab: number) =>
      (rest.get(name, meter, tab)?.['rest'] as number | undefined) ?? 0,
    files: (name: string): ReadonlyMap<string, number> =>
      new Map(files.all(name).map((row) => [row['name'] as string, row['bytes'] as number])),
    countOf,
    states: () => states.all().map(stateOf),
    /** Of a tab, also of one whose customer was deleted. */
    metadataOf: (tab: number): Readonly<Record<string, unknown>> =>
      JSON.parse((metadata.get(tab)?.['metadata'] as string | undefined) ?? '{}'),
  }
}

const fromRow = (row: SqlRow): Parcel => ({
  id: row['id'] as number,
  events: row['events'] as number,
  lane: row['lane'] as string | null,
  content: row['content'] as string,
  queuedAt: row['queued_at'] as number,
  attempts: row['attempts'] as number,
  unsureSince: row['unsure_since'] as number | null,
  error: row['error'] as string | null,
})
