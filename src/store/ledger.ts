import { type Nanos, plus } from '../ledger/money.ts'
import { type LedgerRow, type Settlement, snakeCase } from '../ledger/settlement.ts'
import { KINDS } from '../metering/usage.ts'
import type { Database } from '../runtime/sqlite.ts'
import { type CreditTable, creditTable } from './credit-table.ts'
import { chargedBetween } from './pruned.ts'
import { type RateCardTable, rateCardTable } from './rate-cards.ts'
import { Unsummed } from './unsummed.ts'

/** The ledger in the database. What writes is called inside a transaction of the flush loop. */
export type LedgerTable = {
  /**
   * Adds a call's row, and what is in it to the sums of its key. Those of its customer, of days and
   * of hours follow a moment later, or at once where more hangs on them.
   */
  book(settlement: Booked): void
  /** Rows that are not in these sums yet. */
  readonly unsummed: Unsummed
  /** Of the rows on a tab. */
  readonly tabs: LedgerSums
  /** Of the rows of a virtual key. */
  readonly keys: LedgerSums
  /** The number of a set of prices, which is added if it is new. */
  priceId(snapshot: string): number
  readonly cards: RateCardTable
  /** What the allowance of rate cards took off on a tab, by the sums of days from one on. */
  usedFree(tab: number, sinceDay: number): { readonly tokens: number; readonly money: number }
  /** What was charged on a tab on a day less what it cost, by the sums of days. */
  marginOf(tab: number, day: number): number
  /** The wallets that charges are drawn from. */
  readonly credits: CreditTable
  /** Tabs whose wallet is made in a transaction that memory does not know of yet. */
  readonly opened: Set<number>
  /** Saves the search for a set of prices whose number is on disk. */
  rememberPrice(snapshot: string, id: number): void
}

/** A row, with the periods that its charge counts in, if known, and what was told because of it. */
export type Booked = {
  readonly row: LedgerRow
  readonly after: Pick<
    NonNullable<Settlement['after']>,
    'periodStart' | 'told' | 'marginToldOn'
  > | null
  readonly key: Pick<NonNullable<Settlement['key']>, 'periodStart'> | null
  /** As in `Settlement`; a correction that is `drawn` moves the wallet either way. */
  readonly credit?: Settlement['credit']
}

/** What was charged on a tab or with a key, from its rows: the truth behind a cached `spent`. */
export type LedgerSums = {
  /** Since a moment, milliseconds. */
  spentSince(id: number, since: number): Nanos
  spentOnModelSince(id: number, model: string, since: number): Nanos
  /** From `since` on and before `until`, milliseconds. */
  spentBetween(id: number, since: number, until: number): Nanos
}

/** In the order in which `book` gives them. */
const COLUMNS = [
  'id',
  'tab',
  'customer_id',
  'model',
  'deployment',
  'outcome',
  'usage_source',
  'price_id',
  'cost',
  'charge',
  'started_at',
  'settled_at',
  'key_id',
  'card_id',
  'counted',
  'free_tokens',
  'free_money',
  ...KINDS.map(snakeCase),
]

/** In place of a period's start where it is not known. */
const NO_PERIOD = 0

