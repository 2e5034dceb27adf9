import { type Nanos, ZERO } from '../ledger/money.ts'
import { hasDelivered, type OpenCall } from '../ledger/open-call.ts'
import { type Outcome, UNPRICED, type UsageSource } from '../ledger/settlement.ts'
import { costOf } from '../metering/cost.ts'
import type { Price } from '../metering/price.ts'
import type { Encode } from '../metering/tokens.ts'
import { inputTokens, NO_USAGE, outputTokens, type Usage } from '../metering/usage.ts'
import { chargedOf, countedUsage } from './counted-usage.ts'
import { type Deployment, pricedIn } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'
import type { Upload } from './media-call.ts'
import type { MeteredRow, Tariff } from './tariff.ts'

/** How a call ended, as far as whoever read the answer knows. */
export type Ending = {
  readonly outcome: Outcome
  /** What the upstream reported; null: nothing. */
  readonly usage: Usage | null
  /** What it reported to have read, if it broke off before the rest. */
  readonly input?: Usage | null
  /** The service tier that it says it answered in; null: it does not say. */
  readonly service?: string | null
  /** The model that it says it answered with; null: it does not say. */
  readonly model?: string | null
  /** The upstream reported it when the client had left. */
  readonly isDrained?: boolean
  /** By what the upstream knows the answer; null: it says nothing. */
  readonly answerId?: string | null
  /** The text that the client was sent. Asked for only when the upstream reported nothing. */
  readonly delivered: () => string
}

/** The upstream refused, or could not be reached, or answered nothing that could be used. */
export const NOTHING_CAME: Ending = { outcome: 'upstream_failed', usage: null, delivered: () => '' }

/** The client left before it was answered; the upstream has the prompt, and charges us for it. */
export const LEFT_WAITING: Ending = { ...NOTHING_CAME, outcome: 'client_closed' }

/** The client left before anything was sent upstream. */
export const LEFT_BEFORE: Ending = { ...LEFT_WAITING, usage: NO_USAGE }

/** A call as far as its row needs it. */
export type MeteredCall = {
  readonly id: string
  readonly endpoint: Endpoint
  readonly customer: { readonly tab: number; readonly id: string } | null
  /** `VirtualKey.id`; null: the master key. */
  readonly keyId: number | null
  readonly model: string
  readonly deployment: Deployment
  /** The call's body. */
  readonly json: Readonly<Record<string, unknown>>
  /** What came with it besides. */
  readonly upload?: Upload | null
  readonly startedAt: number
}

/** What a call used, and who says so. */
export type Used = { readonly usage: Usage; readonly usageSource: UsageSource }

/** The ledger row of a call that has ended, and its tokens of all kinds. */
export type Metered = { readonly row: MeteredRow; readonly tokens: number }

export function rowOf(
  call: MeteredCall,
  { outcome, service = null }: Ending,
  { usage, usageSource }: Used,
  now: number,
): Metered {
  const priced = pricedIn(call.deployment, service)
  const cost: Nanos = priced === null ? ZERO : costOf(usage, priced.price)
  const price = priced?.snapshot ?? UNPRICED
  const row = {
    ...identityOf(call),
    outcome,
    usageSource,
    usage,
    cost,
    price,
    settledAt: now,
  }
  return { row, tokens: inputTokens(usage) + outputTokens(usage) }
}

/**
 * The row of a call that could not be metered: it says that it was interrupted, and costs nothing.
 */
export function unmeteredRow(call: MeteredCall, now: number): Metered {
  return rowOf(call, INTERRUPTED, NOTHING_USED, now)
}

const NOTHING_USED: Used = { usage: NO_USAGE, usageSource: 'none' }
const INTERRUPTED: Ending = { outcome: 'interrupted', usage: NO_USAGE, delivered: () => '' }

/** A call as it is written down at its admission. */
export const openCallOf = (
  call: MeteredCall,
  tariff: Tariff | null,
  repeat: OpenCall['repeat'],
): OpenCall => ({
  ...identityOf(call),
  price: pricedIn(call.deployment, null)?.snapshot ?? UNPRICED,
  card: tariff?.text ?? null,
  counts: tariff?.counts ?? 'charge',
  repeat,
  input: 0,
  output: 0,
  usage: null,
})

/**
 * The row of a call that the death of an earlier process broke off: at what its upstream says of it
 * (`reported`), else at what it had delivered.
 */
export function interruptedRow(open: OpenCall, reported: Usage | null, now: number): MeteredRow {
  const { repeat, input, output, usage: counted, card, counts, ...identity } = open
  const text = output === 0 ? NO_USAGE : { ...NO_USAGE, input, output }
  const usage = reported ?? { ...NO_USAGE, ...(counted ?? text) }
  const cost = open.price === UNPRICED ? ZERO : costOf(usage, JSON.parse(open.price) as Price)
  const ownSource = hasDelivered(open) ? 'estimated' : 'none'
  const usageSource = reported === null ? ownSource : 'upstream'
  const settled = { outcome: 'interrupted', usageSource, usage, cost } as const
  return { ...identity, ...settled, settledAt: now }
}

const identityOf = (call: MeteredCall) => ({
  id: call.id,
  tab: call.customer?.tab ?? null,
  customerId: call.customer?.id ?? null,
  keyId: call.keyId,
  model: call.model,
  deployment: call.deployment.id,
  startedAt: call.startedAt,
})

/** The upstream's own usage; null: it sent none, and `estimated` is to be asked. */
export function reported(call: MeteredCall, ending: Ending): Used | null {
  if (ending.usage === NO_USAGE) return NOTHING_USED
  const usage = chargedOf(call, ending.usage)
  if (usage === null) return null
  return { usage, usageSource: ending.isDrained === true ? 'drained' : 'upstream' }
}

/**
 * Our own count of the prompt and of what was delivered. Nothing delivered by an upstream that
 * failed is nothing charged; a client that left has the prompt on its tab, for the upstream had
 * read it.
 *
 * `outputMax` is what is held for under a budget that must not be passed, tokens; null: there is
 * none. More than its cap an upstream does not write by its own count, though it may by ours.
 */
export async function estimated(
  call: MeteredCall,
  ending: Ending,
  by: {
    readonly outputMax: number | null
    readonly tokenizerFor: (model: string) => Promise<Encode>
  },
): Promise<Used> {
  const delivered = ending.delivered()
  const failed = ending.outcome === 'upstream_failed' || ending.outcome === 'interrupted'
  if (failed && delivered === '') return NOTHING_USED
  const counted = await countedUsage(call, delivered, by.tokenizerFor)
  const { input: read = null } = ending
  // What was read the upstream knows better, where it has told that before the rest.
  const known = read === null ? counted : { ...read, output: counted.output }
  const output = Math.min(known.output, by.outputMax ?? Number.POSITIVE_INFINITY)
  const usage = { ...known, output }
  return { usage, usageSource: 'estimated' }
}
