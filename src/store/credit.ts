import { Refusal } from '../errors.ts'
import {
  type CreditChange,
  type CreditDone,
  type CreditEvent,
  type CreditGrant,
  type CreditOrder,
  creditCrossings,
  withoutWallet,
} from '../ledger/credit.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { DOLLARS_MAX, dollarsText, fromDollars, minus, type Nanos, ZERO } from '../ledger/money.ts'
import { type Move, PRIORITY, type Wallet } from '../ledger/wallet.ts'
import type { Database } from '../runtime/sqlite.ts'
import type { CreditTable, EntryText, Movement } from './credit-table.ts'
import { customersNotFound } from './customers.ts'
import type { NewDelivery } from './delivery-table.ts'
import type { Flush } from './flush.ts'
import type { StoreOptions } from './options.ts'

/** What the rest may ask of wallets: reads see what is committed, writes go by flush. */
export type CreditStore = {
  wallet(tab: number): Wallet | null
  openGrants(tab: number): readonly CreditGrant[]
  entries: CreditTable['entries']
  hasEntry: CreditTable['hasEntry']
  /** Customers with grants that have ended and are not used up. */
  due(now: number, limit: number): readonly string[]
  /**
   * Does what an operator orders, once: a repeat under its key answers what came of the first, and
   * does nothing. `isCovered` says whether what goes out is nobody's hold. Throws `not_found` for
   * the customer, `unprocessable` for another order under the key, `invalid_request` for what
   * cannot be done.
   */
  order(
    order: CreditOrder,
    isCovered: boolean,
  ): Promise<CreditDone & { readonly isRepeat: boolean }>
  /** Writes down what memory has found to have ended. */
  expire(
    customer: { readonly id: string; readonly tab: number },
    moves: readonly Move[],
  ): Promise<void>
  /** Tells that a call was refused for want of credit, once until there is some again. */
  tellExhausted(customer: { readonly id: string; readonly tab: number }): Promise<void>
}

export function creditStore(
  database: Database,
  parts: {
    readonly table: CreditTable
    readonly opened: Set<number>
    readonly flush: Flush
    readonly find: (id: string) => BudgetedCustomer | null
    readonly tell: (event: NewDelivery, now: number) => void
    readonly options: Pick<StoreOptions, 'now' | 'newId' | 'changed' | 'credit'>
  },
): CreditStore {
  const { table, flush, opened, options } = parts
  const { now, changed } = options
  const orders = ordersIn(database)
  const tell = teller(parts)

  const doOrder = (order: CreditOrder, isCovered: boolean) => {
    const asked = JSON.stringify(order)
    const known = orders.find(order.key)
    if (known !== null) {
      if (known.asked !== asked) throw anotherOrder()
      return { ...known.done, isRepeat: true }
    }
    const found = parts.find(order.customerId)
    if (found === null) throw unknownCustomer(order.customerId)
    const { customer } = found
    const { tab } = customer
    if (customer.credit === null && order.kind === 'grant') {
      table.open(tab)
      opened.add(tab)
    } else if (customer.credit === null) throw noWallet(customer.id)
    const most = fromDollars(DOLLARS_MAX)
    const sum = (customer.credit?.balance ?? 0) + order.amount
    if (order.kind !== 'refund' && sum > most) throw tooMuch()
    const ordered = { ...order, tab, id: options.newId(), at: now() }
    const { movement, grant, amount } = moveBy(table, ordered, isCovered)
    const { kind, customerId, reason } = order
    const callId = order.kind === 'adjustment' ? order.callId : null
    const { balance } = movement
    const what = { id: ordered.id, kind, customerId, amount, reason, callId }
    const done = { ...what, grant, balance, createdAt: ordered.at }
    orders.keep(order.key, { tab, asked, done })
    const about = { customerId, amount, grant, at: ordered.at }
    tell(about, movement, order.kind === 'grant' ? ['credit_granted'] : [])
    return { ...done, isRepeat: false }
  }

  return {
    wallet: table.wallet,
    openGrants: table.openGrants,
    entries: table.entries,
    hasEntry: table.hasEntry,
    due: table.due,
    order: (order, isCovered) =>
      flush
        .attempt(
          () => doOrder(order, isCovered),
          () => {
            changed({ customers: [order.customerId] })
            options.credit?.wake()
          },
        )
        .finally(() => opened.clear()),
    expire: ({ id, tab }, moves) =>
      flush.enqueue(() => {
        const at = now()
        const movement = table.expire(tab, moves, at)
        if (movement === null) return
        const amount = minus(movement.balance, movement.from.balance)
        tell({ customerId: id, amount, grant: null, at }, movement, [])
      }, options.credit?.wake),
    tellExhausted: ({ id, tab }) =>
      flush.enqueue(() => {
        const balance = parts.find(id)?.customer.credit?.balance
        if (balance === undefined || !table.tellExhausted(tab)) return
        const about = { customerId: id, amount: ZERO, grant: null, at: now() }
        const from = { balance, isExhaustedTold: true }
        tell(about, { from, balance }, ['credit_exhausted'])
      }, options.credit?.wake),
  }
}

