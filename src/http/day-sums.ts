import { dayOf } from '../ledger/day.ts'
import { type Nanos, toDollars, ZERO } from '../ledger/money.ts'
import type { DailyFilter, DailySum, ModelSum } from '../ledger/record.ts'
import { inputTokens, outputTokens, type Usage } from '../metering/usage.ts'
import { tokensLike } from './record-json.ts'

/** What reports by the day need of the store. */
export type DayStore = {
  /** The days on which there is anything, newest first; null: of any customer. */
  days(
    range: { readonly first: number; readonly last: number },
    customerIds: readonly string[] | null,
  ): Promise<readonly number[]>
  daySums(day: number, filter: DailyFilter): AsyncGenerator<readonly DailySum[]>
}

/** Sums as reports add them up; not values, because a day may have a hundred thousand of them. */
export type Total = {
  charge: Nanos
  calls: number
  failedCalls: number
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
}

export const emptyTotal = (): Total => ({
  charge: ZERO,
  calls: 0,
  failedCalls: 0,
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
})

/** One sum, with what reports count of its tokens. */
export const totalOf = ({ charge, calls, failedCalls, usage }: Omit<ModelSum, 'model'>): Total => ({
  charge,
  calls,
  failedCalls,
  input: inputTokens(usage as Usage),
  output: outputTokens(usage as Usage),
  cacheRead: tokensLike(usage, 'cachedInput'),
  cacheWrite: tokensLike(usage, 'cacheWrite'),
})

/** Past $9,007,199 of all customers together a double rounds, to a millionth of a cent. */
export function addTo(total: Total, more: Total) {
  for (const name of Object.keys(more) as (keyof Total)[]) {
    total[name] = (total[name] + more[name]) as never
  }
}

/** Totals by name, each begun when first added to. */
export class Totals {
  readonly #byName = new Map<string, Total>()

  add(name: string, more: Total) {
    const total = this.#byName.get(name) ?? emptyTotal()
    this.#byName.set(name, total)
    addTo(total, more)
  }

  /** The most charged first, at most so many. */
  top(most: number): [name: string, total: Total][] {
    return [...this.#byName].sort(([, a], [, b]) => b.charge - a.charge).slice(0, most)
  }
}

/** Names that a list by name has at most, where there may be one for each customer or key. */
export const NAMES_MAX = 1_000

/** LiteLLM's metrics. */
export const metricsOf = (total: Total) => ({
  spend: toDollars(total.charge),
  prompt_tokens: total.input,
  completion_tokens: total.output,
  cache_read_input_tokens: total.cacheRead,
  cache_creation_input_tokens: total.cacheWrite,
  total_tokens: total.input + total.output,
  successful_requests: total.calls - total.failedCalls,
  failed_requests: total.failedCalls,
  api_requests: total.calls,
})

/** Without a time of its own, a report is of so many days. */
export const DAYS_BY_DEFAULT = 30

/** The days that a range touches, both ends included. `until` is just behind it, milliseconds. */
export const daysIn = (
  { from, until }: { readonly from?: number; readonly until?: number },
  now: number,
): { readonly first: number; readonly last: number } => {
  const last = dayOf((until ?? now + 1) - 1)
  return { first: from === undefined ? last - DAYS_BY_DEFAULT : dayOf(from), last }
}