export function ledgerTable(database: Database): LedgerTable {
  const places = COLUMNS.map((_, index) => `?${index + 1}`)
  const insert = database.prepare(`INSERT INTO ledger (${COLUMNS}) VALUES (${places})`)
  // A cached sum is good only for the period it began in: at the first charge of another period
  // (the row is in the ledger already) it is summed anew.
  const chargeKey = database.prepare(`
    UPDATE keys SET
      spent = CASE WHEN period_start = ?2 THEN spent + ?3
        ELSE ${chargedBetween('key_id', { of: '?1', since: '?2' })} END,
      total_spent = total_spent + ?3,
      period_start = ?2
    WHERE id = ?1`)
  const tell = database.prepare(
    "UPDATE customers SET told = json_insert(told, '$[#]', ?2) WHERE tab = ?1",
  )
  const tellMargin = database.prepare('UPDATE customers SET margin_told_on = ?2 WHERE tab = ?1')
  const unsummed = new Unsummed(database)
  const { priceId, rememberPrice } = prices(database)
  const cards = rateCardTable(database)
  const usedFree = database.prepare(`
    SELECT coalesce(sum(free_tokens), 0) AS tokens, coalesce(sum(free_money), 0) AS money
    FROM daily WHERE tab = ?1 AND day >= ?2`)
  const marginOf = database.prepare(
    'SELECT charge - cost AS margin FROM customer_days WHERE day = ?2 AND tab = ?1',
  )
  const credits = walletsAfterSums(database, unsummed)
  const opened = new Set<number>()
  /** False: there is no wallet. */
  const move = (row: LedgerRow, tab: number, credit: Booked['credit']): boolean => {
    const { id, charge, settledAt: at } = row
    if (credit === 'drawn') credits.draw(tab, charge, { id, callId: id, at })
    else if (credit === 'apart' || opened.has(tab)) credits.leave(tab, charge)
    else return false
    return true
  }

  return {
    book({ row, after, key, credit }) {
      insert.run(
        row.id,
        row.tab,
        row.customerId,
        row.model,
        row.deployment,
        row.outcome,
        row.usageSource,
        row.price === null ? null : priceId(row.price),
        row.cost,
        row.charge,
        row.startedAt,
        row.settledAt,
        row.keyId,
        row.card === null ? null : cards.version(row.card, row.settledAt),
        row.counted,
        row.freeTokens,
        row.freeMoney,
        ...KINDS.map((kind) => row.usage[kind] ?? 0),
      )
      // Whoever books without knowing the period says so with one that is none: the next look
      // finds another one current, and sums the rows anew.
      const isNothing = row.charge === 0 && row.counted === 0
      unsummed.add(row, after?.periodStart ?? (isNothing ? null : NO_PERIOD))
      if (row.keyId !== null && (key !== null || row.charge !== 0))
        chargeKey.run(row.keyId, key?.periodStart ?? NO_PERIOD, row.charge)
      const { tab } = row
      if (tab === null) return
      const { told = [], marginToldOn } = after ?? {}
      // What was told belongs to a period, and a wallet's balance to all that was spent.
      if (move(row, tab, credit) || told.length > 0) unsummed.sum([tab])
      for (const name of told) tell.run(tab, name)
      if (marginToldOn !== undefined) tellMargin.run(tab, marginToldOn)
    },
    unsummed,
    tabs: withWaiting(ledgerSums(database, 'tab'), unsummed),
    keys: ledgerSums(database, 'key_id'),
    priceId,
    credits,
    cards,
    usedFree(tab, sinceDay) {
      const { tokens, money } = usedFree.get(tab, sinceDay)!
      return { tokens: tokens as number, money: money as number }
    },
    marginOf: (tab, day) => (marginOf.get(tab, day)?.['margin'] as number) ?? 0,
    opened,
    rememberPrice,
  }
}

/** Sets of prices, by their numbers. */
function prices(database: Database): Pick<LedgerTable, 'priceId' | 'rememberPrice'> {
  const find = database.prepare('SELECT id FROM prices WHERE snapshot = ?1')
  const insert = database.prepare('INSERT OR IGNORE INTO prices (snapshot) VALUES (?1)')
  /** Only what is committed: the number of an insert that was undone would be somebody else's. */
  const remembered = new Map<string, number>()
  const add = (snapshot: string): number => {
    insert.run(snapshot)
    return find.get(snapshot)?.['id'] as number
  }
  return {
    priceId: (snapshot) => remembered.get(snapshot) ?? add(snapshot),
    rememberPrice: (snapshot, id) => void remembered.set(snapshot, id),
  }
}

/** A wallet begins with what is on the tab until then, which is not drawn from it. */
function walletsAfterSums(database: Database, unsummed: Unsummed): CreditTable {
  const table = creditTable(database)
  const open = (tab: number) => {
    unsummed.sum([tab])
    table.open(tab)
  }
  return { ...table, open }
}

/** The rows of a tab are where its sums are found only when they are summed up. */
const withWaiting = (summed: LedgerSums, waiting: Unsummed): LedgerSums => ({
  spentSince: (tab, since) =>
    plus(summed.spentSince(tab, since), waiting.countedOn(tab, { since })),
  spentOnModelSince: (tab, model, since) =>
    plus(summed.spentOnModelSince(tab, model, since), waiting.countedOn(tab, { since, model })),
  spentBetween: (tab, since, until) =>
    plus(summed.spentBetween(tab, since, until), waiting.countedOn(tab, { since, until })),
})

function ledgerSums(database: Database, column: 'tab' | 'key_id'): LedgerSums {
  const sum = (more: { readonly until?: string; readonly model?: string }) =>
    database.prepare(
      `SELECT ${chargedBetween(column, { of: '?1', since: '?2', ...more })} AS spent`,
    )
  const since = sum({})
  const onModel = sum({ model: '?3' })
  const between = sum({ until: '?3' })
  return {
    spentSince: (id, from) => since.get(id, from)?.['spent'] as Nanos,
    spentOnModelSince: (id, model, from) => onModel.get(id, from, model)?.['spent'] as Nanos,
    spentBetween: (id, from, until) => between.get(id, from, until)?.['spent'] as Nanos,
  }
}
