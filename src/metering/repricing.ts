import { minus, type Nanos, ZERO } from '../ledger/money.ts'
import { costOf } from './cost.ts'
import { type Price, SERVICES, type Service } from './price.ts'
import { grossOf, type RateCard, takenOff, tokensOf, type Used } from './rate-card.ts'
import { KINDS, type Kind, TOKEN_KINDS, type Usage } from './usage.ts'

/**
 * What a call costs at another price than it was booked at. Null: its row does not say enough, for
 * what it used has no rate there, such as a picture whose price depends on its size.
 */
export function costAt(usage: Usage, price: Price): Nanos | null {
  const isPriced = (kind: Kind) =>
    (TOKEN_KINDS as readonly Kind[]).includes(kind)
      ? price.hasTokens !== false
      : price.rates[kind] !== undefined
  return KINDS.every((kind) => usage[kind] === 0 || isPriced(kind)) ? costOf(usage, price) : null
}

/**
 * The service tier that a price is of; null: the usual one. A price of the config says so in its
 * `source`, and of no other is a tier ever booked.
 */
export const serviceOf = ({ source }: Price): Service | null =>
  SERVICES.find((service) => source.includes(`, ${service}`)) ?? null

/**
 * What a call is charged by the card that its row names, with what the allowance took off it by the
 * row's own word: so an allowance is not used anew, and only what it no longer has to take off is
 * left of it again.
 */
export function chargeAgain(
  card: RateCard | null,
  used: Used,
  free: { readonly freeTokens: number; readonly freeMoney: Nanos },
): { readonly charge: Nanos; readonly freeMoney: Nanos } {
  if (card === null) return { charge: used.cost, freeMoney: ZERO }
  const gross = grossOf(card, used)
  const { allowance } = card
  if (allowance === null) return { charge: gross, freeMoney: ZERO }
  const left = allowance.unit === 'money' ? free.freeMoney : free.freeTokens
  const off = takenOff(allowance, { gross, tokens: tokensOf(used.usage) }, left)
  return { charge: minus(gross, off), freeMoney: allowance.unit === 'money' ? off : ZERO }
}
