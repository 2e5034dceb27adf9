import { Elysia } from 'elysia'
import * as Type from 'typebox'
import type { Portal } from '../config/portal.ts'
import { Refusal } from '../errors.ts'
import type { CreditGrant } from '../ledger/credit.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { dayOf } from '../ledger/day.ts'
import type { ModelSum } from '../ledger/record.ts'
import { wholePathOf } from './address.ts'
import { bearerOf } from './auth.ts'
import type { Tab } from './customer-json.ts'
import { timeText } from './fields.ts'
import { operation } from './operation.ts'
import { escaped, type Page, pageParts, pagePolicy } from './page.ts'
import { portalCreditJson } from './portal-credit.ts'
import { SummarySchema, summaryJson, UsageSchema, usageRangeJson } from './portal-json.ts'
import { themeStyle } from './portal-theme.ts'
import type { PortalTokens } from './portal-token.ts'
import { plainQuery } from './query.ts'
import { RECORD_FIELDS, readTimes } from './record-query.ts'
import { checked } from './schema.ts'
import { answerStatement, STATED, type StatementParts } from './statement.ts'
import { PERIOD_FIELDS, type PeriodQuery, tooLong } from './statement-json.ts'

export type PortalParts = Tab &
  StatementParts & {
    readonly portal: Portal
    readonly portalTokens: PortalTokens
    portalPage(): Promise<Page>
    readonly customers: { findCustomer(id: string): BudgetedCustomer | null }
    readonly tabUsage: {
      days(
        tab: number,
        range: { readonly first: number; readonly last: number },
      ): AsyncGenerator<{ readonly day: number; readonly sums: readonly ModelSum[] }>
      since(tab: number, from: number): AsyncGenerator<readonly ModelSum[]>
    }
    readonly credit: { openGrants(tab: number): readonly CreditGrant[] }
    /** Where credit is bought, with `{customer_id}` for whose. Null: nobody is told. */
    readonly topUpUrl: string | null
    now(): number
  }

const PREFIX = '/portal'

/** Without a key: the page holds nothing, and its data takes the token of a link alone. */
export const isPortalPath = (path: string): boolean =>
  path === PREFIX || path.startsWith(`${PREFIX}/`)

const TAG = 'Portal'

/** A quarter of a year. */
const DAYS_MAX = 92
const DAYS_BY_DEFAULT = 30

const { start_date, end_date } = RECORD_FIELDS

const Query = checked(Type.Object({ start_date, end_date }, { additionalProperties: false }))

const noToken = () =>
  new Refusal(
    'unauthorized',
    'This takes the token of a link that /customer/portal made, and nothing else: ' +
      'send it as "Authorization: Bearer TOKEN".',
    { headers: { 'www-authenticate': 'Bearer' } },
  )
const forged = () =>
  new Refusal('unauthorized', 'This link is not a good one, or not whole; ask for a new one.')
const expired = (expiresAt: number) =>
  new Refusal('expired_key', `This link was good until ${timeText(expiresAt)}; ask for a new one.`)
const gone = () => new Refusal('not_found', 'The customer of this link is not there any more.')
const tooManyDays = (days: number) =>
  new Refusal('invalid_request', `A range has at most ${DAYS_MAX} days, got ${days}`, {
    param: 'start_date',
  })

const REFUSALS = [noToken(), forged(), expired(Date.UTC(2026, 10, 1, 10, 30)), gone()]

/**
 * A customer's own page, and what it asks: open to whoever has a link, and to that customer's own
 * figures alone. There is no cookie, because a page inside of another site's gets none.
 */
