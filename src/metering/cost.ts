import { type Nanos, nanos } from '../ledger/money.ts'
import type { Price, Rates } from './price.ts'
import { inputTokens, KINDS, type Usage } from './usage.ts'

const TOKENS_PER_RATE = 1_000_000

/**
 * Usage times price, rounded up once, at the end, to a whole nano-dollar: rounding each kind would
 * add up to seven nano-dollars a call that nobody used.
 *
 * Plain numbers while they are exact. A sum of whole numbers that ends below 2^53 has been below it
 * all the way, so the one check at the end is enough; a million tokens at $60 a million are past it
 * and take the way of BigInt. Throws when the cost itself is more than money can be. A kind that a
 * price does not name costs nothing: the prices of older rows do not know today's kinds.
 */
export function costOf(usage: Usage, price: Price): Nanos {
  const rates = ratesFor(usage, price)
  let total = 0
  for (const kind of KINDS) total += usage[kind] * (rates[kind] ?? 0)
  if (total > Number.MAX_SAFE_INTEGER) return largeCostOf(usage, rates)
  // Below 2^53 / 10^6 a double's step is under two millionths: no remainder is rounded away.
  return nanos(Math.ceil(total / TOKENS_PER_RATE))
}

/** The rates of the highest tier that the call's input reaches. */
function ratesFor(usage: Usage, { rates, tiers }: Price): Rates {
  if (tiers.length === 0) return rates
  const read = inputTokens(usage)
  return tiers.findLast(({ inputTokensAbove }) => read > inputTokensAbove)?.rates ?? rates
}

function largeCostOf(usage: Usage, rates: Rates): Nanos {
  const divisor = BigInt(TOKENS_PER_RATE)
  let total = 0n
  for (const kind of KINDS) total += BigInt(usage[kind]) * BigInt(rates[kind] ?? 0)
  return nanos(Number((total + divisor - 1n) / divisor))
}
