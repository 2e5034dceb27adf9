import { type Nanos, nanos } from '../ledger/money.ts'
import { PICTURE, SKETCH } from './image-wire.ts'
import { type Media, type MediaCall, usageOf } from './media.ts'
import { numberIn } from './odd-json.ts'
import { billedBy, type Price, ratesWithoutTokens } from './price.ts'
import { outputTokens } from './usage.ts'

/**
 * Tokens of a picture by quality: square, upright, across
 * (https://platform.openai.com/docs/guides/image-generation#calculating-costs).
 */
const TOKENS_OF_PICTURE: Readonly<Record<string, readonly [number, number, number]>> = {
  low: [272, 408, 400],
  medium: [1_056, 1_584, 1_568],
  high: [4_160, 6_240, 6_208],
}
const SIZES = ['1024x1024', '1024x1536', '1536x1024']

/** The models that the table is published for. */
const IN_TABLE = /^gpt-image-1(\.5|-mini)?(-\d{4}-\d\d-\d\d)?$/

/** Of other models, sizes and qualities nobody publishes them; 12,329 is the most that was seen. */
const TOKENS_OF_PICTURE_MAX = 16_384

/** A sketch on the way, by the same page. */
const TOKENS_OF_SKETCH = 100

/** A picture that is shown: at high fidelity up to 6,240 tokens, and 65 + 129 for each tile. */
const TOKENS_OF_SHOWN_MAX = 8_192

const PICTURES_MAX = 100

/** Pictures that are drawn: by tokens, or by the piece, which may depend on quality and size. */
export const PICTURES: Media = {
  priceKeys: '`output_cost_per_image`, or `input_cost_per_token` and `output_cost_per_image_token`',
  priceOf(price, call) {
    const rate = rateOf(price, call)
    const { source } = price
    if (rate !== null) {
      return { rates: ratesWithoutTokens({ images: rate }), tiers: [], source, hasTokens: false }
    }
    return billedBy(price, ['images']) === null ? null : price
  },
  most(price, call) {
    const count = picturesAsked(call)
    if (billedBy(price, ['images']) === 'images') return { images: count }
    const tokens = tokensOfPicture(call) ?? TOKENS_OF_PICTURE_MAX
    const each = tokens * countIn(call, 'frame_count') + TOKENS_OF_SKETCH * sketchesAsked(call)
    return { outputImage: count * each, inputImage: call.files * TOKENS_OF_SHOWN_MAX }
  },
  charged(reported, price) {
    if (billedBy(price, ['images']) === 'images') return usageOf({ images: reported.images })
    return outputTokens(reported) > 0 ? { ...reported, images: 0 } : null
  },
  used({ text, promptTokens }, price, call) {
    const drawn = text.split(PICTURE).length - 1
    if (billedBy(price, ['images']) === 'images') return usageOf({ images: drawn })
    const tokens = tokensOfPicture(call) ?? TOKENS_OF_PICTURE_MAX
    const sketches = text.split(SKETCH).length - 1
    return usageOf({
      input: promptTokens,
      inputImage: call.files * TOKENS_OF_SHOWN_MAX,
      outputImage: drawn * tokens + sketches * TOKENS_OF_SKETCH,
    })
  },
}

/** Null: the price is not by quality, size or pixels. */
function rateOf({ pictures, pixels }: Price, call: MediaCall): Nanos | null {
  const size = wordIn(call, 'size') ?? '1024x1024'
  if (pictures !== undefined) {
    const quality = wordIn(call, 'quality') ?? 'standard'
    const fits = (own: string | null, asked: string) => own === null || own === asked
    const found = pictures.find((each) => fits(each.quality, quality) && fits(each.size, size))
    return found?.rate ?? nanos(Math.max(...pictures.map(({ rate }) => rate)))
  }
  if (pixels === undefined) return null
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [null, '4096', '4096']
  const rate = pixels * Number(width) * Number(height)
  return nanos(Math.min(rate, Number.MAX_SAFE_INTEGER))
}

/** Null: nobody publishes it. What is left to the model may come out at its dearest. */
function tokensOfPicture(call: MediaCall): number | null {
  if (!IN_TABLE.test(call.model)) return null
  const asked = wordIn(call, 'quality') ?? 'auto'
  const byShape = TOKENS_OF_PICTURE[asked === 'auto' ? 'high' : asked]
  const size = wordIn(call, 'size') ?? 'auto'
  const place = SIZES.indexOf(size)
  if (byShape === undefined) return null
  if (size === 'auto') return Math.max(...byShape)
  return byShape[place] ?? null
}

const picturesAsked = (call: MediaCall): number => countIn(call, 'n')

const sketchesAsked = ({ json }: MediaCall): number => {
  const sketches = numberIn(json['partial_images'] ?? 0)
  return sketches >= 0 && sketches <= PICTURES_MAX ? Math.ceil(sketches) : PICTURES_MAX
}

/** From 1; what is no such number is taken for many, for the upstream to refuse. */
function countIn({ json }: MediaCall, name: string): number {
  const number = numberIn(json[name] ?? 1)
  return number >= 1 && number <= PICTURES_MAX ? Math.ceil(number) : PICTURES_MAX
}

function wordIn({ json }: MediaCall, name: string): string | null {
  const text = json[name]
  return typeof text === 'string' ? text : null
}