/** What an order does to the wallet, inside its transaction. */
function moveBy(
  table: CreditTable,
  order: CreditOrder & { readonly tab: number; readonly id: string; readonly at: number },
  isCovered: boolean,
): { readonly movement: Movement; readonly grant: CreditGrant | null; readonly amount: Nanos } {
  const { tab, id, at, reason, kind, amount } = order
  const callId = order.kind === 'adjustment' ? order.callId : null
  const text: EntryText = { kind, callId, reason, at }
  const isOut = order.kind === 'refund' || amount < 0
  if (!isOut) {
    if (callId !== null) requireDrawn(table.drawnFor(tab, callId), callId, amount)
    const terms =
      order.kind === 'grant' ? order : { priority: PRIORITY, expiresAt: null as number | null }
    const { priority, expiresAt } = terms
    if (expiresAt !== null && expiresAt <= at) throw alreadyOver(expiresAt)
    const grant = { id, amount, priority, expiresAt, reason, createdAt: at }
    const movement = table.bringIn(tab, grant, text)
    const { tab: _, ...made } = table.grant(id)!
    return { movement, grant: made, amount }
  }
  const out = amount < 0 ? minus(ZERO, amount) : amount
  const grantId = order.kind === 'refund' ? order.grantId : null
  if (grantId !== null) requireGrant(table, { tab, grantId, amount: out })
  const last = order.kind === 'refund' ? 'last used' : 'first used'
  const from = grantId === null ? last : { grantId }
  const movement = isCovered ? table.takeOut(tab, out, { from, text }) : null
  if (movement === null) throw notCovered(out)
  return { movement, grant: null, amount: minus(ZERO, out) }
}

/** Makes what tells of a movement, in its transaction. */
function teller({ options, tell }: Parameters<typeof creditStore>[1]) {
  return (
    about: Omit<CreditChange, 'events' | 'balance'>,
    { from, balance }: Movement,
    first: readonly CreditEvent[],
  ) => {
    if (options.credit === undefined) return
    const { lowAt, eventsOf } = options.credit
    const events = [...first, ...creditCrossings(from, balance, lowAt)]
    if (events.length === 0) return
    for (const event of eventsOf({ ...about, balance, events })) tell(event, about.at)
  }
}

function ordersIn(database: Database) {
  const find = database.prepare('SELECT asked, done FROM credit_orders WHERE key = ?1')
  const insert = database.prepare('INSERT INTO credit_orders VALUES (?1, ?2, ?3, ?4, ?5)')
  return {
    find(key: string): { readonly asked: string; readonly done: CreditDone } | null {
      const row = find.get(key)
      if (row === null) return null
      return {
        asked: row['asked'] as string,
        done: JSON.parse(row['done'] as string) as CreditDone,
      }
    },
    keep(
      key: string,
      { tab, asked, done }: { readonly tab: number; readonly asked: string; done: CreditDone },
    ) {
      insert.run(key, tab, asked, JSON.stringify(done), done.createdAt)
    },
  }
}

function requireDrawn(drawn: Nanos, callId: string, amount: Nanos) {
  if (amount <= drawn) return
  throw new Refusal(
    'invalid_request',
    `amount must be at most what call ${callId} drew and was not given back, ` +
      `${dollarsText(drawn)} dollars, got ${dollarsText(amount)}`,
    { param: 'amount' },
  )
}

function requireGrant(
  table: CreditTable,
  { tab, grantId, amount }: { readonly tab: number; readonly grantId: string; amount: Nanos },
) {
  const grant = table.grant(grantId)
  if (grant === null || grant.tab !== tab) {
    throw new Refusal(
      'not_found',
      `The customer has no grant ${grantId}; /customer/credit/balance lists those it has.`,
      { param: 'grant_id' },
    )
  }
  if (grant.remaining >= amount) return
  throw new Refusal(
    'invalid_request',
    `amount must be at most what is left of grant ${grantId}, ` +
      `${dollarsText(grant.remaining)} dollars, got ${dollarsText(amount)}`,
    { param: 'amount' },
  )
}

/** A grant to a misspelt id would be money lost, so it makes no customer. */
export const unknownCustomer = (id: string): Refusal => {
  const { message } = customersNotFound([id], 'user_id')
  const what = `${message}. Create it with /customer/new first; nothing was done.`
  return new Refusal('not_found', what, { param: 'user_id' })
}

const noWallet = (id: string) =>
  new Refusal('invalid_request', withoutWallet(id), { param: 'user_id' })

const alreadyOver = (expiresAt: number) =>
  new Refusal(
    'invalid_request',
    `expires_at must be in the future, got ${new Date(expiresAt).toISOString()}`,
    { param: 'expires_at' },
  )

const tooMuch = () =>
  new Refusal('invalid_request', `A balance can be ${DOLLARS_MAX} dollars at most`, {
    param: 'amount',
  })

const notCovered = (amount: Nanos) =>
  new Refusal(
    'invalid_request',
    `The wallet has not the ${dollarsText(amount)} dollars that are to go out, or calls in ` +
      'flight hold them; /customer/credit/balance says what is available.',
    { param: 'amount' },
  )

const anotherOrder = () =>
  new Refusal(
    'unprocessable',
    'This idempotency_key was sent with another order; use a new one. Nothing was done.',
    { param: 'idempotency_key' },
  )
