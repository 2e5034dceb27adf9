import { type Nanos, nanos } from '../ledger/money.ts'
import { shiftDecimal } from './decimal.ts'
import type { Price } from './price.ts'
import type { OtherKind } from './usage.ts'

/** LiteLLM's keys for what is not counted in tokens, and in which digit their millionths begin. */
const UNITS: Readonly<Record<string, { readonly unit: string; readonly places: number }>> = {
  output_cost_per_image: { unit: 'picture', places: 15 },
  input_cost_per_image: { unit: 'picture', places: 15 },
  input_cost_per_pixel: { unit: 'pixel', places: 15 },
  output_cost_per_pixel: { unit: 'pixel', places: 15 },
  // A million milliseconds are a thousand seconds.
  output_cost_per_second: { unit: 'second', places: 12 },
  input_cost_per_second: { unit: 'second', places: 12 },
  input_cost_per_character: { unit: 'character', places: 15 },
}

export const UNIT_KEYS: readonly string[] = Object.keys(UNITS)

/** What a price is for; null: for tokens. */
export const unitOf = (key: string): string | null => UNITS[key]?.unit ?? null

/** Dollars for one, as nano-dollars for a million of the ledger's units; null: it is no price. */
export function ratePerMillionUnits(key: string, dollars: number | string): Nanos | null {
  const rate = shiftDecimal(dollars, UNITS[key]!.places)
  return rate === null ? null : nanos(rate)
}

/**
 * What a config says of them. Each is said once, as in LiteLLM, where some models have the price of
 * a second both as input and as output, and one that costs nothing of a pair is only its other end.
 * `input_cost_per_image` beside prices of tokens is for pictures in a prompt, which are tokens
 * here.
 */
export function pricesOfUnits(
  rateByKey: ReadonlyMap<string, Nanos>,
): Pick<Price, 'pixels'> & { readonly rates: Partial<Record<OtherKind, Nanos>> } {
  const first = (keys: readonly string[]): Nanos | undefined => {
    const given = keys.map((key) => rateByKey.get(key)).filter((rate) => rate !== undefined)
    return given.find((rate) => rate > 0) ?? given[0]
  }
  const hasTokens = [...rateByKey.keys()].some((key) => UNITS[key] === undefined)
  const ofPictures = ['output_cost_per_image', ...(hasTokens ? [] : ['input_cost_per_image'])]
  const images = first(ofPictures)
  const audioMs = first(['output_cost_per_second', 'input_cost_per_second'])
  const characters = rateByKey.get('input_cost_per_character')
  const pixels = first(['input_cost_per_pixel', 'output_cost_per_pixel'])
  return {
    ...(pixels === undefined || images !== undefined ? {} : { pixels }),
    rates: {
      ...(images === undefined ? {} : { images }),
      ...(audioMs === undefined ? {} : { audioMs }),
      ...(characters === undefined ? {} : { characters }),
    },
  }
}

/** A price of what is not counted in tokens, as a config would have it. */
export type UnitPrice = {
  readonly key: string
  readonly unit: string
  /** For one. */
  readonly dollars: number
  /** Quality and size, if the price depends on them: `hd 1024x1024`. */
  readonly about: string | null
}

const KEY_OF_KIND: Readonly<Record<OtherKind, string>> = {
  images: 'output_cost_per_image',
  audioMs: 'input_cost_per_second',
  characters: 'input_cost_per_character',
}

/** All of them that a price has, for people. */
export function unitPricesOf({ rates, pixels, pictures }: Price): UnitPrice[] {
  const priced = (key: string, rate: Nanos, about: string | null = null): UnitPrice => {
    const { unit, places } = UNITS[key]!
    return { key, unit, dollars: rate / 10 ** places, about }
  }
  const ofKinds = Object.entries(KEY_OF_KIND).flatMap(([kind, key]) => {
    const rate = rates[kind as OtherKind]
    return rate === undefined ? [] : [priced(key, rate)]
  })
  const ofPixels = pixels === undefined ? [] : [priced('input_cost_per_pixel', pixels)]
  const ofPictures = (pictures ?? []).map(({ quality, size, rate }) => {
    const about = [quality, size].filter((word) => word !== null).join(' ')
    return priced('output_cost_per_image', rate, about)
  })
  return [...ofKinds, ...ofPixels, ...ofPictures]
}
