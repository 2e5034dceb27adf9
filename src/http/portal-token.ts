import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** For whom a link to the portal is, and how long it is good. */
export type PortalLink = {
  readonly id: string
  /** Of the tab, which is given out once: a customer made anew under the id is another one. */
  readonly tab: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export type PortalTokens = {
  sign(link: PortalLink): string
  /** Null: it was not signed here with this master key. One that has expired is still read. */
  read(token: string): PortalLink | null
}

const PREFIX = 'portal_'
const KEY_BYTES = 32

/** Longer than any of ours: an id has at most 256 characters. */
const TOKEN = /^portal_([\w-]{1,4096})\.([\w-]{43})$/

/**
 * Tokens that say themselves for whom they are: the link as JSON in base64url, and an HMAC of that.
 * The key is made of the master key (HKDF, RFC 5869), so another master key makes all links void,
 * and nothing has to be kept.
 */
export function portalTokens(masterKey: string): PortalTokens {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', 'tollgate portal link', KEY_BYTES))
  const signatureOf = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
  return {
    sign(link) {
      const text = Buffer.from(JSON.stringify(link)).toString('base64url')
      return `${PREFIX}${text}.${signatureOf(text)}`
    },
    read(token) {
      const [, text, signature] = TOKEN.exec(token) ?? []
      if (text === undefined || signature === undefined) return null
      // Of equal length, as the constant-time comparison needs.
      if (!timingSafeEqual(Buffer.from(signature), Buffer.from(signatureOf(text)))) return null
      return JSON.parse(Buffer.from(text, 'base64url').toString()) as PortalLink
    },
  }
}
