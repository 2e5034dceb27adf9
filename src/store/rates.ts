import { dayOf, monthStart } from '../ledger/day.ts'
import type { Flush } from './flush.ts'
import type { LedgerTable } from './ledger.ts'
import type { RateCardTable } from './rate-cards.ts'
import type { Summing } from './summing.ts'

/** Rate cards, and what they have made of the calls on a tab. */
export type Rates = Pick<RateCardTable, 'known' | 'find' | 'list'> & {
  /** Makes a card known that the config has; answers its version. */
  add(text: string): Promise<number>
  /** What of the free of a month (`monthOf`) was used on a tab: tokens, and nano-dollars. */
  usedFree(tab: number, month: number): { tokens: number; money: number }
  /** What was charged on a tab on a day less what it cost, nano-dollars. */
  marginOf(tab: number, day: number): number
}

/** `sumUp` brings the sums of a tab up to date. */
export function rates(
  { cards, usedFree, marginOf }: LedgerTable,
  parts: { readonly flush: Flush; readonly sumUp: Summing['now']; readonly now: () => number },
): Rates {
  return {
    known: cards.known,
    find: cards.find,
    list: cards.list,
    add: (text) => parts.flush.attempt(() => cards.version(text, parts.now())),
    usedFree(tab, month) {
      parts.sumUp(tab)
      return { ...usedFree(tab, dayOf(monthStart(month))) }
    },
    marginOf(tab, day) {
      parts.sumUp(tab)
      return marginOf(tab, day)
    },
  }
}
