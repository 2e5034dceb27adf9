import { createHash, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../errors.ts'

/** SHA-256 of a key: of equal length whatever the key's, as the constant-time comparison needs. */
export const digestOf = (key: string): Uint8Array => createHash('sha256').update(key).digest()

/**
 * Throws `unauthorized` unless the headers carry the key of this digest, in any of the places where
 * OpenAI's, Anthropic's and Azure's clients send one. The answer says whether it was missing or
 * wrong, and shows nothing of it: error messages end up in logs.
 */
export function requireMasterKey(headers: Headers, keyDigest: Uint8Array) {
  const key = presentedKey(headers)
  if (key === null) throw MISSING_KEY()
  if (!timingSafeEqual(digestOf(key), keyDigest)) throw WRONG_KEY()
}

const BEARER = /^bearer( +|$)/i

function presentedKey(headers: Headers): string | null {
  const bearer = headers.get('authorization')?.replace(BEARER, '')
  // An empty one counts as none: some clients send the header whether or not they have a key.
  const key = bearer?.trim() || headers.get('x-api-key')?.trim() || headers.get('api-key')?.trim()
  return key || null
}

const CHALLENGE = { 'www-authenticate': 'Bearer' }

export const MISSING_KEY = () =>
  new Refusal(
    'unauthorized',
    'No API key was sent. Send the master key as "Authorization: Bearer KEY" or "x-api-key: KEY".',
    { headers: CHALLENGE },
  )

const WRONG_KEY = () =>
  new Refusal('unauthorized', 'The API key is not valid: it is not the master key.', {
    headers: CHALLENGE,
  })
