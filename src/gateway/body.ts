import { isUtf8 } from 'node:buffer'
import { Refusal } from '../errors.ts'
import { refuseMonstrous, type Span } from './json-bounds.ts'

/** What a client sent. */
export type SentBody = {
  /** Null: it is not UTF-8. */
  readonly text: string | null
  readonly blob: Blob
}

/** The body of a call: the text as it came, and what it says. */
export type CallBody = {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
  /** Of the text, in order. */
  readonly members: readonly Member[]
}

/** A member of the outermost object: where its key and its value stand in the text. */
export type Member = Omit<Span, 'keyEnd'> & { readonly key: string }

/** Members that the gateway acts on: two of one would let the upstream read another than we did. */
const ACTED_ON = new Set([
  'model',
  'stream',
  'stream_options',
  'user',
  'metadata',
  'litellm_metadata',
  'safety_identifier',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'best_of',
  'service_tier',
  'thinking',
  // What a budget must not be told one way and Anthropic another.
  'context_management',
  'fallbacks',
  'inference_geo',
  'mcp_servers',
  'messages',
  'speed',
  'system',
  'thread',
  'tools',
  'size',
  'quality',
  'partial_images',
  'frame_count',
  'input',
])

export const NO_BODY: SentBody = { text: '', blob: new Blob([]) }

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Texts that Bun shares with larger blobs are freed late: memory grows threefold at 1 MB each. */
const SHARED_BYTES_MAX = 256 * 1024

/**
 * Bun's blobs share their bytes, with a text in ASCII and with what is sent upstream. Bytes that
 * are decoded and sent are copied twice: with 100 KB, a quarter of the CPU time of a call.
 */
export async function sentBody(blob: Blob): Promise<SentBody> {
  if (blob.size <= SHARED_BYTES_MAX) {
    const text = await blob.text()
    // What is no UTF-8 became U+FFFD, or was read as UTF-16: two bytes a unit and two for its mark.
    if (!text.includes('\ufffd') && blob.size < 2 * text.length + 2) return { text, blob }
  }
  const bytes = await blob.bytes()
  return { text: isUtf8(bytes) ? decoder.decode(bytes) : null, blob }
}

/** Reads the body of a call; throws `invalid_request` when it is not one JSON object in UTF-8. */
export function parseBody({ text, blob }: SentBody): CallBody {
  if (text === null) throw notJson('is not valid JSON')
  let json: unknown
  let members: Member[]
  try {
    members = membersOf(text)
    json = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw notJson(blob.size === 0 ? 'is empty' : 'is not valid JSON', cause)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Refusal('invalid_request', 'The body must be one JSON object.')
  }
  return { text, json: json as Record<string, unknown>, members }
}

const notJson = (what: string, cause?: unknown) =>
  new Refusal('invalid_request', `The body ${what}; send one JSON object in UTF-8.`, { cause })

/** Throws `invalid_request` when a member that the gateway acts on is given twice. */
export function refuseDuplicates(members: readonly Member[]) {
  const seen = new Set<string>()
  for (const { key } of members) {
    if (!ACTED_ON.has(key)) continue
    if (seen.has(key)) {
      throw new Refusal('invalid_request', `\`${key}\` is given twice; give it once.`, {
        param: key,
      })
    }
    seen.add(key)
  }
}

/**
 * The body with some members of the outermost object set to other JSON, or (null) taken out. Every
 * other member stays byte for byte as the client sent it: numbers keep their digits, and what we
 * have never heard of goes through.
 */
export function editBody(
  text: string,
  members: readonly Member[],
  edits: ReadonlyMap<string, string | null>,
): string {
  const parts: string[] = []
  const missing = new Map(edits)
  for (const { key, keyStart, valueStart, valueEnd } of members) {
    const edit = edits.get(key)
    missing.delete(key)
    if (edit === undefined) parts.push(text.slice(keyStart, valueEnd))
    else if (edit !== null) parts.push(text.slice(keyStart, valueStart) + edit)
  }
  for (const [key, value] of missing) {
    if (value !== null) parts.push(`${JSON.stringify(key)}:${value}`)
  }
  return `{${parts.join(',')}}`
}

/** The members of the outermost object of a text that `JSON.parse` accepts. */
export const membersOf = (text: string): Member[] =>
  refuseMonstrous(text).map(({ keyStart, keyEnd, valueStart, valueEnd }) => {
    const raw = text.slice(keyStart + 1, keyEnd - 1)
    const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
    return { key, keyStart, valueStart, valueEnd }
  })
