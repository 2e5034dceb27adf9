import type { Budget } from './budget.ts'
import type { Nanos } from './money.ts'

/** What a virtual key is good for. The master key is no virtual key: it is good for everything. */
export type KeyRole = 'calls' | 'reports'

/** What an operator says of a key, apart from its money. */
export type KeyProfile = {
  /** A name for people; no two keys have the same. */
  readonly alias: string | null
  /** Whose tab its calls are on, whatever they say themselves. Null: they say it. */
  readonly customerId: string | null
  readonly role: KeyRole
  readonly blocked: boolean
  /** Milliseconds since the epoch. Null: never. */
  readonly expiresAt: number | null
  /** The only models that may be called. Null: all. */
  readonly models: readonly string[] | null
  readonly budgetId: string | null
  /** JSON object of the operator's own; kept, never read. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** LiteLLM's ids of who has the key, by their JSON names; kept, never read. */
  readonly labels: Readonly<Record<string, unknown>>
}

export const NEW_KEY: KeyProfile = {
  alias: null,
  customerId: null,
  role: 'calls',
  blocked: false,
  expiresAt: null,
  models: null,
  budgetId: null,
  metadata: {},
  labels: {},
}

/** All that is kept of a key's secret: nobody can make the secret of it. */
export type SecretMark = {
  /** SHA-256 in hexadecimal; LiteLLM's `token`. */
  readonly hash: string
  /** `sk-...` and the last four characters, for people to know it by. */
  readonly name: string
}

/** A key that clients call with, in place of the master key. */
export type VirtualKey = KeyProfile &
  SecretMark & {
    /** Names this key in the ledger: it stays what it is when the secret is made anew. */
    readonly id: number
    /** Charged in the current period of its budget: the sum of its rows since `periodStart`. */
    readonly spent: Nanos
    /** Charged in all: the sum of its rows. */
    readonly totalSpent: Nanos
    /** Milliseconds since the epoch at which the current period began; 0 when it has no start. */
    readonly periodStart: number
    readonly createdAt: number
    readonly updatedAt: number
  }

/** A key and the budget that binds it, if any. */
export type BudgetedKey = {
  readonly key: VirtualKey
  readonly budget: Budget | null
}
