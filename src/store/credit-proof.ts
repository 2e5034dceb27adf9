import { dollarsText, type Nanos } from '../ledger/money.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { BEFORE } from './pruned.ts'

/** What does not agree of a kind: what finds it, and the sentence for each row found. */
type Check = { readonly sql: string; readonly says: (row: SqlRow) => string }

/** Findings of a kind that are told. */
const TOLD_MAX = 100

const money = (row: SqlRow, column: string) => dollarsText((row[column] ?? 0) as Nanos)

const OF_CUSTOMER = 'SELECT tab, sum(amount) AS total FROM credit_entries GROUP BY tab'

const CHECKS: readonly Check[] = [
  {
    sql: `
      SELECT id, remaining, coalesce(total, 0) AS total FROM credit_grants LEFT JOIN (
        SELECT grant_id, sum(amount) AS total FROM credit_entries GROUP BY grant_id)
        ON grant_id = id
      WHERE remaining IS NOT coalesce(total, 0) OR remaining < 0`,
    says: (row) =>
      `grant ${row['id']}: ${money(row, 'remaining')} is left of it, and its entries sum to ` +
      money(row, 'total'),
  },
  {
    sql: `
      SELECT grant_id AS id, count(*) AS entries FROM credit_entries
      WHERE grant_id NOT IN (SELECT id FROM credit_grants) GROUP BY grant_id`,
    says: (row) => `grant ${row['id']}: has ${row['entries']} entries, and does not exist`,
  },
  {
    // What came in with a grant is its first entry.
    sql: `
      SELECT credit_grants.id, credit_grants.amount, first.amount AS came FROM credit_grants
      LEFT JOIN credit_entries AS first ON first.id =
        (SELECT min(id) FROM credit_entries AS all_of
          WHERE all_of.tab = credit_grants.tab AND grant_id = credit_grants.id)
      WHERE first.amount IS NOT credit_grants.amount`,
    says: (row) =>
      `grant ${row['id']}: is of ${money(row, 'amount')}, and ${money(row, 'came')} came in`,
  },
  {
    sql: `
      SELECT customers.id, balance, coalesce(total, 0) AS total FROM customers
      LEFT JOIN (${OF_CUSTOMER}) AS entries ON entries.tab = customers.tab
      WHERE coalesce(balance, 0) <> coalesce(total, 0)`,
    says: (row) =>
      `customer ${row['id']}: its balance is ${money(row, 'balance')} and its entries sum to ` +
      money(row, 'total'),
  },
  {
    sql: `
      SELECT id, balance, running FROM (
        SELECT id, balance, sum(amount) OVER (PARTITION BY tab ORDER BY id) AS running
        FROM credit_entries)
      WHERE balance <> running`,
    says: (row) =>
      `credit entry ${row['id']}: its balance is ${money(row, 'balance')}, and all up to it sum ` +
      `to ${money(row, 'running')}`,
  },
  {
    // An overdraft is what was drawn of no grant, and is there only while nothing is left of any.
    sql: `
      SELECT customers.id, left_in, over FROM customers JOIN (
        SELECT tab, sum(left_in) AS left_in, sum(over) AS over FROM (
          SELECT tab, remaining AS left_in, 0 AS over FROM credit_grants
          UNION ALL SELECT tab, 0, -amount FROM credit_entries WHERE grant_id IS NULL)
        GROUP BY tab) AS sums ON sums.tab = customers.tab
      WHERE over < 0 OR (over > 0 AND left_in > 0)`,
    says: (row) =>
      `customer ${row['id']}: has an overdraft of ${money(row, 'over')} beside credit of ` +
      money(row, 'left_in'),
  },
  {
    sql: `
      SELECT ledger.id, charge, drawn FROM (
        SELECT call_id, sum(-amount) AS drawn FROM credit_entries
        WHERE kind = 'draw' AND call_id IS NOT NULL GROUP BY call_id)
      JOIN ledger ON ledger.id = call_id WHERE drawn <> charge`,
    says: (row) =>
      `ledger row ${row['id']}: was charged ${money(row, 'charge')}, and ${money(row, 'drawn')} ` +
      'was drawn from the wallet',
  },
  {
    sql: `
      SELECT DISTINCT call_id AS id FROM credit_entries
      WHERE kind = 'draw' AND call_id IS NOT NULL AND created_at >= ${BEFORE}
        AND call_id NOT IN (SELECT id FROM ledger)`,
    says: (row) => `credit was drawn for ledger row ${row['id']}, which does not exist`,
  },
  {
    sql: `
      SELECT call_id AS id, sum(amount) AS over FROM credit_entries
      WHERE call_id IS NOT NULL AND kind IN ('draw', 'adjustment')
      GROUP BY call_id HAVING sum(amount) > 0 AND min(kind) = 'adjustment'`,
    says: (row) => `call ${row['id']}: ${money(row, 'over')} more was given back than it drew`,
  },
  {
    // What is on the tab is either drawn, or was never the wallet's to pay.
    sql: `
      SELECT customers.id, total_spent, undrawn, coalesce(drawn, 0) AS drawn FROM customers
      LEFT JOIN (SELECT tab, sum(-amount) AS drawn FROM credit_entries WHERE kind = 'draw'
        GROUP BY tab) AS draws ON draws.tab = customers.tab
      WHERE balance IS NOT NULL AND total_spent <> undrawn + coalesce(drawn, 0)`,
    says: (row) =>
      `customer ${row['id']}: was charged ${money(row, 'total_spent')} in all, of which ` +
      `${money(row, 'drawn')} is drawn from its wallet and ${money(row, 'undrawn')} is not the ` +
      "wallet's",
  },
  {
    sql: `
      SELECT id, kind, amount FROM credit_entries
      WHERE (kind = 'grant' AND amount <= 0) OR (kind IN ('expiry', 'refund') AND amount >= 0)
        OR kind NOT IN ('grant', 'draw', 'expiry', 'refund', 'adjustment')`,
    says: (row) => `credit entry ${row['id']}: ${row['kind']} of ${money(row, 'amount')}`,
  },
]

/** Where wallets do not agree with their entries, or those with the ledger. */
export const wrongCredit = (database: Database): string[] =>
  CHECKS.flatMap(({ sql, says }) =>
    database.prepare(`SELECT * FROM (${sql}) LIMIT ${TOLD_MAX}`).all().map(says),
  )
