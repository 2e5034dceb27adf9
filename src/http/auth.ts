import { timingSafeEqual } from 'node:crypto'
import { Refusal } from '../errors.ts'
import { requireUsable, unknownKey } from '../gateway/key-access.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { digestOf } from './secret.ts'

/** Who asks, by the key that the request brings. */
export type Caller = 'master' | VirtualKey

export type Authenticate = (request: Request) => Caller

export type AuthParts = {
  readonly masterKey: string
  /** The virtual key with this SHA-256, in hexadecimal; null: there is none. */
  findKey(hash: string): VirtualKey | null
  /** Wrong keys in a minute from one address that are answered as such; 0: any number. */
  readonly failedAuthLimit: number
  /** The SHA-256 of the key that a request's cookie stands for, empty for the master key. */
  signedIn(request: Request): string | null
  /** Whether it is the token of a customer's link: no key, but nobody's guess at one either. */
  isPortalToken(secret: string): boolean
  /** Null: the runtime does not say. */
  addressOf(request: Request): string | null
  now(): number
}

/**
 * Makes the function that says who asks, by a key in any of the places where OpenAI's, Anthropic's
 * and Azure's clients send one. It throws `unauthorized`, `expired_key`, and `rate_limited` when
 * too many wrong keys came from the same address. No refusal shows anything of the key that was
 * sent: error messages end up in logs.
 */
export function authenticator(parts: AuthParts): Authenticate {
  const masterDigest = digestOf(parts.masterKey)
  const failed = new FailedAttempts(parts.failedAuthLimit)

  const refuse = (request: Request, refusal: Refusal): never => {
    const waitMs = failed.waitMs(parts.addressOf(request), parts.now())
    throw waitMs === null ? refusal : tooManyAttempts(waitMs)
  }
  /** The console's own requests: a cookie in place of a key, worth what its key is worth now. */
  const bySession = (request: Request): Caller => {
    const hash = parts.signedIn(request)
    if (hash === '') return 'master'
    const key = hash === null ? null : parts.findKey(hash)
    if (key === null) return refuse(request, MISSING_KEY())
    requireUsable(key, parts.now())
    return key
  }
  return (request) => {
    const secret = presentedKey(request.headers)
    if (secret === null) return bySession(request)
    const digest = digestOf(secret)
    if (timingSafeEqual(digest, masterDigest)) return 'master'
    // Found by its hash: how long that takes says nothing of the secret.
    const key = parts.findKey(digest.toString('hex'))
    if (key === null) {
      if (parts.isPortalToken(secret)) throw portalTokenElsewhere()
      failed.add(parts.addressOf(request), parts.now())
      return refuse(request, unknownKey())
    }
    requireUsable(key, parts.now())
    return key
  }
}

const BEARER = /^bearer( +|$)/i

/** What follows `Bearer`; null: nothing. */
export const bearerOf = (headers: Headers): string | null =>
  headers.get('authorization')?.replace(BEARER, '').trim() || null

function presentedKey(headers: Headers): string | null {
  // An empty one counts as none: some clients send the header whether or not they have a key.
  const key =
    bearerOf(headers) || headers.get('x-api-key')?.trim() || headers.get('api-key')?.trim()
  return key || null
}

export const MISSING_KEY = () =>
  new Refusal(
    'unauthorized',
    'No API key was sent. Send one as "Authorization: Bearer KEY" or "x-api-key: KEY".',
    { headers: { 'www-authenticate': 'Bearer' } },
  )

const portalTokenElsewhere = () =>
  new Refusal(
    'unauthorized',
    "This is the token of a customer's link: it opens the customer's own page and nothing else.",
  )

function tooManyAttempts(waitMs: number): Refusal {
  const seconds = Math.ceil(waitMs / 1_000)
  return new Refusal(
    'rate_limited',
    `Too many wrong API keys from your address. Try again in ${seconds} s, or send a right one.`,
    // The official clients repeat a 429 by themselves, and a wrong key stays wrong.
    { headers: { 'retry-after': String(seconds), 'x-should-retry': 'false' } },
  )
}
