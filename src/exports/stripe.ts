import type { IdSource, StripeConfig } from '../config/exporter.ts'
import { postAndRead } from '../events/post.ts'
import type { Parcel } from '../ledger/parcel.ts'
import type { MeterEvent } from './meters.ts'
import { parsed, type Receipt, receiptOf, unsendable, type Wire } from './receipt.ts'

/**
 * Meter events to Stripe, one a request: `POST /v1/billing/meter_events`, form-encoded
 * (https://docs.stripe.com/api/billing/meter-event/create). By `fetch` and not by Stripe's own
 * library: of its hundreds of calls we need one, and its retries would stand beside ours.
 *
 * - `identifier` is unique "within a rolling period of at least 24 hours", in at most 100
 *   characters. A second event of the same is a 400, "An event already exists with identifier …",
 *   whose code is `duplicate_meter_event` or missing
 *   (https://github.com/langfuse/langfuse/pull/16292): it says that Stripe has it.
 * - `value` is a whole number, and may be negative; a bill below zero is one of zero
 *   (https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api).
 * - `timestamp` may be 35 days old: what has waited for longer is refused, and listed as dead.
 * - 1,000 requests a second, and one at a time for a customer and a meter (the same page).
 */
const PATH = '/v1/billing/meter_events'
const AT_ONCE = 32

/**
 * How long after a try of which nobody knows whether it was counted the identifier is still sure to
 * be known, milliseconds: later, it could be counted twice.
 */
const SURE_MS = 23 * 3_600_000

export function stripeWire(
  config: StripeConfig,
  parts: {
    readonly now: () => number
    readonly metadataOf: (tab: number) => Readonly<Record<string, unknown>>
  },
): Wire {
  const { apiBase, apiKey, customer, perSecond } = config
  const { now, metadataOf } = parts
  const to = {
    url: apiBase + PATH,
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
  }
  return {
    atOnce: AT_ONCE,
    perSecond,
    async send({ content, unsureSince }: Parcel): Promise<Receipt> {
      if (unsureSince !== null && now() - unsureSince > SURE_MS) return unsendable(DOUBTFUL)
      const event = JSON.parse(content) as MeterEvent
      const id = idOf(customer, event.customerId, metadataOf(event.tab))
      if (id === null) return unsendable(noId(customer, event.customerId))
      const body = new URLSearchParams({
        event_name: event.eventName,
        identifier: event.identifier,
        timestamp: String(Math.floor(event.at / 1_000)),
        'payload[stripe_customer_id]': id,
        'payload[value]': event.value,
      })
      return readAnswer(await postAndRead(to, body.toString(), { now }))
    },
  }
}

const DOUBTFUL =
  'more than 23 hours ago a try was left without an answer, and Stripe knows an identifier for ' +
  '24: look there whether it has the event before it is replayed'

function readAnswer(answer: Parameters<typeof receiptOf>[0]): Receipt {
  const { error } = (parsed(answer.text) ?? {}) as { error?: { code?: unknown; message?: unknown } }
  const { code, message } = error ?? {}
  if (answer.status === 400 && isDuplicate(code, message)) return { kind: 'taken' }
  const receipt = receiptOf(answer)
  if (receipt.kind === 'never' && isOfMeter(code, message)) {
    const { error } = receipt
    return { kind: 'later', error, retryAfterMs: null, isUnsure: false, isOwn: false }
  }
  // Another event of the same customer and meter is under way: nothing is wrong with Stripe.
  if (receipt.kind === 'later' && code === 'lock_timeout') return { ...receipt, isOwn: true }
  return receipt
}

const isDuplicate = (code: unknown, message: unknown): boolean =>
  code === 'duplicate_meter_event' || /already exists with identifier/i.test(String(message))

/** The meter is not there (yet), or is archived: an operator puts it right, and nothing is lost. */
const isOfMeter = (code: unknown, message: unknown): boolean =>
  code === 'no_meter' || code === 'archived_meter' || /no active meter/i.test(String(message))

/** What a billing system knows a customer by; null: its metadata does not say. */
export function idOf(
  source: IdSource,
  customerId: string,
  metadata: Readonly<Record<string, unknown>>,
): string | null {
  if (source === 'user_id') return customerId
  const id = Object.hasOwn(metadata, source.metadata) ? metadata[source.metadata] : null
  return typeof id === 'string' && id !== '' ? id : null
}

export const noId = (source: IdSource, customerId: string): string =>
  source === 'user_id'
    ? `customer ${customerId} has no id`
    : `customer ${customerId} has no metadata.${source.metadata}: set it with /customer/update, ` +
      'then POST /exports/replay'
