import type { Budget, Counts } from '../ledger/budget.ts'
import type { Customer } from '../ledger/customer.ts'
import { type Nanos, nanos } from '../ledger/money.ts'
import { amountsOf, type LedgerRow } from '../ledger/settlement.ts'
import { cardOf, chargeOf, type RateCard, withMarkup } from '../metering/rate-card.ts'
import type { Usage } from '../metering/usage.ts'
import type { WorstRates } from '../metering/worst-case.ts'

/** What a customer's call is charged, and what of it counts on its budget. */
export type Tariff = {
  /** Null: the charge is the cost. */
  readonly card: RateCard | null
  /** The card as rows keep it. */
  readonly text: string | null
  readonly counts: Counts
}

/** Cards in memory; one more empties it. */
const CARDS_MAX = 10_000

/** Whose card binds: the customer's own, else its budget's, else the server's. */
export class Tariffs {
  readonly #byDefault: string | null
  readonly #cards = new Map<string, RateCard>()

  /** `byDefault` is the server's card, as JSON; null: it has none. */
  constructor(byDefault: string | null) {
    this.#byDefault = byDefault
  }

  /** Null: the charge is the cost, and counts. */
  of(customer: Pick<Customer, 'rateCard'> | null, budget: Budget | null): Tariff | null {
    const text = customer?.rateCard ?? budget?.rateCard ?? this.#byDefault
    const counts = budget?.counts ?? 'charge'
    if (text === null) return counts === 'charge' ? null : { card: null, text, counts }
    return { card: this.card(text), text, counts }
  }

  /** What a call under way was admitted by. */
  named({ card: text, counts }: { readonly card: string | null; readonly counts: Counts }) {
    return { card: text === null ? null : this.card(text), text, counts }
  }

  card(text: string): RateCard {
    const known = this.#cards.get(text)
    if (known !== undefined) return known
    if (this.#cards.size >= CARDS_MAX) this.#cards.clear()
    const card = cardOf(text)
    this.#cards.set(text, card)
    return card
  }
}

/** What a rate card makes of a row. */
type Charges = Pick<LedgerRow, 'charge' | 'counted' | 'card' | 'freeTokens' | 'freeMoney'>

/** A row before its card is applied. */
export type MeteredRow = Omit<LedgerRow, keyof Charges>

/** A row as it is charged, with `left` of the card's allowance, in its unit. */
export function chargedRow<Row extends Pick<MeteredRow, 'model' | 'usage' | 'cost'>>(
  row: Row,
  tariff: Tariff | null,
  left: number,
): Row & Charges {
  const { cost } = row
  // Without a card the cost is the charge, and so it is all the same which of them counts.
  if (tariff === null || tariff.card === null) {
    return { ...row, ...amountsOf(cost) }
  }
  const used = { model: row.model, usage: row.usage as Usage, cost }
  const charged = chargeOf(tariff.card, used, left)
  const counted = tariff.counts === 'cost' ? cost : charged.charge
  return { ...row, ...charged, counted, card: tariff.text }
}

/** A markup on a cost that was rounded up, rounded up: no more than so much over the exact. */
const roundingOf = ({ markup }: RateCard): number => Math.ceil(markup / 1_000_000) + 2

/**
 * The dearest that a call can be by a tariff: from the dearest that it can cost (`rates`; null:
 * nobody knows) and the rates of the card's own price for its model (null: it has none). Where the
 * cost counts on one account and the charge on another, it is held for the dearer of the two on
 * both. `own` stands in place of the cost; where it may not (`isOwnSure`), the dearer is held.
 */
export function worstRatesBy(
  tariff: Tariff | null,
  rates: WorstRates | null,
  own: WorstRates | null,
  isOwnSure: boolean,
): WorstRates | null {
  if (tariff === null || tariff.card === null) return rates
  const { card, counts } = tariff
  if (rates === null && own === null) return null
  const { markup, fee, minimum } = card
  const marked = (amount: Nanos) => withMarkup(amount, markup)
  const byCost = rates && {
    input: marked(rates.input),
    output: marked(rates.output),
    besides: nanos(marked(rates.besides) + roundingOf(card)),
  }
  const metered = own !== null && isOwnSure ? own : dearer(own, byCost)!
  const charge = { ...metered, besides: nanos(metered.besides + fee), minimum }
  return counts === 'charge' ? charge : { ...dearer(charge, rates)!, minimum }
}

/** Of two that may be, the dearest of everything. */
function dearer(one: WorstRates | null, other: WorstRates | null): WorstRates | null {
  if (one === null || other === null) return one ?? other
  return {
    input: nanos(Math.max(one.input, other.input)),
    output: nanos(Math.max(one.output, other.output)),
    besides: nanos(Math.max(one.besides, other.besides)),
  }
}
