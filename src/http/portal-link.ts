import { Elysia } from 'elysia'
import * as Type from 'typebox'
import type { Portal } from '../config/portal.ts'
import { Refusal } from '../errors.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { laterBy } from '../ledger/period.ts'
import { customerNotFound } from './customers.ts'
import { Id, Time, timeText } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { shown } from './misfit.ts'
import { operation } from './operation.ts'
import type { PortalTokens } from './portal-token.ts'
import { checked } from './schema.ts'

export type PortalLinkParts = {
  readonly portal: Portal
  readonly portalTokens: PortalTokens
  readonly customers: { findCustomer(id: string): BudgetedCustomer | null }
  now(): number
}

const DURATION = '1h'
const DURATION_MAX = '30d'

const Body = checked(
  Type.Object(
    {
      user_id: Id({ description: 'The id of the customer.', examples: ['alice'] }),
      duration: Type.Optional(
        Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description:
            'How long the link is good: a number with s, m, h, d, w or mo. ' +
            `${DURATION} unless told, at most ${DURATION_MAX}.`,
          examples: ['1h'],
        }),
      ),
    },
    { additionalProperties: false, examples: [{ user_id: 'alice', duration: '1h' }] },
  ),
)

const Link = Type.Object(
  {
    url: Type.String({
      description: 'Where the customer sees its usage. Whoever has it, sees it: treat it as a key.',
      examples: ['https://llm.example.com/portal#portal_eyJpZCI6ImFsaWNlIn0.c2lnbmF0dXJl'],
    }),
    expires_at: Time({
      description: 'Until when the link is good.',
      examples: ['2026-11-01T10:30:00.000Z'],
    }),
  },
  { additionalProperties: false },
)

const notADuration = (duration: string) =>
  new Refusal(
    'invalid_request',
    'duration must be a whole number with s, m, h, d, w or mo, such as 1h, ' +
      `and at most ${DURATION_MAX}, got ${shown(duration)}`,
    { param: 'duration' },
  )

const noHost = () =>
  new Refusal(
    'invalid_request',
    'The Host header of this request is no address that a link could begin with. ' +
      'Set tollgate_settings.portal.url in the config.',
  )

/** Links to the page that shows a customer its own usage, under LiteLLM's two names for it. */
export function portalLinkRoutes(parts: PortalLinkParts, prefix: '/customer' | '/end_user') {
  const { portal, portalTokens, customers, now } = parts
  return new Elysia({ prefix, normalize: false }).post(
    '/portal',
    ({ body: { user_id: id, duration }, request, set }) => {
      const found = customers.findCustomer(id)
      if (found === null) throw customerNotFound(id, 'user_id')
      const expiresAt = expiryOf(duration ?? DURATION, now())
      const token = portalTokens.sign({ id, tab: found.customer.tab, expiresAt })
      set.headers['cache-control'] = 'no-store'
      return {
        url: `${portal.url ?? baseOf(request)}/portal#${token}`,
        expires_at: timeText(expiresAt),
      }
    },
    {
      parse: JSON_BODY,
      body: Body,
      detail: operation({
        tag: prefix === '/customer' ? 'Customers' : 'Customers, as /end_user',
        summary: "A link to a customer's own page",
        description:
          'A page, to read only, of what this customer alone spent, its limits, when they reset, ' +
          'and its usage by day and model. The link needs no key; it ends with its time, with ' +
          'the customer, and with the master key, and cannot be taken back before. Its token is ' +
          'in the fragment, which browsers keep to themselves, so no log has it. `?theme=dark` ' +
          'or `?theme=light` before the # fixes the theme. The config ' +
          '(`tollgate_settings.portal`) has the name and the colour of the page, the origins ' +
          'that may show it in a frame, and the `url` that links begin with: set it behind a ' +
          'proxy, because without it that is what this request came by.',
        answer: { description: 'The link.', schema: Link },
        refusals: [customerNotFound('alice', 'user_id'), notADuration('1y')],
      }),
    },
  )
}

function expiryOf(duration: string, now: number): number {
  const expiresAt = laterBy(duration, now)
  if (expiresAt === null || expiresAt > laterBy(DURATION_MAX, now)!) throw notADuration(duration)
  return expiresAt
}

/** The server's address as whoever asks for the link has it. Throws `invalid_request`. */
function baseOf({ headers, url }: Request): string {
  const host = headers.get('host') ?? (URL.canParse(url) ? new URL(url).host : '')
  const forwarded = headers.get('x-forwarded-proto')?.split(',')[0]?.trim().toLowerCase()
  const scheme = forwarded === 'https' || url.startsWith('https:') ? 'https' : 'http'
  const base = `${scheme}://${host}`
  if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(base)) throw noHost()
  return base
}
