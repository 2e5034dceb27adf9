import type { CreditChange } from '../ledger/credit.ts'
import type { Nanos } from '../ledger/money.ts'
import type { PeriodOf } from './customers.ts'
import type { NewDelivery } from './delivery-table.ts'
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
  /** What there is to tell of credit. Not given: nobody is told. */
  readonly credit?: CreditTelling
  /** Told how long each transaction took, milliseconds. */
  readonly committed?: (ms: number) => void
}

export type CreditTelling = {
  /** The balance at which `credit_low` is told; null: at none. */
  readonly lowAt: Nanos | null
  /** The events of a change, which are written down in its transaction. */
  readonly eventsOf: (change: CreditChange) => readonly NewDelivery[]
  /** Told when events were written down. */
  readonly wake: () => void
}
