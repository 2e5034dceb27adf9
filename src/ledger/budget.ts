import type { Nanos } from './money.ts'

/** Limits for one model inside a budget; null where it sets none. */
export type ModelBudget = {
  readonly maxBudget: Nanos | null
  /** As in `Budget.duration`. */
  readonly duration: string | null
  readonly tpmLimit: number | null
  readonly rpmLimit: number | null
}

/**
 * How a budget is enforced. `strict`: the worst case of a call is held before it is sent, so
 * the budget is never passed. `finish_last`: a call is admitted while anything is left of the
 * budget, nothing is held or capped, and calls in flight may finish over it. `soft` is LiteLLM's
 * check-then-charge: as `finish_last`, and a budget exactly used up still admits.
 */
export type BudgetMode = 'strict' | 'finish_last' | 'soft'

/** What a budget limits. Null: not limited. Shared by a tier and by a customer's own budget. */
export type Limits = {
  readonly maxBudget: Nanos | null
  readonly softBudget: Nanos | null
  readonly maxParallelRequests: number | null
  readonly tpmLimit: number | null
  readonly rpmLimit: number | null
  /** By model name. */
  readonly modelMaxBudget: Readonly<Record<string, ModelBudget>> | null
  /** `30d`, `1mo` …: how long a period is (`ledger/period.ts`). Null: one period without end. */
  readonly duration: string | null
  /** Milliseconds since the epoch: an explicit first reset, which later ones are counted from. */
  readonly resetAt: number | null
  /** Null: the server's. */
  readonly mode: BudgetMode | null
  /** The only models that may be called. */
  readonly models: readonly string[] | null
  /** IANA zone that days and months of the period are counted in. Null: the server's. */
  readonly timezone: string | null
  /** ISO: 1 is Monday. Null: the server's. */
  readonly weekStart: 1 | 2 | 3 | 4 | 5 | 6 | 7 | null
  /** 1 to 31, on which months begin. Null: the server's. */
  readonly dayOfMonth: number | null
  /** What customers on it are charged, as JSON (`metering/rate-card.ts`). Null: the server's. */
  readonly rateCard: string | null
  /** What of a customer's call counts on it. Null: the charge. */
  readonly counts: Counts | null
}

/** The amount of a call that a budget is about. */
export type Counts = 'charge' | 'cost'

export const NO_LIMITS: Limits = {
  maxBudget: null,
  softBudget: null,
  maxParallelRequests: null,
  tpmLimit: null,
  rpmLimit: null,
  modelMaxBudget: null,
  duration: null,
  resetAt: null,
  mode: null,
  models: null,
  timezone: null,
  weekStart: null,
  dayOfMonth: null,
  rateCard: null,
  counts: null,
}

/** A reusable limit (a pricing tier), or, when not `shared`, the limits of one customer alone. */
export type Budget = Limits & {
  readonly id: string
  readonly shared: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly createdBy: string
  readonly updatedAt: number
  readonly updatedBy: string
}
