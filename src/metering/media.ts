import type { Price } from './price.ts'
import { type Kind, NO_USAGE, type Usage } from './usage.ts'
import type { Json } from './wire.ts'

/** A call for pictures or sound, as far as its price depends on it. */
export type MediaCall = {
  readonly json: Json
  /** As its upstream calls it. */
  readonly model: string
  readonly provider: string
  /** How long the sound is that came with the call, milliseconds; at most, if it cannot be read. */
  readonly soundMs: number
  /** Files that came with the call. */
  readonly files: number
}

/** What an upstream delivered that does not say what that was. */
export type Delivered = {
  /** What the wire's `textOf` made of it. */
  readonly text: string
  /** Tokens of that text. */
  readonly tokens: number
  /** Tokens of the texts that the call asks with. */
  readonly promptTokens: number
}

export type Units = Readonly<Partial<Record<Kind, number>>>

/** How calls for pictures or sound are priced, held for and counted; all of it is arithmetic. */
export type Media = {
  /** The price of just this call; null: what it is billed by has none. */
  readonly priceOf: (price: Price, call: MediaCall) => Price | null
  /** For whoever has to give it one: what is missing in the config. */
  readonly priceKeys: string
  /** No more than this is used besides the tokens of the texts that it asks with. */
  readonly most: (price: Price, call: MediaCall) => Units
  /** Of what the upstream reports, what is charged; null: nothing of it has a price. */
  readonly charged: (reported: Usage, price: Price, call: MediaCall) => Usage | null
  /** What was used of an upstream that reports nothing. */
  readonly used: (delivered: Delivered, price: Price, call: MediaCall) => Usage
}

export const usageOf = (units: Units): Usage => ({ ...NO_USAGE, ...units })
