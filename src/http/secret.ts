import { hash, randomBytes } from 'node:crypto'
import type { SecretMark } from '../ledger/key.ts'

/** 192 bits: nobody guesses one. */
const RANDOM_BYTES = 24

/** SHA-256 of a key: of equal length whatever the key's, as the constant-time comparison needs. */
export const digestOf = (secret: string): Buffer => hash('sha256', secret, 'buffer')

/**
 * What is kept of a secret. A plain hash, without salt or stretching, because what it hides is
 * random and long, and because it is made anew for every call.
 */
export const markOf = (secret: string): SecretMark => ({
  hash: digestOf(secret).toString('hex'),
  name: `sk-...${secret.slice(-4)}`,
})

export const newSecret = (): string => `sk-${randomBytes(RANDOM_BYTES).toString('base64url')}`

/** The hash that a request names a key by: that itself, as lists show it, or the key. */
export const hashNamed = (key: string): string =>
  key.startsWith('sk-') ? markOf(key).hash : key.toLowerCase()
