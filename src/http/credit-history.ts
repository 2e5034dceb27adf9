import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { type CreditEntry, type CreditGrant, withoutWallet } from '../ledger/credit.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { minus, type Nanos, toDollars } from '../ledger/money.ts'
import { pathOf } from './address.ts'
import { BalanceSchema, EntrySchema, entryJson, grantJson } from './credit-json.ts'
import { customerNotFound } from './customers.ts'
import { csvLine, csvText } from './export.ts'
import { Id, timeText } from './fields.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { nextHeaders } from './records.ts'
import { checked } from './schema.ts'

/** What these routes need of the store. */
export type CreditHistoryParts = {
  readonly customers: { findCustomer(id: string): BudgetedCustomer | null }
  readonly credit: {
    openGrants(tab: number): readonly CreditGrant[]
    entries(
      tab: number,
      page: { readonly before: number | null; readonly limit: number },
    ): readonly CreditEntry[]
    hasEntry(tab: number, id: number): boolean
  }
  /** What is held on a customer's wallet. */
  heldCredit(id: string): Nanos
}

const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 1_000

const endUser = Id({ description: 'The id of the customer.', examples: ['alice'] })
const BalanceQuery = checked(Type.Object({ end_user_id: endUser }, { additionalProperties: false }))
const HistoryQuery = checked(
  Type.Object(
    {
      end_user_id: endUser,
      page_size: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: PAGE_SIZE_MAX,
          description: `Entries on a page, ${PAGE_SIZE} by default.`,
          examples: [PAGE_SIZE],
        }),
      ),
      cursor: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'From `x-next-cursor` of the page before.',
          examples: [117],
        }),
      ),
      format: Type.Optional(
        Type.Enum(['json', 'csv'], {
          type: 'string',
          description: 'JSON (the default) or CSV.',
          examples: ['csv'],
        }),
      ),
    },
    { additionalProperties: false },
  ),
)

const walletMissing = (id: string) =>
  new Refusal('not_found', withoutWallet(id), { param: 'end_user_id' })
const unknownCursor = (cursor: number) =>
  new Refusal('invalid_request', `cursor must be that of a page of this wallet, got ${cursor}`, {
    param: 'cursor',
  })
const COLUMNS = [
  'id',
  'type',
  'amount',
  'balance',
  'grant_id',
  'call_id',
  'reason',
  'created_at',
] as const

function csvOf(entries: readonly CreditEntry[]): string {
  const lines = entries.map((entry) =>
    csvLine(
      [
        entry.id,
        entry.kind,
        { dollars: entry.amount },
        { dollars: entry.balance },
        entry.grantId,
        entry.callId,
        entry.reason,
        timeText(entry.createdAt),
      ].map(csvText),
    ),
  )
  return csvLine(COLUMNS) + lines.join('')
}

/** What is in a wallet, and how that came about. */
export function creditHistoryRoutes(parts: CreditHistoryParts, prefix: '/customer' | '/end_user') {
  const tag = prefix === '/customer' ? 'Credit' : 'Credit, as /end_user'
  const { credit, customers } = parts
  const walletOf = (id: string) => {
    const found = customers.findCustomer(id)
    if (found === null) throw customerNotFound(id, 'end_user_id')
    const { tab, credit: sums } = found.customer
    if (sums === null) throw walletMissing(id)
    return { tab, ...sums }
  }
  return new Elysia({ prefix: `${prefix}/credit`, normalize: false })
    .get(
      '/balance',
      ({ query: { end_user_id: id } }) => {
        const { tab, balance } = walletOf(id)
        const held = parts.heldCredit(id)
        const grants = credit.openGrants(tab)
        const ends = grants.flatMap(({ expiresAt }) => expiresAt ?? [])
        return {
          user_id: id,
          balance: toDollars(balance),
          held: toDollars(held),
          available: toDollars(minus(balance, held)),
          next_expiry: ends.length === 0 ? null : timeText(Math.min(...ends)),
          grants: grants.map(grantJson),
        }
      },
      {
        transform: plainQuery,
        query: BalanceQuery,
        detail: operation({
          tag,
          summary: 'What is in a wallet',
          description: 'Its balance, what is held of it, and its grants in the order of use.',
          answer: { description: 'The wallet.', schema: BalanceSchema },
          refusals: [customerNotFound('alice', 'end_user_id'), walletMissing('alice')],
        }),
      },
    )
    .get(
      '/history',
      ({ query, set, request }) => {
        const { end_user_id: id, page_size: size = PAGE_SIZE, cursor: before = null } = query
        const { tab } = walletOf(id)
        if (before !== null && !credit.hasEntry(tab, before)) throw unknownCursor(before)
        // One more than the page has, to know whether there is a next one.
        const found = credit.entries(tab, { before, limit: size + 1 })
        const entries = found.slice(0, size)
        const next = found.length > size ? String(entries.at(-1)!.id) : null
        const headers = nextHeaders(pathOf(request.url), query, next)
        if (query.format === 'csv') return csvAnswer(csvOf(entries), headers)
        Object.assign(set.headers, headers)
        return entries.map(entryJson)
      },
      {
        transform: plainQuery,
        query: HistoryQuery,
        detail: operation({
          tag,
          summary: 'Every movement of a wallet',
          description:
            'Newest first, a page at a time; the next one is at the `Link`. A call that used ' +
            'several grants has an entry for each.',
          answer: {
            description: 'The entries.',
            schema: Type.Array(EntrySchema),
            contentTypes: ['application/json', 'text/csv'],
          },
          refusals: [walletMissing('alice'), unknownCursor(1)],
        }),
      },
    )
}

const csvAnswer = (text: string, headers: Record<string, string>): Response =>
  new Response(text, {
    headers: {
      ...headers,
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="credit.csv"',
      'cache-control': 'no-store',
    },
  })
