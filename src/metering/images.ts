import { Buffer } from 'node:buffer'
import { imageSize } from 'image-size'
import { textIn } from './odd-json.ts'
import { objectOf } from './usage.ts'
import type { Json } from './wire.ts'

/** An image that a call shows. */
export type Shown = {
  /** OpenAI's, `auto` where the call does not say. */
  readonly detail: string
  /** Where it is, or what it is: a `data:` URL. Empty: it is named otherwise. */
  readonly url: string
}

/** The most tokens of one image. */
type Most = {
  readonly usual: number
  /** Where its detail is `original`; null: as many as its size makes. */
  readonly original: number | null
  /** Whether its detail is that where the call does not say. */
  readonly isOriginal: boolean
}

const always = (usual: number): Most => ({ usual, original: usual, isOriginal: false })

/** Patches are 32 by 32 pixels; where no factor is published for a model, the usual one. */
const PATCH_PIXELS = 32
const TOKENS_PER_100 = 162
const patches = (count: number, per100 = TOKENS_PER_100) => Math.ceil((count * per100) / 100)

/**
 * By family, at the largest size that is looked at. By tiles: 85 + 8 x 170 for gpt-4o and gpt-4.1,
 * 33 times that for gpt-4o-mini, 70 + 8 x 140 for gpt-5, 75 + 8 x 150 for o1 and o3; by patches:
 * 1,536 of them times a factor of the model, 2,500 and 10,000 for gpt-5.4 and gpt-5.5, any number
 * for gpt-5.6 (https://developers.openai.com/api/docs/guides/images-vision). Anthropic: width x
 * height / 750, at most about 1,600, 4,784 for its newest
 * (https://docs.claude.com/en/docs/build-with-claude/vision). Gemini: 258 for each tile of 768.
 */
const BY_FAMILY: readonly (readonly [RegExp, Most])[] = [
  [/gpt-4o-mini/, always(2_833 + 8 * 5_667)],
  [/gpt-(?:4\.1|5(?:\.\d)?)-nano/, always(patches(1_536, 246))],
  [/gpt-(?:4\.1|5(?:\.\d)?)-mini|o4-mini/, always(patches(1_536, 172))],
  [/claude/, always(4_784)],
  [/gpt-5\.4/, { usual: patches(2_500), original: patches(10_000), isOriginal: false }],
  [/gpt-5\.5/, { usual: patches(2_500), original: patches(10_000), isOriginal: true }],
  [/gpt-5\.[6-9]|gpt-[6-9]/, { usual: patches(2_500), original: null, isOriginal: true }],
  // More than any of their makers' others.
  [/gpt-|(?:^|\/)o\d|gemini|grok/, always(4_200)],
]

/** Of open weights those of Qwen make the most (https://huggingface.co/Qwen/Qwen2.5-VL-7B-Instruct). */
const OTHERWISE = always(16_384)

const IMAGE = new Set<unknown>(['image_url', 'input_image', 'image'])

/** The images among the parts of a call, by address or in themselves. */
export const imagesIn = (parts: readonly Json[]): Shown[] =>
  parts
    .filter(({ type }) => IMAGE.has(type))
    .map((part) => {
      const { image_url: image } = part
      const detail = textIn(objectOf(image)['detail'] ?? part['detail'])
      return { detail: detail || 'auto', url: textIn(objectOf(image)['url'] ?? image) }
    })

/** The most that the images of a call can come to, without a look at them; null: nobody knows. */
export const imageTokensMax = (images: readonly Shown[], model: string): number | null =>
  sumOf(images, model, () => null)

/** The same, with a look at the sizes of those that are in the call. */
export const imageTokens = (images: readonly Shown[], model: string): number | null =>
  sumOf(images, model, tokensBySize)

function sumOf(
  images: readonly Shown[],
  model: string,
  bySize: (image: Shown) => number | null,
): number | null {
  let sum = 0
  for (const image of images) {
    const tokens = mostOf(image, model) ?? bySize(image)
    if (tokens === null) return null
    sum += tokens
  }
  return sum
}

/** Null: as many as its size makes. */
function mostOf({ detail }: Shown, model: string): number | null {
  const most = BY_FAMILY.find(([family]) => family.test(model))?.[1] ?? OTHERWISE
  const isOriginal = detail === 'original' || (detail === 'auto' && most.isOriginal)
  return isOriginal ? most.original : most.usual
}

/** PNG, JPEG, GIF and WebP in the call: what OpenAI takes, and all that is to be looked at here. */
const IN_CALL = /^data:[^,]{0,200};base64,(?=iVBORw0KGgo|\/9j\/|R0lGOD|UklGR)/

/** So much of one is looked at, characters: its size comes soon, and hostile ones take time. */
const LOOKED_AT = 256 * 1024

/** Null: it is not in the call, or nobody can tell its size. */
function tokensBySize({ url }: Shown): number | null {
  const [start = null] = IN_CALL.exec(url) ?? []
  if (start === null) return null
  const base64 = url.slice(start.length, start.length + LOOKED_AT)
  try {
    const { width, height } = imageSize(Buffer.from(base64, 'base64'))
    return patches(Math.ceil(width / PATCH_PIXELS) * Math.ceil(height / PATCH_PIXELS))
  } catch {
    return null
  }
}

/** Whether pictures are asked for. */
export const hasImages = (body: Json): boolean => asksFor(body, 'image')

/** Whether sound goes in, in one of its parts, or out: its tokens have prices of their own. */
export const hasAudio = (body: Json, parts: readonly Json[]): boolean =>
  parts.some(({ type }) => type === 'input_audio') ||
  body['audio'] !== undefined ||
  asksFor(body, 'audio')

const asksFor = (body: Json, modality: string): boolean =>
  Array.isArray(body['modalities']) && body['modalities'].includes(modality)
