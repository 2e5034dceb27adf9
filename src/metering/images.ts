import type { Json } from './wire.ts'

/**
 * The most tokens that one image can be, by family, at the largest size that is looked at. By
 * tiles: 85 + 8 x 170 for gpt-4o and gpt-4.1, 33 times that for gpt-4o-mini, 70 + 8 x 140 for
 * gpt-5, 75 + 8 x 150 for o1 and o3; by patches: 1536 of them times a factor of the model
 * (https://platform.openai.com/docs/guides/images-vision#calculating-costs). Anthropic: width x
 * height / 750, at most about 1,600, 4,784 for its newest
 * (https://docs.claude.com/en/docs/build-with-claude/vision). Gemini: 258 for each tile of 768.
 */
const BY_FAMILY: readonly (readonly [RegExp, number])[] = [
  [/gpt-4o-mini/, 2_833 + 8 * 5_667],
  [/gpt-4\.1-nano|gpt-5-nano/, Math.ceil(1_536 * 2.46)],
  [/gpt-4\.1-mini|gpt-5-mini|o4-mini/, Math.ceil(1_536 * 1.72)],
  [/claude/, 4_784],
]

/** Of the families above, and of those that publish nothing: more than most of them use. */
const OTHERWISE = 4_096

export const imageTokensMax = (model: string): number =>
  BY_FAMILY.find(([family]) => family.test(model))?.[1] ?? OTHERWISE

/** The images that a call shows, by address or in themselves. */
export const imageCount = (body: Json): number =>
  partsOf(body, ['image_url', 'input_image', 'image'])

/** Whether pictures are asked for. */
export const hasImages = (body: Json): boolean => asksFor(body, 'image')

/** Whether sound goes in or out: its tokens have prices of their own. */
export const hasAudio = (body: Json): boolean =>
  partsOf(body, ['input_audio']) > 0 || body['audio'] !== undefined || asksFor(body, 'audio')

const asksFor = (body: Json, modality: string): boolean =>
  Array.isArray(body['modalities']) && body['modalities'].includes(modality)

/** Parts of messages, of the items of a response's input, and of what is in these. */
const partsOf = (body: Json, types: readonly string[]): number =>
  countIn(body['messages'], types) + countIn(body['input'], types)

function countIn(list: unknown, types: readonly string[]): number {
  if (!Array.isArray(list)) return 0
  let parts = 0
  for (const item of list) {
    if (typeof item !== 'object' || item === null) continue
    const { type, content, output } = item as Json
    if (types.includes(type as string)) parts++
    parts += countIn(content, types) + countIn(output, types)
  }
  return parts
}
