import { Elysia } from 'elysia'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { dayStart } from '../ledger/day.ts'
import type { ModelSum } from '../ledger/record.ts'
import type { StatedCorrection, WalletStatement } from '../ledger/statement.ts'
import { customerNotFound } from './customers.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'
import {
  type PeriodQuery,
  readPeriod,
  type Statement,
  StatementQuery,
  StatementSchema,
  statementCsv,
  statementJson,
  tooLong,
} from './statement-json.ts'
import { statementPage } from './statement-page.ts'

/** What statements need of the store. */
export type StatementParts = {
  readonly customers: { findCustomer(id: string): BudgetedCustomer | null }
  readonly statements: {
    wallet(tab: number, from: number, until: number): WalletStatement
    corrections(tab: number, from: number, until: number): StatedCorrection[]
  }
  readonly tabUsage: {
    days(
      tab: number,
      range: { readonly first: number; readonly last: number },
    ): AsyncGenerator<{ readonly day: number; readonly sums: readonly ModelSum[] }>
  }
  /** The currency of the rate card that binds a customer; null: dollars. */
  currencyOf(of: BudgetedCustomer): { readonly code: string; readonly rate: number } | null
  /** What the operator is called on a page to print. */
  readonly portal: { readonly name: string }
  now(): number
}

type Format = { readonly format?: 'json' | 'csv' | 'html' }

/** A statement in the format asked for. Throws `invalid_request` for a period that is none. */
export async function answerStatement(
  of: BudgetedCustomer,
  query: PeriodQuery & Format,
  parts: StatementParts,
): Promise<Response> {
  const statement = await statementOf(of, query, parts)
  const { format = 'json' } = query
  const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  if (format === 'json') return Response.json(statementJson(statement), { headers })
  if (format === 'csv') {
    return new Response(statementCsv(statement), {
      headers: {
        ...headers,
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="statement.csv"',
      },
    })
  }
  return new Response(statementPage(statementJson(statement), parts.portal.name), {
    headers: {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    },
  })
}

async function statementOf(
  of: BudgetedCustomer,
  query: PeriodQuery,
  { statements, tabUsage, currencyOf, now }: StatementParts,
): Promise<Statement> {
  const { tab, id, alias, credit } = of.customer
  const { first, last } = readPeriod(query, now())
  const days: Statement['days'][number][] = []
  for await (const day of tabUsage.days(tab, { first, last })) days.push(day)
  const [from, until] = [dayStart(first), dayStart(last + 1)]
  return {
    id,
    alias,
    first,
    last,
    currency: currencyOf(of),
    wallet: credit === null ? null : statements.wallet(tab, from, until),
    days,
    corrections: statements.corrections(tab, from, until),
  }
}

/** What any way to a statement says of its answer. */
export const STATED = {
  description: 'The statement.',
  schema: StatementSchema,
  contentTypes: ['application/json', 'text/csv', 'text/html'],
}

export const statementRoutes = (parts: StatementParts, prefix: '/customer' | '/end_user') =>
  new Elysia({ prefix, normalize: false }).get(
    '/statement',
    ({ query }) => {
      const { end_user_id: id, ...period } = query
      const found = parts.customers.findCustomer(id)
      if (found === null) throw customerNotFound(id, 'end_user_id')
      return answerStatement(found, period as PeriodQuery & Format, parts)
    },
    {
      transform: plainQuery,
      query: checked(StatementQuery),
      detail: operation({
        tag: prefix === '/customer' ? 'Customers' : 'Customers, as /end_user',
        summary: 'What a customer was charged and paid in a month',
        description:
          'Usage by day and model, corrections, and the movements of its credit, with the ' +
          'balance before and after: for the customer, so without what anything cost. Days are ' +
          'whole, in UTC; a call counts on the day on which it ended.',
        answer: STATED,
        refusals: [customerNotFound('alice', 'end_user_id'), tooLong(400)],
      }),
    },
  )