export function portalRoutes(parts: PortalParts) {
  const { tabUsage, now } = parts
  const whose = askedBy(parts)
  const noStore = { 'cache-control': 'no-store' }
  return new Elysia({ normalize: false })
    .use(portalPages(parts))
    .use(portalStatement(parts))
    .get(
      `${PREFIX}/summary`,
      async ({ request, set }) => {
        const { expiresAt, ...of } = whose(request)
        const sums: ModelSum[] = []
        const { tab, periodStart } = of.customer
        for await (const some of tabUsage.since(tab, periodStart)) sums.push(...some)
        Object.assign(set.headers, noStore)
        const credit = portalCreditJson(of, parts)
        return summaryJson(of, { tab: parts, sums, credit, expiresAt })
      },
      {
        detail: operation({
          tag: TAG,
          openedBy: 'portal',
          summary: 'What a customer spent, and what limits it',
          description:
            'For the customer itself, by the token of its link: its figures of the current period.',
          answer: { description: 'The figures.', schema: SummarySchema },
          refusals: REFUSALS,
        }),
      },
    )
    .get(
      `${PREFIX}/usage`,
      async ({ request, query, set }) => {
        const { customer } = whose(request)
        const range = readDays(query, now())
        const used = new Map<number, readonly ModelSum[]>()
        for await (const { day, sums } of tabUsage.days(customer.tab, range)) {
          used.set(day, sums)
        }
        Object.assign(set.headers, noStore)
        return usageRangeJson(range, used)
      },
      {
        transform: plainQuery,
        query: Query,
        detail: operation({
          tag: TAG,
          openedBy: 'portal',
          summary: "A customer's usage by day and model",
          description:
            'For the customer itself, by the token of its link. Whole days, in UTC, at most ' +
            `${DAYS_MAX} of them; without dates the last ${DAYS_BY_DEFAULT}. A call counts on ` +
            'the day on which it ended.',
          answer: { description: 'The usage.', schema: UsageSchema },
          refusals: [...REFUSALS, tooManyDays(365)],
        }),
      },
    )
}

/** The same statement as its operator's, for its own customer. */
function portalStatement(parts: PortalParts) {
  const whose = askedBy(parts)
  return new Elysia({ normalize: false }).get(
    `${PREFIX}/statement`,
    ({ request, query }) => answerStatement(whose(request), query as PeriodQuery, parts),
    {
      transform: plainQuery,
      query: checked(Type.Object(PERIOD_FIELDS, { additionalProperties: false })),
      detail: operation({
        tag: TAG,
        openedBy: 'portal',
        summary: "A customer's statement of a month",
        description: 'For the customer itself, by the token of its link. Days are whole, in UTC.',
        answer: STATED,
        refusals: [...REFUSALS, tooLong(400)],
      }),
    },
  )
}

/** Makes the function that says whose link a request brings. It throws what is wrong with it. */
function askedBy({ portalTokens, customers, now }: PortalParts) {
  return ({ headers }: Request): BudgetedCustomer & { readonly expiresAt: number } => {
    const token = bearerOf(headers)
    if (token === null) throw noToken()
    const link = portalTokens.read(token)
    if (link === null) throw forged()
    if (link.expiresAt <= now()) throw expired(link.expiresAt)
    const found = customers.findCustomer(link.id)
    if (found === null || found.customer.tab !== link.tab) throw gone()
    return { ...found, expiresAt: link.expiresAt }
  }
}

/** Throws `invalid_request`. */
function readDays(
  query: { readonly start_date?: string; readonly end_date?: string },
  now: number,
) {
  const { start_date: start, end_date: end } = query
  const { from, until } = readTimes({ ...(start && { start }), ...(end && { end }) })
  const last = dayOf((until ?? now + 1) - 1)
  const first = from === undefined ? last - DAYS_BY_DEFAULT + 1 : dayOf(from)
  const days = last - first + 1
  if (days < 1 || days > DAYS_MAX) throw tooManyDays(Math.max(0, days))
  return { first, last }
}

/** The page in the operator's name and colour. What it loads it names without the host or path. */
function portalPages({ portal, portalPage }: PortalParts) {
  const load = async () => {
    const { html, script, style } = await portalPage()
    return { html: html.replaceAll('OPERATOR', () => escaped(portal.name)), script, style }
  }
  const { html, script, style } = pageParts(load, {
    'content-security-policy': pagePolicy(portal.origins),
    'referrer-policy': 'no-referrer',
  })
  const theme = themeStyle(portal.accent)
  const hidden = { detail: { hide: true } }
  return new Elysia({ normalize: false })
    .get(`${PREFIX}/app.js`, script, hidden)
    .get(`${PREFIX}/app.css`, style, hidden)
    .get(
      `${PREFIX}/theme.css`,
      () =>
        new Response(theme, {
          headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'no-cache' },
        }),
      hidden,
    )
    .get(
      PREFIX,
      ({ request }) => {
        // One level deeper, what it names would be elsewhere.
        if (!wholePathOf(request.url).endsWith('/')) return html({ request })
        return new Response(null, { status: 308, headers: { location: '../portal' } })
      },
      hidden,
    )
}
