import type { Nanos } from '../ledger/money.ts'
import { costOf } from './cost.ts'
import { type Price, SERVICES, type Service } from './price.ts'
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
