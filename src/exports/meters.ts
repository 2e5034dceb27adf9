import { createHash } from 'node:crypto'
import { MONEY_UNITS, type StripeMeter } from '../config/exporter.ts'
import type { ExportRow, Plan, Rest } from '../ledger/parcel.ts'
import { snakeCase } from '../ledger/settlement.ts'
import { INPUT_KINDS, KINDS, OUTPUT_KINDS } from '../metering/usage.ts'

/**
 * Rows of the ledger as meter events of Stripe's.
 *
 * An event has what a customer used within a minute, and not one call: Stripe takes one event at a
 * time for a customer and a meter, some ten in a second, and a busy customer calls more often
 * (https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api). So a customer's
 * bill is off by less than a minute at the border of two billing periods, and exact in sum.
 *
 * Values are whole numbers there. What a call costs is often less than a cent, so what is left of
 * a sum is kept for the customer's next event: in all, what was told and what is left is the sum
 * of the rows, exactly. A correction that lowers a spend makes a negative value.
 */
const MINUTE_MS = 60_000

/** What a parcel of Stripe's holds. */
export type MeterEvent = {
  readonly identifier: string
  readonly eventName: string
  readonly customerId: string
  readonly tab: number
  /** A whole number, as text: past 2^53 a double has none. */
  readonly value: string
  /** Milliseconds. */
  readonly at: number
}

/** A meter, with what names it among those of an exporter. */
export type NamedMeter = StripeMeter & { readonly id: string }

/**
 * Two meters of one name that count different things have different ids, and so identifiers. A
 * hash: a name of Stripe's may have a hundred characters, which is all that an identifier has.
 */
export const namedMeters = (exporter: string, meters: readonly StripeMeter[]): NamedMeter[] =>
  meters.map((meter) => {
    const { eventName, value, model } = meter
    const text = JSON.stringify([exporter, eventName, value, model])
    return { ...meter, id: createHash('sha256').update(text).digest('hex').slice(0, 12) }
  })

/** The rows of one customer within a minute, as far as a meter counts them. */
type Bundle = {
  readonly tab: number
  readonly customerId: string
  sum: bigint
  /** Of the last of the rows: its id is in no other bundle of the meter. */
  lastId: string
  lastAt: number
  readonly firstAt: number
}

/** What the rows come to. `restOf` is what an earlier plan has left. */
export function planMeters(
  rows: readonly ExportRow[],
  meters: readonly NamedMeter[],
  restOf: (meter: string, tab: number) => number,
): Plan {
  const plans = meters.map((meter) => planMeter(rows, meter, (tab) => restOf(meter.id, tab)))
  return {
    parcels: plans.flatMap(({ parcels }) => parcels),
    rests: plans.flatMap(({ rests }) => rests),
    skipped: rows.filter(({ tab }) => tab === null).length,
  }
}

function planMeter(
  rows: readonly ExportRow[],
  meter: NamedMeter,
  restOf: (tab: number) => number,
): Pick<Plan, 'parcels' | 'rests'> {
  const unit = BigInt(unitOf(meter.value))
  const rests = new Map<number, bigint>()
  const parcels = bundled(rows, meter).flatMap((bundle) => {
    const { tab, sum } = bundle
    const all = (rests.get(tab) ?? BigInt(unit === 1n ? 0 : restOf(tab))) + sum
    // Towards minus infinity, so that what is left is never negative.
    const rest = ((all % unit) + unit) % unit
    const value = (all - rest) / unit
    if (unit !== 1n) rests.set(tab, rest)
    return value === 0n ? [] : [parcelOf(bundle, meter, value)]
  })
  const changed = [...rests].map(
    ([tab, rest]): Rest => ({ meter: meter.id, tab, rest: Number(rest) }),
  )
  return { parcels, rests: changed }
}

function bundled(rows: readonly ExportRow[], meter: NamedMeter): Bundle[] {
  const bundles = new Map<string, Bundle>()
  for (const { record, tab } of rows) {
    const { id, customerId, model, settledAt } = record
    if (tab === null || customerId === null) continue
    if (meter.model !== null && meter.model !== model) continue
    const key = `${tab} ${Math.floor(settledAt / MINUTE_MS)}`
    const amount = BigInt(amountOf(record, meter.value))
    const known = bundles.get(key)
    if (known === undefined) {
      const first = { sum: amount, lastId: id, lastAt: settledAt, firstAt: settledAt }
      bundles.set(key, { tab, customerId, ...first })
      continue
    }
    known.sum += amount
    known.lastId = id
    known.lastAt = settledAt
  }
  return [...bundles.values()]
}

function parcelOf(bundle: Bundle, { id, eventName }: NamedMeter, value: bigint) {
  const { tab, customerId, lastId, lastAt, firstAt } = bundle
  const event: MeterEvent = {
    identifier: `tollgate-${lastId}-${id}`,
    eventName,
    customerId,
    tab,
    value: String(value),
    at: lastAt,
  }
  return { events: 1, lane: `${tab} ${id}`, content: JSON.stringify(event), queuedAt: firstAt }
}

const unitOf = (value: string): number =>
  value in MONEY_UNITS ? MONEY_UNITS[value as keyof typeof MONEY_UNITS] : 1

const KIND_OF = new Map(KINDS.map((kind) => [snakeCase(kind), kind]))

/** What a row counts for a meter: nano-dollars, calls, or what was used. */
function amountOf({ charge, outcome, usage }: ExportRow['record'], value: string): number {
  const sumOf = (kinds: readonly string[]) =>
    kinds.reduce((sum, kind) => sum + (usage[kind] ?? 0), 0)
  if (value in MONEY_UNITS) return charge
  if (value === 'calls') return outcome === 'correction' || outcome === 'upstream_failed' ? 0 : 1
  if (value === 'input_tokens') return sumOf(INPUT_KINDS)
  if (value === 'output_tokens') return sumOf(OUTPUT_KINDS)
  if (value === 'tokens') return sumOf([...INPUT_KINDS, ...OUTPUT_KINDS])
  return usage[KIND_OF.get(value) ?? value] ?? 0
}
