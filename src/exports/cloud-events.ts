import type { CloudEventsConfig } from '../config/exporter.ts'
import { postAndRead, type ReadAnswer } from '../events/post.ts'
import { dollarsText, type Nanos } from '../ledger/money.ts'
import type { ExportRow, NewParcel, Parcel, Plan } from '../ledger/parcel.ts'
import { snakeCase } from '../ledger/settlement.ts'
import { inputTokens, KINDS, NO_USAGE, outputTokens, type Usage } from '../metering/usage.ts'
import { parsed, type Receipt, receiptOf, unsendable, type Wire } from './receipt.ts'
import { idOf, noId } from './stripe.ts'

/**
 * An event for each row of the ledger, many in a request, under the row's id: a receiver drops what
 * it has already. CloudEvents 1.0 as JSON, in structured mode, several as a batch
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md); to Lago in
 * Lago's own shape. Nothing of what was said in a call is in it: the ledger has none of that.
 */
const AT_ONCE = 8

/** Rows in parcels, each of so many events. Their content is the rows' ids. */
export function planEvents(rows: readonly ExportRow[], batchMax: number): Plan {
  const sent = rows.filter(({ record }) => record.customerId !== null)
  const parcels: NewParcel[] = []
  for (let from = 0; from < sent.length; from += batchMax) {
    parcels.push(parcelOf(sent.slice(from, from + batchMax)))
  }
  return { parcels, rests: [], skipped: rows.length - sent.length }
}

function parcelOf(rows: readonly ExportRow[]): NewParcel {
  const times = rows.map(({ record }) => record.settledAt)
  const content = JSON.stringify(rows.map(({ record }) => record.id))
  return { events: rows.length, lane: null, content, queuedAt: Math.min(...times) }
}

export function cloudEventsWire(
  config: CloudEventsConfig,
  parts: {
    readonly now: () => number
    readonly metadataOf: (tab: number) => Readonly<Record<string, unknown>>
    readonly rowsOf: (ids: readonly string[]) => readonly ExportRow[]
  },
): Wire {
  const { now, metadataOf, rowsOf } = parts
  const { format, customer, apiKey } = config
  const shape = format === 'lago' ? lago(config) : openMeter(config)
  const authorization = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }
  return {
    atOnce: AT_ONCE,
    perSecond: null,
    async send({ content }: Parcel): Promise<Receipt> {
      const ids = JSON.parse(content) as string[]
      const rows = rowsOf(ids)
      const inParts = (receipt: Receipt): Receipt =>
        receipt.kind === 'never' && rows.length > 1 ? { ...receipt, parts: halves(rows) } : receipt
      if (rows.length < ids.length) return unsendable(`${ids[0]} is not in the ledger any more`)
      const named = rows.map((row) => ({ row, id: subjectOf(row, customer, metadataOf) }))
      const nameless = named.find(({ id }) => id === null)
      if (nameless !== undefined) {
        return inParts(unsendable(noId(customer, nameless.row.record.customerId!)))
      }
      const { type, body } = shape.bodyOf(named as readonly Named[])
      const headers = { 'content-type': type, ...authorization }
      const answer = await postAndRead({ url: config.url, headers }, JSON.stringify(body), { now })
      return shape.hasAll(answer, rows.length) ? { kind: 'taken' } : inParts(receiptOf(answer))
    },
  }
}

/** A row, and what the receiver knows its customer by. */
type Named = { readonly row: ExportRow; readonly id: string }

/** How a receiver wants its events, and whether it says of all of them that it has them already. */
type Shape = {
  bodyOf(named: readonly Named[]): { readonly type: string; readonly body: unknown }
  hasAll(answer: ReadAnswer, events: number): boolean
}

const subjectOf = (
  { record, tab }: ExportRow,
  customer: CloudEventsConfig['customer'],
  metadataOf: (tab: number) => Readonly<Record<string, unknown>>,
) => idOf(customer, record.customerId!, tab === null ? {} : metadataOf(tab))

/** The first half and the second: halved often enough, a bad event is alone. */
function halves(rows: readonly ExportRow[]): NewParcel[] {
  const middle = Math.ceil(rows.length / 2)
  return [rows.slice(0, middle), rows.slice(middle)].map(parcelOf)
}

/** OpenMeter drops an event whose `source` and `id` it has: the answer is a 204 all the same. */
const openMeter = ({ eventType, source, batchMax }: CloudEventsConfig): Shape => ({
  bodyOf(named) {
    const events = named.map(({ row: { record }, id }) => ({
      specversion: '1.0',
      id: record.id,
      source,
      type: eventType,
      subject: id,
      time: new Date(record.settledAt).toISOString(),
      datacontenttype: 'application/json',
      data: dataOf(record),
    }))
    return batchMax === 1
      ? { type: 'application/cloudevents+json', body: events[0] }
      : { type: 'application/cloudevents-batch+json', body: events }
  },
  hasAll: () => false,
})

/**
 * Lago takes all events of a request or none, and says by index why not
 * (https://github.com/getlago/lago-api, `Events::CreateBatchService`): when each is there already,
 * an answer was lost.
 */
const lago = ({ eventType }: CloudEventsConfig): Shape => ({
  bodyOf: (named) => ({
    type: 'application/json',
    body: {
      events: named.map(({ row: { record }, id }) => ({
        transaction_id: record.id,
        external_subscription_id: id,
        code: eventType,
        // Seconds, with their fraction.
        timestamp: (record.settledAt / 1_000).toFixed(3),
        precise_total_amount_cents: centsText(record.charge),
        properties: dataOf(record),
      })),
    },
  }),
  hasAll({ status, text }, events) {
    if (status !== 422) return false
    const { error_details: details } = (parsed(text) ?? {}) as { error_details?: unknown }
    const ofEach = Object.values((details ?? {}) as Record<string, unknown>)
    return ofEach.length === events && ofEach.every(isThereAlready)
  },
})

const isThereAlready = (faults: unknown): boolean =>
  JSON.stringify(faults) === '{"transaction_id":["value_already_exist"]}'

/** A hundredth of a dollar is ten million nano-dollars. */
const centsText = (amount: Nanos): string => dollarsText((amount * 100) as Nanos)

/** What is told of a call. Money is decimal text, to the last nano-dollar. */
function dataOf(record: ExportRow['record']) {
  const usage: Usage = { ...NO_USAGE, ...record.usage }
  const used = KINDS.filter((kind) => usage[kind] > 0)
  return {
    model: record.model,
    deployment: record.deployment,
    outcome: record.outcome,
    usage_source: record.usageSource,
    key_alias: record.key?.alias ?? null,
    input_tokens: inputTokens(usage),
    output_tokens: outputTokens(usage),
    ...Object.fromEntries(used.map((kind) => [snakeCase(kind), usage[kind]])),
    cost: dollarsText(record.cost),
    charge: dollarsText(record.charge),
    charge_nanos: record.charge,
    started_at: new Date(record.startedAt).toISOString(),
  }
}
