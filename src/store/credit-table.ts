import { type CreditGrant, type CreditKind, isExhaustedAfter } from '../ledger/credit.ts'
import { minus, type Nanos, nanos, plus, ZERO } from '../ledger/money.ts'
import {
  bringIn,
  draw,
  type Move,
  PRIORITY,
  takeOut,
  type Wallet,
  walletOf,
} from '../ledger/wallet.ts'
import type { Database } from '../runtime/sqlite.ts'
import { type CreditReads, creditReads, grantOf } from './credit-reads.ts'

/** What a movement says of itself besides its amount. */
export type EntryText = {
  readonly kind: CreditKind
  readonly callId: string | null
  readonly reason: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A wallet's sums before and after a movement, for those who tell of it. */
export type Movement = {
  readonly from: { readonly balance: Nanos; readonly isExhaustedTold: boolean }
  readonly balance: Nanos
}

/** Wallets in the database. What writes is called inside a transaction of the flush loop. */
export type CreditTable = CreditReads & {
  /** What is in the wallet of a tab; null: it has none. */
  wallet(tab: number): Wallet | null
  /** Makes a wallet, empty: what is on the tab so far is not drawn from it. */
  open(tab: number): void
  /** Takes an empty wallet away; its entries stay. */
  close(tab: number): void
  /** A charge out of the wallet; a negative one brings a grant in. Nothing where there is none. */
  draw(
    tab: number,
    charge: Nanos,
    text: Omit<EntryText, 'kind' | 'reason'> & { readonly id: string },
  ): void
  /** A charge on the tab that is not of the wallet. Nothing where there is none. */
  leave(tab: number, charge: Nanos): void
  bringIn(tab: number, grant: Omit<CreditGrant, 'remaining'>, text: EntryText): Movement
  /** Null: there is not so much. */
  takeOut(
    tab: number,
    amount: Nanos,
    of: { readonly from: Parameters<typeof takeOut>[2]; readonly text: EntryText },
  ): Movement | null
  /** What memory has found to have ended, at most as far as it is there. */
  expire(tab: number, moves: readonly Move[], at: number): Movement | null
  /** Remembers that it was told; false: it had been. */
  tellExhausted(tab: number): boolean
}

/** The migration that makes wallets. */
export const CREATE_CREDIT = `
  -- What came in at once, and what is left of it. A grant, or what an adjustment or a correction
  -- gave back.
  CREATE TABLE credit_grants (
    id TEXT PRIMARY KEY,
    tab INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    expires_at INTEGER,
    reason TEXT,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX credit_grants_open ON credit_grants (tab) WHERE remaining > 0;
  CREATE INDEX credit_grants_due ON credit_grants (expires_at)
    WHERE remaining > 0 AND expires_at IS NOT NULL;

  -- Every movement, never changed. grant_id is null for the overdraft; balance is the wallet's with
  -- the entry, so that the balance at any time is that of the last one before it.
  CREATE TABLE credit_entries (
    id INTEGER PRIMARY KEY,
    tab INTEGER NOT NULL,
    kind TEXT NOT NULL,
    grant_id TEXT,
    amount INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    call_id TEXT,
    reason TEXT,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX credit_entries_by_tab ON credit_entries (tab);
  -- What moved since a moment, from the index alone.
  CREATE INDEX credit_entries_by_time ON credit_entries (tab, created_at, amount);
  CREATE INDEX credit_entries_by_call ON credit_entries (call_id) WHERE call_id IS NOT NULL;

  -- What an operator has ordered under a key, and what came of it: kept for good, as the money is.
  CREATE TABLE credit_orders (
    key TEXT PRIMARY KEY,
    tab INTEGER NOT NULL,
    asked TEXT NOT NULL,
    done TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- balance: the sum of the tab's entries; null: there is no wallet. undrawn: what is on the tab
  -- and was never the wallet's to pay: what was charged before it was made, and
  -- corrections of the spend.
  ALTER TABLE customers ADD COLUMN balance INTEGER;
  ALTER TABLE customers ADD COLUMN undrawn INTEGER;
  ALTER TABLE customers ADD COLUMN exhausted_told INTEGER NOT NULL DEFAULT 0;`

export function creditTable(database: Database): CreditTable {
  const writer = movementWriter(database)
  const { sums } = writer
  const open = database.prepare('SELECT * FROM credit_grants WHERE tab = ?1 AND remaining > 0')
  const insert = database.prepare(
    'INSERT INTO credit_grants VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)',
  )
  const openWallet = database.prepare(`
    UPDATE customers SET balance = 0, exhausted_told = 0, undrawn = total_spent + (
      SELECT coalesce(sum(amount), 0) FROM credit_entries WHERE tab = ?1 AND kind = 'draw')
    WHERE tab = ?1`)
  const closeWallet = database.prepare(
    'UPDATE customers SET balance = NULL, undrawn = NULL WHERE tab = ?1',
  )
  const leave = database.prepare(
    'UPDATE customers SET undrawn = undrawn + ?2 WHERE tab = ?1 AND balance IS NOT NULL',
  )
  const tell = database.prepare('UPDATE customers SET exhausted_told = 1 WHERE tab = ?1')

  const walletIn = (tab: number, balance: Nanos): Wallet =>
    walletOf(
      open.all(tab).map((row) => grantOf(row)),
      nanos(Math.max(0, minus(ZERO, balance))),
    )
  const comeIn: CreditTable['bringIn'] = (tab, grant, text) => {
    const from = sums(tab)!
    const { id, amount, priority, expiresAt, reason, createdAt } = grant
    const { moves, payment } = bringIn(walletIn(tab, from.balance), { ...grant, remaining: amount })
    insert.run(id, tab, amount, priority, expiresAt, reason, createdAt)
    const texts = [...moves.map((move) => ({ move, text })), ...payment.map(drawnLate(text.at))]
    return writer.write(tab, from, texts)
  }

  return {
    ...creditReads(database),
    wallet(tab) {
      const from = sums(tab)
      return from === null ? null : walletIn(tab, from.balance)
    },
    open: (tab) => openWallet.run(tab),
    close: (tab) => closeWallet.run(tab),
    leave: (tab, charge) => leave.run(tab, charge),
    draw(tab, charge, { id, callId, at }) {
      const from = sums(tab)
      if (from === null || charge === 0) return
      const text = { kind: 'draw', callId, reason: null, at } as const
      if (charge > 0) {
        const { moves } = draw(walletIn(tab, from.balance), charge)
        writer.write(tab, from, moves.map(said(text)))
        return
      }
      const back = { id, priority: PRIORITY, expiresAt: null, reason: null, createdAt: at }
      comeIn(tab, { ...back, amount: minus(ZERO, charge) }, text)
    },
    bringIn: comeIn,
    takeOut(tab, amount, { from: which, text }) {
      const from = sums(tab)
      const taken = from && takeOut(walletIn(tab, from.balance), amount, which)
      return taken && writer.write(tab, from, taken.moves.map(said(text)))
    },
    expire(tab, moves, at) {
      const from = sums(tab)
      if (from === null) return null
      const left = new Map(open.all(tab).map((row) => [row['id'], row['remaining'] as number]))
      const gone = moves.flatMap(({ grantId, amount }) => {
        const there = Math.min(-amount, left.get(grantId) ?? 0)
        return there === 0 ? [] : [{ grantId, amount: nanos(-there) }]
      })
      const text = { kind: 'expiry', callId: null, reason: null, at } as const
      return writer.write(tab, from, gone.map(said(text)))
    },
    tellExhausted(tab) {
      if (sums(tab)?.isExhaustedTold !== false) return false
      tell.run(tab)
      return true
    },
  }
}

/** Makes what writes the moves of one movement, and the sums with them. */
function movementWriter(database: Database) {
  const find = database.prepare('SELECT balance, exhausted_told FROM customers WHERE tab = ?1')
  const addEntry = database.prepare(
    'INSERT INTO credit_entries VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)',
  )
  const moveGrant = database.prepare(
    'UPDATE credit_grants SET remaining = remaining + ?2 WHERE id = ?1',
  )
  const setSums = database.prepare(
    'UPDATE customers SET balance = ?2, exhausted_told = ?3 WHERE tab = ?1',
  )
  return {
    sums(tab: number): Movement['from'] | null {
      const row = find.get(tab)
      const balance = (row?.['balance'] ?? null) as Nanos | null
      return balance === null ? null : { balance, isExhaustedTold: row!['exhausted_told'] === 1 }
    },
    write(tab: number, from: Movement['from'], moves: readonly SaidMove[]): Movement {
      let { balance } = from
      for (const { move, text } of moves) {
        const { grantId, amount } = move
        balance = plus(balance, amount)
        const { kind, callId, reason, at } = text
        addEntry.run(tab, kind, grantId, amount, balance, callId, reason, at)
        if (grantId !== null) moveGrant.run(grantId, amount)
      }
      setSums.run(tab, balance, isExhaustedAfter(from, balance) ? 1 : 0)
      return { from, balance }
    },
  }
}

type SaidMove = { readonly move: Move; readonly text: EntryText }

const said =
  (text: EntryText) =>
  (move: Move): SaidMove => ({ move, text })

/** What pays an overdraft off is drawn, and of no call: that had its draw when it was charged. */
const drawnLate = (at: number) => said({ kind: 'draw', callId: null, reason: null, at })
