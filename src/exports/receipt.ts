import type { ReadAnswer } from '../events/post.ts'
import type { NewParcel, Parcel } from '../ledger/parcel.ts'

/** What came of a try to send a parcel. */
export type Receipt =
  /** The receiver has it, from this try or from one before. */
  | { readonly kind: 'taken' }
  | {
      readonly kind: 'later'
      readonly error: string
      readonly retryAfterMs: number | null
      /** Whether it may have been counted all the same. */
      readonly isUnsure: boolean
      /** Whether it is this one alone that has to wait. */
      readonly isOwn: boolean
    }
  /** It would be refused each time. `parts`: the same in several, so that the good ones pass. */
  | { readonly kind: 'never'; readonly error: string; readonly parts?: readonly NewParcel[] }

/**
 * Statuses that say nothing of the events in a request: the receiver is busy or broken, or the
 * address or the key is wrong. For what an operator has to put right, no event is given up.
 */
const OF_NO_EVENT = new Set([401, 402, 403, 404, 405, 407, 408, 409, 415, 421, 423, 425, 429])

/** That it was not counted is certain: it was turned away before anybody read it. */
const NOT_COUNTED = new Set([401, 402, 403, 404, 405, 407, 409, 415, 421, 423, 425, 429])

/** Told of a receiver's own words, so much. */
const WORDS_MAX = 300

/** What an answer means for a receiver that says by its status whether it has taken all. */
export function receiptOf(answer: ReadAnswer): Receipt {
  const { status, error, retryAfterMs, mayHaveArrived } = answer
  if (error === null) return { kind: 'taken' }
  const words = wordsOf(answer)
  if (status !== null && status >= 400 && status < 500 && !OF_NO_EVENT.has(status)) {
    return { kind: 'never', error: words }
  }
  const isUnsure = status === null ? mayHaveArrived : !NOT_COUNTED.has(status)
  return { kind: 'later', error: words, retryAfterMs, isUnsure, isOwn: false }
}

/** The status, and what the receiver said of it. */
export function wordsOf({ error, text }: Pick<ReadAnswer, 'error' | 'text'>): string {
  const said = text.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  const short = said.length > WORDS_MAX ? `${said.slice(0, WORDS_MAX)}…` : said
  return short === '' ? String(error) : `${error}: ${short}`
}

/** JSON, or null if it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Why a parcel cannot even be sent. */
export const unsendable = (error: string): Receipt => ({ kind: 'never', error })

/** How parcels are made and sent for one receiver. */
export type Wire = {
  /** Requests under way at once, and in a second; null: any number. */
  readonly atOnce: number
  readonly perSecond: number | null
  send(parcel: Parcel): Promise<Receipt>
}
