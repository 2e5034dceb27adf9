import { textIn } from './odd-json.ts'
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

/**
 * The most that the documents of a call can come to, which nobody can see from outside: a PDF is
 * shown to a model as its text and as pictures of its pages, so few bytes may be many tokens, and
 * one that is only named has none here (https://docs.claude.com/en/docs/build-with-claude/pdf-support).
 * All of them together fit the model's window.
 */
export const documentTokensMax = (body: Json, model: string): number =>
  isOpaqueIn(body['messages']) ? windowOf(model) : 0

function isOpaqueIn(list: unknown): boolean {
  if (!Array.isArray(list)) return false
  return list.some((item: unknown) => {
    const { type, source, file, content } = (item ?? {}) as Json
    const { type: how } = (source ?? {}) as Json
    const { file_data: data } = (file ?? {}) as Json
    if (type === 'document') return how !== 'text' && how !== 'content'
    if (type === 'file') return !textIn(data).startsWith('data:text/')
    return isOpaqueIn(content)
  })
}

/** https://docs.claude.com/en/docs/about-claude/models/overview */
const windowOf = (model: string): number =>
  /claude-(?:[a-z]+-[5-9]|(?:opus|sonnet)-4-[6-9])(?!\d)/.test(model) ? 1_000_000 : 200_000

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
