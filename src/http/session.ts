import { createHmac, randomBytes } from 'node:crypto'
import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Authenticate } from './auth.ts'
import { named, operation } from './operation.ts'

/** For whom a cookie of the console stands. */
export type Session = {
  /** An HMAC of the cookie's secret by the master key: with another master key nobody finds it. */
  readonly id: string
  /** SHA-256 of the virtual key that it was opened with; empty: the master key. */
  readonly keyHash: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export type SessionStore = {
  find(id: string, now: number): Session | null
  open(session: Session, now: number): Promise<void>
  close(id: string): Promise<void>
}

export type SessionParts = {
  readonly sessions: SessionStore
  readonly masterKey: string
  readonly authenticate: Authenticate
  readonly version: string
  now(): number
}

const COOKIE = 'tollgate_session'
const SECRET_BYTES = 24
const LASTS_SECONDS = 24 * 3_600

/** What the console's own requests carry: a page of another origin cannot add it unasked. */
const CONSOLE_HEADER = 'x-tollgate-console'

/**
 * The session that a request's cookie stands for; null: none, or one that must not count.
 *
 * `SameSite=Strict` keeps the cookie from requests that other sites make. Browsers do not tell the
 * ports and subdomains of one site apart in that, so what changes something must also come from
 * our own pages: by `Sec-Fetch-Site`, which a page cannot forge, or where the browser does not send
 * it (plain HTTP, but for localhost) by a header of our own, which takes a permission (CORS) that
 * we never give. (OWASP, Cross-Site Request Forgery Prevention: Fetch Metadata, custom headers.)
 */
export function sessionOf(
  { headers, method }: Request,
  { sessions, masterKey, now }: Pick<SessionParts, 'sessions' | 'masterKey' | 'now'>,
): Session | null {
  const secret = cookieOf(headers)
  if (secret === null) return null
  const site = headers.get('sec-fetch-site')
  const isOurs =
    site === null
      ? method === 'GET' || headers.has(CONSOLE_HEADER)
      : site === 'same-origin' || (site === 'none' && method === 'GET')
  return isOurs ? sessions.find(idOf(secret, masterKey), now()) : null
}

const cookieOf = (headers: Headers): string | null =>
  /(?:^|;\s*)tollgate_session=([\w-]+)/.exec(headers.get('cookie') ?? '')?.[1] ?? null

const idOf = (secret: string, masterKey: string): string =>
  createHmac('sha256', masterKey).update(`console session ${secret}`).digest('hex')

const setCookie = ({ headers, url }: Request, value: string, seconds: number): string => {
  const isSecure = url.startsWith('https:') || headers.get('x-forwarded-proto') === 'https'
  const about = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
  return `${COOKIE}=${value}; ${about}`
}

export const SessionSchema = Type.Object(
  {
    role: Type.Enum(['admin', 'read_only'], {
      type: 'string',
      description: 'Whether the session may change anything.',
      examples: ['admin'],
    }),
    key_alias: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'The alias of the virtual key that it was opened with.',
      examples: [null],
    }),
    version: Type.String({ description: 'The version of Tollgate.', examples: ['0.1.0'] }),
  },
  { additionalProperties: false },
)

const tag = 'Console'

export const SESSION_PATH = '/ui/session'

const fromElsewhere = new Refusal(
  'forbidden',
  'A session can only be opened by the console itself, not by a page of another site.',
)

/** Signing in to the console and out of it. */
export function sessionRoutes(parts: SessionParts) {
  const { sessions, masterKey, authenticate, version, now } = parts
  const about = (request: Request) => {
    const caller = authenticate(request)
    return caller === 'master'
      ? ({ role: 'admin', key_alias: null, version } as const)
      : ({ role: 'read_only', key_alias: caller.alias, version } as const)
  }
  return new Elysia({ normalize: false })
    .post(
      SESSION_PATH,
      async ({ request, set }) => {
        const site = request.headers.get('sec-fetch-site')
        if (site !== null && site !== 'same-origin') throw fromElsewhere
        const caller = authenticate(request)
        const secret = randomBytes(SECRET_BYTES).toString('base64url')
        const keyHash = caller === 'master' ? '' : caller.hash
        const expiresAt = now() + LASTS_SECONDS * 1_000
        await sessions.open({ id: idOf(secret, masterKey), keyHash, expiresAt }, now())
        set.headers['set-cookie'] = setCookie(request, secret, LASTS_SECONDS)
        return about(request)
      },
      {
        detail: operation({
          tag,
          summary: 'Sign in to the console',
          description:
            'With the master key, or a `read_only` one, as any request brings it. The session ' +
            'is in a cookie that no script can read, lasts a day, and is worth what its key is: ' +
            'blocked, expired or deleted, the key takes the session with it.',
          answer: { description: 'What the session may do.', schema: named('Session') },
          refusals: [fromElsewhere],
        }),
      },
    )
    .get(SESSION_PATH, ({ request }) => about(request), {
      detail: operation({
        tag,
        summary: 'Who is signed in',
        description: 'What this session, or the key of this request, may do in the console.',
        answer: { description: 'What the session may do.', schema: named('Session') },
      }),
    })
    .delete(
      SESSION_PATH,
      async ({ request, set }) => {
        const secret = cookieOf(request.headers)
        if (secret !== null) await sessions.close(idOf(secret, masterKey))
        set.headers['set-cookie'] = setCookie(request, '', 0)
        return { signed_out: true }
      },
      {
        detail: operation({
          tag,
          summary: 'Sign out of the console',
          description: 'The session is over at once, wherever its cookie may be.',
          answer: {
            description: 'It is over.',
            schema: Type.Object(
              { signed_out: Type.Boolean({ description: 'Always true.', examples: [true] }) },
              { additionalProperties: false },
            ),
          },
        }),
      },
    )
}
