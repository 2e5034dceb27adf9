import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { HOUR_MS } from '../ledger/day.ts'
import type { RecordFilter, SeriesRange } from '../ledger/record.ts'
import { Id } from './fields.ts'
import { keyField, RECORD_FIELDS, readKey, readTimes } from './record-query.ts'
import { checked } from './schema.ts'

/** Which series of spend over time, as queries say it. */

export const BUCKETS_MAX = 1_000
const TOP = 8
const TOP_MAX = 50
/** Hours of many customers, and of one, are summed from their rows of the ledger. */
export const HOURS_BY_CUSTOMER_MAX = 48
export const HOURS_OF_CUSTOMER_MAX = 7 * 24

const { start_date, end_date, model } = RECORD_FIELDS

const Fields = Type.Object(
  {
    start_date,
    end_date,
    step: Type.Optional(
      Type.Enum(['day', 'hour'], {
        type: 'string',
        description: 'The length of a bucket; `day` by default. Days are UTC’s.',
        examples: ['day'],
      }),
    ),
    by: Type.Optional(
      Type.Enum(['none', 'model', 'customer'], {
        type: 'string',
        description: 'What there is a series for; `none`, the default, is one of all.',
        examples: ['model'],
      }),
    ),
    end_user: Type.Optional(
      Id({
        description: 'Only calls of this customer, also of deleted ones.',
        examples: ['alice'],
      }),
    ),
    model,
    api_key: keyField,
    top: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: TOP_MAX,
        description: `Series that there are at most, ${TOP} by default; the rest is one more.`,
        examples: [TOP],
      }),
    ),
  },
  { additionalProperties: false },
)

export const SeriesFields = checked(Fields)

export type SeriesQuery = {
  readonly range: SeriesRange
  readonly by: 'none' | 'model' | 'customer'
  readonly top: number
  readonly customerId: string | null
  readonly key: RecordFilter['key']
  readonly model: string | null
}

/** Without dates, the last 30 days or 24 hours. Throws `invalid_request`. */
export function readSeriesQuery(fields: Type.Static<typeof Fields>, now: number): SeriesQuery {
  const query: SeriesQuery = {
    range: readRange(fields, now),
    by: fields.by ?? 'none',
    top: fields.top ?? TOP,
    customerId: fields.end_user ?? null,
    key: readKey(fields.api_key),
    model: fields.model ?? null,
  }
  requireSummed(query)
  return query
}

function readRange(
  { start_date: start, end_date: end, step }: Type.Static<typeof Fields>,
  now: number,
): SeriesRange {
  const hours = step === 'hour' ? 1 : 24
  const { from, until = Math.max(now, from ?? 0) + 1 } = readTimes({
    start: start ?? null,
    end: end ?? null,
  })
  const last = Math.floor((until - 1) / (hours * HOUR_MS))
  const byDefault = last - (hours === 1 ? 23 : 29)
  const first = from === undefined ? byDefault : Math.floor(from / (hours * HOUR_MS))
  const buckets = last - first + 1
  if (buckets > BUCKETS_MAX) throw tooManyBuckets(buckets, hours === 1 ? 'hour' : 'day')
  return { first, last, hours }
}

function requireSummed({ range, by, customerId, key, model }: SeriesQuery) {
  const hours = range.hours === 1 ? range.last - range.first + 1 : 0
  if (customerId !== null) {
    if (hours > HOURS_OF_CUSTOMER_MAX) throw tooManyHours(hours, 'end_user')
    return
  }
  if (by === 'customer' && (key !== null || model !== null)) {
    throw notSummed('by=customer', key === null ? 'model' : 'api_key')
  }
  if (by === 'customer' && hours > HOURS_BY_CUSTOMER_MAX) throw tooManyHours(hours, 'by=customer')
  if (hours > 0 && key !== null) throw notSummed('step=hour', 'api_key')
}

export const tooManyBuckets = (buckets: number, step: 'day' | 'hour') =>
  new Refusal(
    'invalid_request',
    `A series has at most ${BUCKETS_MAX} points, and this range has ${buckets} ${step}s: ` +
      `ask for a shorter one${step === 'hour' ? ', or for step=day' : ''}`,
    { param: 'start_date' },
  )

export const tooManyHours = (hours: number, what: 'by=customer' | 'end_user') => {
  const most = what === 'end_user' ? HOURS_OF_CUSTOMER_MAX : HOURS_BY_CUSTOMER_MAX
  return new Refusal(
    'invalid_request',
    `With ${what} there are hours for at most ${most} of them, and this range has ${hours}: ` +
      'they are summed from single calls. Ask for a shorter range, or for step=day',
    { param: 'step' },
  )
}

/** No sums are kept of these together: all customers' rows would have to be read. */
export const notSummed = (what: 'by=customer' | 'step=hour', filter: 'model' | 'api_key') =>
  new Refusal(
    'invalid_request',
    `${what} does not go together with ${filter} unless end_user says whose calls: ` +
      'no sums are kept of these two together',
    { param: filter },
  )
