import { type Nanos, nanos } from '../ledger/money.ts'
import { shiftDecimal } from './decimal.ts'
import { type PicturePrice, type Price, ratesWithoutTokens } from './price.ts'

/** Quality, size, dollars. */
type PictureDollars = readonly [string, string, number]

/**
 * OpenAI's prices for pictures and speech that `@pydantic/genai-prices` does not have: dollars for
 * a picture, and for a million characters (https://platform.openai.com/docs/pricing and
 * https://openai.com/api/pricing, read in November 2026; LiteLLM's price file has the same).
 */
const DOLLARS_PER_PICTURE: Readonly<Record<string, readonly PictureDollars[]>> = {
  'dall-e-3': [
    ['standard', '1024x1024', 0.04],
    ['standard', '1024x1792', 0.08],
    ['standard', '1792x1024', 0.08],
    ['hd', '1024x1024', 0.08],
    ['hd', '1024x1792', 0.12],
    ['hd', '1792x1024', 0.12],
  ],
  'dall-e-2': [
    ['standard', '256x256', 0.016],
    ['standard', '512x512', 0.018],
    ['standard', '1024x1024', 0.02],
  ],
}

const DOLLARS_PER_MILLION_CHARACTERS: Readonly<Record<string, number>> = {
  'tts-1': 15,
  'tts-1-1106': 15,
  'tts-1-hd': 30,
  'tts-1-hd-1106': 30,
}

/** Who serves OpenAI's models at OpenAI's prices. */
const PROVIDERS = new Set(['openai', 'azure'])

/** The price of a model that is not billed by tokens; null: it is not in the table. */
export function publishedMediaPrice(provider: string, model: string): Price | null {
  if (!PROVIDERS.has(provider)) return null
  const pictures = DOLLARS_PER_PICTURE[model]
  if (pictures !== undefined) {
    return priced(model, { pictures: pictures.map(picturePrice), rates: ratesWithoutTokens({}) })
  }
  const dollars = DOLLARS_PER_MILLION_CHARACTERS[model]
  if (dollars === undefined) return null
  return priced(model, { rates: ratesWithoutTokens({ characters: rate(dollars, 9) }) })
}

const picturePrice = ([quality, size, dollars]: PictureDollars): PicturePrice => ({
  quality,
  size,
  rate: rate(dollars, 15),
})

const priced = (model: string, about: Pick<Price, 'rates' | 'pictures'>): Price => ({
  ...about,
  tiers: [],
  source: `openai ${model}`,
  hasTokens: false,
})

function rate(dollars: number, digits: number): Nanos {
  const shifted = shiftDecimal(dollars, digits)
  if (shifted === null) throw new RangeError(`no rate: ${dollars}`)
  return nanos(shifted)
}
