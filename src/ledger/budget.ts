import type { Nanos } from './money.ts'

/** Limits for one model inside a budget; null where it sets none. */
export type ModelBudget = {
  readonly maxBudget: Nanos | null
  /** As in `Budget.duration`. */
  readonly duration: string | null
  readonly tpmLimit: number | null
  readonly rpmLimit: number | null
}

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
}

export const NO_LIMITS: Limits = {
  maxBudget: null,
  softBudget: null,
  maxParallelRequests: null,
  tpmLimit: null,
  rpmLimit: null,
  modelMaxBudget: null,
  duration: null,
  resetAt: null,
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
