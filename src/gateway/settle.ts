import { type Nanos, ZERO } from '../ledger/money.ts'
import type { LedgerRow, Outcome, UsageSource } from '../ledger/settlement.ts'
import { costOf } from '../metering/cost.ts'
import { countPrompt, countText, type Encode } from '../metering/tokens.ts'
import { NO_USAGE, type Usage } from '../metering/usage.ts'
import type { Deployment } from './deployments.ts'

/** How a call ended, as far as whoever read the answer knows. */
export type Ending = {
  readonly outcome: Outcome
  /** What the upstream reported; null: nothing. */
  readonly usage: Usage | null
  /** The text that the client was sent. Asked for only when the upstream reported nothing. */
  readonly delivered: () => string
}

/** A call of which nothing came. */
export const NOTHING_CAME: Ending = { outcome: 'upstream_failed', usage: null, delivered: () => '' }

/** A call as far as its row needs it. */
export type MeteredCall = {
  readonly id: string
  readonly customer: { readonly tab: number; readonly id: string } | null
  readonly model: string
  readonly deployment: Deployment
  /** The call's body. */
  readonly json: Readonly<Record<string, unknown>>
  readonly startedAt: number
}

/**
 * The ledger row of a call that has ended: the upstream's own usage where it sent one, else our
 * count of the prompt and of what was delivered. Nothing delivered by an upstream that failed is
 * nothing charged; a client that left has the prompt on its tab, for the upstream had read it.
 */
export async function rowOf(
  call: MeteredCall,
  ending: Ending,
  world: {
    readonly now: () => number
    readonly tokenizerFor: (model: string) => Promise<Encode>
  },
): Promise<LedgerRow> {
  const { usage, usageSource } = await usageOf(call, ending, world.tokenizerFor)
  const { price, priceSnapshot } = call.deployment
  const cost: Nanos = price === null ? ZERO : costOf(usage, price)
  return {
    id: call.id,
    tab: call.customer?.tab ?? null,
    customerId: call.customer?.id ?? null,
    model: call.model,
    deployment: call.deployment.id,
    outcome: ending.outcome,
    usageSource,
    usage,
    price: priceSnapshot,
    cost,
    charge: cost,
    startedAt: call.startedAt,
    settledAt: world.now(),
  }
}

async function usageOf(
  call: MeteredCall,
  ending: Ending,
  tokenizerFor: (model: string) => Promise<Encode>,
): Promise<{ usage: Usage; usageSource: UsageSource }> {
  if (ending.usage !== null) return { usage: ending.usage, usageSource: 'upstream' }
  const delivered = ending.delivered()
  const failed = ending.outcome === 'upstream_failed' || ending.outcome === 'interrupted'
  if (failed && delivered === '') return { usage: NO_USAGE, usageSource: 'none' }
  const encode = await tokenizerFor(call.deployment.upstreamModel)
  const usage = {
    ...NO_USAGE,
    input: countPrompt(call.json, encode),
    output: countText(delivered, encode),
  }
  return { usage, usageSource: 'estimated' }
}
