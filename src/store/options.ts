import type { PeriodOf } from './customers.ts'
import type { KeyMove } from './key-changes.ts'
import type { Durability } from './open.ts'

/** What the store needs of the world; in tests time stands still. */
export type StoreOptions = {
  readonly path: string
  readonly durability: Durability
  readonly periodOf: PeriodOf
  readonly now: () => number
  /** A ULID, each later than the one before. */
  readonly newId: () => string
  /**
   * Told in the same breath as the commit that changed a customer, a budget or a key, so that what
   * is kept of them in memory is never older than the disk.
   */
  readonly changed: (what: {
    readonly customers?: readonly string[]
    readonly budgets?: readonly string[]
    readonly keys?: readonly KeyMove[]
  }) => void
  /** Told how long each transaction took, milliseconds. */
  readonly committed?: (ms: number) => void
}
