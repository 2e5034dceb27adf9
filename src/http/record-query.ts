import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { dayStart } from '../ledger/day.ts'
import type { RecordFilter } from '../ledger/record.ts'
import { OUTCOMES } from '../ledger/settlement.ts'
import { Id, parseTime } from './fields.ts'
import { shown } from './misfit.ts'
import { hashNamed } from './secret.ts'

/** Which rows of the ledger, and which sums of days, as queries say it. */

/** In place of a key's hash, as LiteLLM names the master key in its reports. */
export const MASTER_KEY_NAME = 'litellm_proxy_master_key'

export const keyField = Type.Optional(
  Id({
    description: `Only calls with this key: its hash, or \`${MASTER_KEY_NAME}\`.`,
    examples: ['88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b'],
  }),
)

export const readKey = (given: string | undefined): RecordFilter['key'] => {
  if (given === undefined) return null
  return { hash: given === MASTER_KEY_NAME ? null : hashNamed(given) }
}

const time = (description: string, example: string) =>
  Type.Optional(Type.String({ maxLength: 100, description, examples: [example] }))

export const RECORD_FIELDS = {
  request_id: Type.Optional(
    Id({ description: 'Only this call.', examples: ['01M85YX12J9XZEJ9BVTRXF62MV'] }),
  ),
  end_user: Type.Optional(
    Id({ description: 'Only calls of this customer, also of deleted ones.', examples: ['alice'] }),
  ),
  user_id: Type.Optional(Id({ description: 'The same as `end_user`.', examples: ['alice'] })),
  api_key: keyField,
  model: Type.Optional(Id({ description: 'Only calls for this model.', examples: ['demo'] })),
  outcome: Type.Optional(
    Type.Enum([...OUTCOMES], {
      type: 'string',
      description: 'Only calls that ended like this. A correction is no call.',
      examples: ['ok'],
    }),
  ),
  start_date: time('Only what settled from this day (UTC) or this time on.', '2026-11-01'),
  end_date: time(
    'Only what settled until the end of this day (UTC), or until this time.',
    '2026-11-30',
  ),
}

type RecordFields = {
  readonly [name in keyof typeof RECORD_FIELDS]?: string
}

/** Later than any time that a row can have. */
const NEVER = Number.MAX_SAFE_INTEGER

/** All rows that there are, and will be. */
export const EVERY_RECORD: RecordFilter = {
  customerId: null,
  key: null,
  model: null,
  outcome: null,
  from: 0,
  until: NEVER,
}

/** Throws `invalid_request`. */
export function readRecordFilter(fields: RecordFields): RecordFilter {
  const { end_user: customer, user_id: user } = fields
  if (customer !== undefined && user !== undefined && customer !== user) {
    throw new Refusal(
      'invalid_request',
      `user_id and end_user both name the customer, got ${shown(user)} and ${shown(customer)}`,
      { param: 'user_id' },
    )
  }
  return {
    ...EVERY_RECORD,
    customerId: customer ?? user ?? null,
    key: readKey(fields.api_key),
    model: fields.model ?? null,
    outcome: (fields.outcome as RecordFilter['outcome'] | undefined) ?? null,
    ...readTimes({ start: fields.start_date ?? null, end: fields.end_date ?? null }),
  }
}

/** What the two ends of a range are called where they are given. */
type Ends = { readonly start: string; readonly end: string }

const QUERY_ENDS: Ends = { start: 'start_date', end: 'end_date' }

/** Milliseconds: from here on, and before there. Throws `invalid_request`. */
export function readTimes(
  { start, end }: { readonly start?: string | null; readonly end?: string | null },
  called = QUERY_ENDS,
): { readonly from?: number; readonly until?: number } {
  const from = start == null ? {} : { from: readTime(start, called.start).first }
  const until = end == null ? {} : { until: readTime(end, called.end).last + 1 }
  const range = { ...from, ...until }
  if (range.from !== undefined && range.until !== undefined && range.from >= range.until) {
    throw new Refusal(
      'invalid_request',
      `${called.end} must not be before ${called.start}, got ${shown(end)} and ${shown(start)}`,
      { param: called.end },
    )
  }
  return range
}

const DATE = /^\d{4}-\d{2}-\d{2}$/

/** A day is all of its milliseconds; a time is one. */
function readTime(text: string, field: string): { first: number; last: number } {
  const at = parseTime(DATE.test(text) ? `${text}T00:00:00Z` : text, field)
  return DATE.test(text) ? { first: at, last: at + dayStart(1) - 1 } : { first: at, last: at }
}
