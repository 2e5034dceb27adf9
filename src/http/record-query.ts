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
  const { from = 0, until = NEVER } = readTimes(fields)
  return {
    customerId: customer ?? user ?? null,
    key: readKey(fields.api_key),
    model: fields.model ?? null,
    outcome: (fields.outcome as RecordFilter['outcome'] | undefined) ?? null,
    from,
    until,
  }
}

/** Milliseconds: from here on, and before there. */
export function readTimes(fields: { start_date?: string; end_date?: string }): {
  readonly from?: number
  readonly until?: number
} {
  const { start_date: start, end_date: end } = fields
  const from = start === undefined ? {} : { from: readTime(start, 'start_date').first }
  const until = end === undefined ? {} : { until: readTime(end, 'end_date').last + 1 }
  const range = { ...from, ...until }
  if (range.from !== undefined && range.until !== undefined && range.from >= range.until) {
    throw new Refusal(
      'invalid_request',
      `end_date must not be before start_date, got ${shown(end)} and ${shown(start)}`,
      { param: 'end_date' },
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
