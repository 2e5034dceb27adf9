import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { DOLLARS_MAX } from '../ledger/money.ts'
import { SENTENCE, type Sentence, shown } from './misfit.ts'

/** What the fields of our routes are made of. */

type About = { readonly description: string; readonly examples: readonly unknown[] }

const ID_LENGTH_MAX = 256

/** As `gateway/identify.ts` has it. Lone surrogates have no UTF-8: two ids would be one on disk. */
const ID_RULE = { minLength: 1, maxLength: ID_LENGTH_MAX, pattern: '^[^\\p{Cc}\\p{Cs}]*$' }

const idSentence: Sentence = (field, value) =>
  `${field} must be text of 1 to ${ID_LENGTH_MAX} characters without control characters, ` +
  `got ${shown(value)}`

export const Id = (about: About) =>
  Type.Unsafe<string>({ type: 'string', ...ID_RULE, ...about, [SENTENCE]: idSentence })

export const NullableId = (about: About) =>
  Type.Unsafe<string | null>({
    type: ['string', 'null'],
    ...ID_RULE,
    ...about,
    [SENTENCE]: idSentence,
  })

/** LiteLLM's sentence for what is no amount at all; ours for what is too much to count exactly. */
const dollarsSentence: Sentence = (field, value) =>
  typeof value === 'number' && value > DOLLARS_MAX && value < Number.POSITIVE_INFINITY
    ? `${field} must be between 0 and ${DOLLARS_MAX} dollars, got ${value}`
    : `${field} must be a non-negative finite number. Received: ${plain(value)}`

const plain = (value: unknown) => (typeof value === 'string' ? value.slice(0, 80) : shown(value))

/** Money from a client. The upper bound makes a 400 that names the field of what would be a 500. */
export const NullableDollars = (about: About) =>
  Type.Unsafe<number | null>({
    type: ['number', 'null'],
    minimum: 0,
    maximum: DOLLARS_MAX,
    ...about,
    [SENTENCE]: dollarsSentence,
  })

/** A limit on a count: of tokens, of requests. */
export const NullableCount = (about: About) =>
  Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    ...about,
  })

export const NullableText = (about: About & { readonly maxLength?: number }) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], ...about })

/** Money in an answer. May be negative: an operator's correction can put a spend below zero. */
export const Dollars = (about: About) => Type.Number({ ...about })

/** A time in an answer. */
export const Time = (about: About) => Type.String({ format: 'date-time', ...about })

/**
 * Milliseconds since the epoch of an ISO 8601 text; without a zone it is UTC's, as in LiteLLM.
 * Throws `invalid_request` for what is no time.
 */
export function parseTime(text: string, field: string): number {
  for (const read of [instant, utc]) {
    try {
      return read(text)
    } catch {
      // Not written this way.
    }
  }
  throw new Refusal(
    'invalid_request',
    `${field} must be a time such as 2026-12-01T00:00:00Z, got ${shown(text)}`,
    { param: field },
  )
}

const instant = (text: string) => Temporal.Instant.from(text).epochMilliseconds
const utc = (text: string) =>
  Temporal.PlainDateTime.from(text).toZonedDateTime('UTC').epochMilliseconds

/** Of a list that is paged by number. */
export const pageField = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    description: 'From 1, which is the default.',
    examples: [1],
  }),
)

/** The last failure of somebody who is asked over and over, in an answer. */
export const NullableFailure = (of: string) =>
  Type.Unsafe<{ at: string; error: string } | null>({
    anyOf: [
      Type.Object(
        {
          at: Time({ description: 'When.', examples: ['2026-11-01T09:30:00.000Z'] }),
          error: Type.String({ description: 'How it failed.', examples: ['status 500'] }),
        },
        { additionalProperties: false },
      ),
      { type: 'null' },
    ],
    description: `The last failure of ${of} since the server started. Null: none.`,
    examples: [{ at: '2026-11-01T09:30:00.000Z', error: 'status 500' }],
  })

export const failureJson = (failure: { readonly at: number; readonly error: string } | null) =>
  failure === null ? null : { at: timeText(failure.at), error: failure.error }

/** A time as an answer writes it. */
export const timeText = (atMs: number): string => new Date(atMs).toISOString()

type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

/** Without the fields that are undefined: those were not given. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<Fields>
}

/** What leads from one page of a list to the next. */
export const NextCursor = Type.Unsafe<number | null>({
  type: ['integer', 'null'],
  description: 'The `cursor` of the next page. Null: this is the last.',
  examples: [null],
})
