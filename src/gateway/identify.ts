import { Refusal } from '../errors.ts'

const ID_LENGTH_MAX = 256

/**
 * Headers that name the customer, by the config: `user_header_mappings`, then `user_header_name`.
 */
export type IdentifyRules = { readonly headers: readonly string[] }

/**
 * Whose tab a call is on: the first of the places, in LiteLLM's order, that is present. Null: none
 * is, and the call is metered under no customer. Throws `invalid_request`, naming the place, for
 * what is no sensible id: a wrong one must not become somebody else's tab.
 */
export function identify(
  call: { readonly headers: Headers; readonly json: Readonly<Record<string, unknown>> },
  rules: IdentifyRules,
): string | null {
  const { headers, json } = call
  for (const name of ['x-litellm-customer-id', 'x-litellm-end-user-id', ...rules.headers]) {
    const value = headers.get(name)
    if (value !== null) return customerId(fromHeader(value), `header ${name}`)
  }
  const places: [unknown, string][] = [
    [json['user'], 'user'],
    [member(json['litellm_metadata'], 'user'), 'litellm_metadata.user'],
    [member(json['metadata'], 'user_id'), 'metadata.user_id'],
    [json['safety_identifier'], 'safety_identifier'],
  ]
  for (const [value, place] of places) {
    if (value !== undefined && value !== null) return customerId(value, place)
  }
  return null
}

/** Unicode's category Cc, spelt out: `\\p{Cc}` took a fifth of the time of a whole call. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\x00-\x1f\x7f-\x9f]/

/** An id is text of 1 to 256 characters without control characters; a number is taken as text. */
function customerId(value: unknown, place: string): string {
  const id = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
  const rule = `must name the customer with 1 to ${ID_LENGTH_MAX} characters of text`
  const wrong = (got: string) =>
    new Refusal('invalid_request', `\`${place}\` ${rule}, got ${got}.`, {
      param: place.replace(/^header /, ''),
    })
  if (typeof id !== 'string') throw wrong(Array.isArray(id) ? 'an array' : `a JSON ${typeof id}`)
  if (id.length === 0) throw wrong('an empty one')
  if (id.length > ID_LENGTH_MAX) throw wrong(`${id.length} characters`)
  // Lone surrogates have no UTF-8: two such ids would be one on disk.
  if (CONTROL.test(id) || !id.isWellFormed()) throw wrong('a control or broken character')
  return id
}

/** Header values arrive as Latin-1; what a client sent as UTF-8 is read as such. */
function fromHeader(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value.trim()
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim()
  } catch {
    return value.trim()
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[key]
    : undefined
}
