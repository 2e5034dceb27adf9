import { snakeCase } from '../ledger/settlement.ts'
import { KINDS } from '../metering/usage.ts'
import type { Field, Reader } from './reader.ts'

/** Where the ledger's rows are sent for billing. */
export type ExporterConfig = StripeConfig | CloudEventsConfig | CsvConfig

/** What every exporter has. */
type Base = {
  /** Names it in the database: under another name it is another one, which begins anew. */
  readonly name: string
  /** Rows that settled before it was configured are sent from here on, milliseconds; null: none. */
  readonly since: number | null
}

/** Meter events of Stripe's: https://docs.stripe.com/api/billing/meter-event/create */
export type StripeConfig = Base & {
  readonly type: 'stripe'
  readonly apiKey: string
  /** Without a slash at the end. */
  readonly apiBase: string
  readonly meters: readonly StripeMeter[]
  /** Where Stripe's id of a customer stands. */
  readonly customer: IdSource
  /** Most requests in a second. */
  readonly perSecond: number
}

export type StripeMeter = {
  readonly eventName: string
  readonly value: MeterValue
  /** As clients ask for it. Null: all. */
  readonly model: string | null
}

/** An event for each row, over HTTP. */
export type CloudEventsConfig = Base & {
  readonly type: 'cloudevents'
  /**
   * `openmeter`: CloudEvents 1.0 as JSON, which others take as well
   * (https://openmeter.io/docs/metering/events/overview). `lago`: Lago's own JSON
   * (https://getlago.com/docs/api-reference/events/batch).
   */
  readonly format: 'openmeter' | 'lago'
  readonly url: string
  /** Sent as `Authorization: Bearer`. Null: nothing is. */
  readonly apiKey: string | null
  /** The `type` of the events; in Lago the code of a billable metric. */
  readonly eventType: string
  /** Says which system sends them: with an event's id it is unique. */
  readonly source: string
  /** What the receiver knows a customer by: the `subject`, or Lago's subscription. */
  readonly customer: IdSource
  /** Most events in a request. */
  readonly batchMax: number
}

/** Files by day: https://www.rfc-editor.org/rfc/rfc4180 */
export type CsvConfig = Base & { readonly type: 'csv'; readonly directory: string }

/** What a type has besides what all have. */
export type Own<Config extends ExporterConfig> = Omit<Config, 'name' | 'since'>

/** A billing system's id of a customer: our own, or what its metadata has under a key. */
export type IdSource = { readonly metadata: string } | 'user_id'

/** Amounts of money, in nano-dollars: the values of Stripe's meters are whole numbers. */
export const MONEY_UNITS = {
  charge_nanos: 1,
  charge_microdollars: 1_000,
  charge_cents: 10_000_000,
} as const

const COUNTS = ['calls', 'tokens', 'input_tokens', 'output_tokens'] as const

/** What a meter counts; kinds of usage as JSON has them. */
export type MeterValue = keyof typeof MONEY_UNITS | (typeof COUNTS)[number] | (string & {})

export const METER_VALUES: readonly MeterValue[] = [
  ...Object.keys(MONEY_UNITS),
  ...COUNTS,
  ...KINDS.map(snakeCase),
]

/** `user_id`, or `metadata.KEY`. */
export function readIdSource(reader: Reader, field: Field | null): IdSource | null {
  const text = reader.text(field)
  if (field === null || text === null) return null
  if (text === 'user_id') return text
  const key = /^metadata\.(.+)$/.exec(text)?.[1]
  if (key !== undefined) return { metadata: key }
  return reader.wrong(field, 'user_id, or metadata. and a key of a customer’s metadata')
}
