import type { EventName } from './event-name.ts'
import type { Nanos } from './money.ts'

/**
 * What moves credit. `draw`: a call's charge, or a correction of one. The others as in
 * `ledger/wallet.ts`.
 */
export const CREDIT_KINDS = ['grant', 'draw', 'expiry', 'refund', 'adjustment'] as const

export type CreditKind = (typeof CREDIT_KINDS)[number]

/** One movement of a wallet. Never changed: what was wrong is put right by a further one. */
export type CreditEntry = {
  /** Ascends in the order in which they were written. */
  readonly id: number
  readonly kind: CreditKind
  /** Null: the overdraft. */
  readonly grantId: string | null
  /** Signed: what comes in is positive. */
  readonly amount: Nanos
  /** The wallet's, with it. */
  readonly balance: Nanos
  /** The call whose charge it is or gives back; null: of none. */
  readonly callId: string | null
  readonly reason: string | null
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** A grant as it is now; also what an adjustment or a correction brought in. */
export type CreditGrant = {
  /** ULID. */
  readonly id: string
  readonly amount: Nanos
  readonly remaining: Nanos
  readonly priority: number
  readonly expiresAt: number | null
  readonly reason: string | null
  readonly createdAt: number
}

/** What an operator orders; each is done once, by its key. */
export type CreditOrder = {
  readonly key: string
  readonly customerId: string
  readonly reason: string
} & (
  | {
      readonly kind: 'grant'
      /** Above zero. */
      readonly amount: Nanos
      readonly priority: number
      readonly expiresAt: number | null
    }
  /** Either sign; with a call, what is given back of its charge. */
  | { readonly kind: 'adjustment'; readonly amount: Nanos; readonly callId: string | null }
  /** Above zero: what is paid out, of one grant or of those that would be used last. */
  | { readonly kind: 'refund'; readonly amount: Nanos; readonly grantId: string | null }
)

/** What came of an order, kept for its repeats. */
export type CreditDone = {
  /** ULID; of what brings credit in, also that of the grant. */
  readonly id: string
  readonly kind: 'grant' | 'adjustment' | 'refund'
  readonly customerId: string
  /** Signed, as it moved the balance. */
  readonly amount: Nanos
  readonly reason: string
  readonly callId: string | null
  /** What came in; null: it went out. */
  readonly grant: CreditGrant | null
  /** The wallet's, with it. */
  readonly balance: Nanos
  readonly createdAt: number
}

export type CreditEvent = Extract<EventName, 'credit_granted' | 'credit_low' | 'credit_exhausted'>

/** A movement that is no call's, for those who tell of it. */
export type CreditChange = {
  readonly customerId: string
  /** In the order in which they are told. */
  readonly events: readonly CreditEvent[]
  /** What moved; zero: nothing did. */
  readonly amount: Nanos
  readonly balance: Nanos
  readonly grant: CreditGrant | null
  readonly at: number
}

/**
 * What a new balance is worth telling: `credit_low` when it comes down to `lowAt`, and
 * `credit_exhausted` when it comes to nothing. Either is told once until it is above again.
 */
export function creditCrossings(
  from: { readonly balance: Nanos; readonly isExhaustedTold: boolean },
  to: Nanos,
  lowAt: Nanos | null,
): CreditEvent[] {
  const crossed: CreditEvent[] = []
  if (lowAt !== null && from.balance > lowAt && to <= lowAt) crossed.push('credit_low')
  if (to <= 0 && to < from.balance && !from.isExhaustedTold) crossed.push('credit_exhausted')
  return crossed
}

/** Whether `credit_exhausted` has been told, once the balance is another. */
export const isExhaustedAfter = (
  from: { readonly balance: Nanos; readonly isExhaustedTold: boolean },
  to: Nanos,
): boolean => {
  if (to > from.balance && to > 0) return false
  return from.isExhaustedTold || (to <= 0 && to < from.balance)
}

/** What somebody is told who asks for the wallet of a customer that has none. */
export const withoutWallet = (id: string): string =>
  `End User=${id} has no wallet. /customer/credit/grant makes one, and so does ` +
  '/customer/update with wallet=true.'
