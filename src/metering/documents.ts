import { textIn } from './odd-json.ts'
import type { Json } from './wire.ts'

/** Parts of other kinds than text, pictures and sound: Anthropic's, OpenAI's, and of hosts. */
const OPAQUE = new Set<unknown>([
  'document',
  'file',
  'input_file',
  'video_url',
  'input_video',
  'audio_url',
])

/**
 * Whether documents or videos are among the parts of a call, whose tokens nobody can count from
 * outside: a PDF is shown to a model as its text and as pictures of its pages, so few bytes may be
 * many tokens, and one that is only named has none here
 * (https://docs.claude.com/en/docs/build-with-claude/pdf-support,
 * https://platform.openai.com/docs/guides/pdf-files).
 */
export const hasDocuments = (parts: readonly Json[]): boolean =>
  parts.some((part) => OPAQUE.has(part['type']) && !isText(part))

/** Whether all of a document is there to be read: then it has no more tokens than bytes. */
function isText({ source, file, file_data: own }: Json): boolean {
  const { type } = (source ?? {}) as Json
  const { file_data: data } = (file ?? {}) as Json
  return type === 'text' || type === 'content' || textIn(data ?? own).startsWith('data:text/')
}
