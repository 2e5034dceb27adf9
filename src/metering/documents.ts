import { textIn } from './odd-json.ts'
import type { Json } from './wire.ts'

/**
 * The most that the documents and videos of a call can come to, which nobody can see from outside:
 * a PDF is shown to a model as its text and as pictures of its pages, so few bytes may be many
 * tokens, and one that is only named has none here
 * (https://docs.claude.com/en/docs/build-with-claude/pdf-support,
 * https://platform.openai.com/docs/guides/pdf-files). All of them together fit the model's window.
 */
export const documentTokensMax = (body: Json, model: string): number =>
  isOpaqueIn(body['messages']) || isOpaqueIn(body['input']) ? windowOf(model) : 0

/** Parts of other kinds than text, pictures and sound: Anthropic's, OpenAI's, and of hosts. */
const OPAQUE = new Set(['document', 'file', 'input_file', 'video_url', 'input_video', 'audio_url'])

function isOpaqueIn(list: unknown): boolean {
  if (!Array.isArray(list)) return false
  return list.some((item: unknown) => {
    const part = (item ?? {}) as Json
    if (OPAQUE.has(textIn(part['type']))) return !isText(part)
    return isOpaqueIn(part['content']) || isOpaqueIn(part['output'])
  })
}

/** Whether all of a document is there to be read: then it has no more tokens than bytes. */
function isText({ source, file, file_data: own }: Json): boolean {
  const { type } = (source ?? {}) as Json
  const { file_data: data } = (file ?? {}) as Json
  return type === 'text' || type === 'content' || textIn(data ?? own).startsWith('data:text/')
}

/**
 * By family, as makers publish them (https://docs.claude.com/en/docs/about-claude/models/overview,
 * https://platform.openai.com/docs/models).
 */
const WINDOWS: readonly (readonly [RegExp, number])[] = [
  [/claude-(?:[a-z]+-[5-9]|(?:opus|sonnet)-4-[6-9])(?!\d)/, 1_000_000],
  [/claude/, 200_000],
  [/gpt-4o/, 128_000],
  [/(?:^|\/)o[134](?:-|$)/, 200_000],
  [/gpt-5(?:\.[0-3])?(?![.\d])/, 400_000],
]

/** More than any other that reads documents has. */
const OTHERWISE = 2_097_152

const windowOf = (model: string): number =>
  WINDOWS.find(([family]) => family.test(model))?.[1] ?? OTHERWISE
