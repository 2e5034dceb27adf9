import type { Answer, Asked } from './completion.ts'
import { pretty } from './completion.ts'
import type { Script } from './script.ts'

type Body = Omit<Answer, 'headers'> & { readonly contentType?: string }
type Json = Readonly<Record<string, unknown>>

/** Sound of so many seconds: WAV of 8 kHz with 16 bits, silent. */
export function wav(seconds: number): Uint8Array<ArrayBuffer> {
  const rate = 8_000
  const bytes = seconds * rate * 2
  const file = Buffer.alloc(44 + bytes)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + bytes, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(rate, 24)
  file.writeUInt32LE(rate * 2, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(bytes, 40)
  return new Uint8Array(file)
}

export const TRANSCRIPT = 'Please pay the toll.'

/** The usages that the double reports, where it is not told to do otherwise. */
export const IMAGE_USAGE = {
  total_tokens: 282,
  input_tokens: 10,
  output_tokens: 272,
  input_tokens_details: { text_tokens: 8, image_tokens: 2 },
}
export const TRANSCRIPT_TOKENS = {
  type: 'tokens',
  total_tokens: 45,
  input_tokens: 34,
  input_token_details: { text_tokens: 4, audio_tokens: 30 },
  output_tokens: 11,
}
export const SPEECH_TOKENS = { input_tokens: 5, output_tokens: 40, total_tokens: 45 }

const PNG = 'iVBORw0KGgo='

const inOne = (json: Json): Body => ({
  status: 200,
  events: [pretty(json)],
  isStream: false,
  told: null,
})

const inEvents = (events: readonly Json[], hasNames: boolean): Body => ({
  status: 200,
  events: events.map((event) => {
    const name = hasNames ? `event: ${event['type']}\n` : ''
    return Buffer.from(`${name}data: ${JSON.stringify(event)}\n\n`)
  }),
  isStream: true,
  told: null,
})

/** The usage of an answer: what the script says, or else the truth; nothing for `absent`. */
const usageBy = (script: Script, truth: unknown): Json => {
  if (script.usage === 'absent') return {}
  const usage = 'usage' in script ? script.usage : truth
  return usage === null ? {} : { usage }
}

/** https://platform.openai.com/docs/api-reference/images, with the kind of event of each path. */
export const images =
  (kind: 'image_generation' | 'image_edit') =>
  ({ json, now }: Asked, script: Script): Body => {
    const isOld = String(json['model']).startsWith('dall-e')
    const usage = usageBy(script, isOld ? null : IMAGE_USAGE)
    const created = Math.floor(now / 1000)
    const look = { size: '1024x1024', quality: 'low', background: 'opaque', output_format: 'png' }
    if (json['stream'] !== true && json['stream'] !== 'true') {
      const data = Array.from({ length: picturesOf(json['n']) }, () => ({ b64_json: PNG }))
      return inOne({ created, ...(isOld ? {} : look), data, ...usage })
    }
    const sketches = Array.from({ length: Number(json['partial_images'] ?? 0) }, (_, at) => ({
      type: `${kind}.partial_image`,
      b64_json: PNG,
      created_at: created,
      partial_image_index: at,
      ...look,
    }))
    const done = {
      type: `${kind}.completed`,
      b64_json: PNG,
      created_at: created,
      ...look,
      ...usage,
    }
    return inEvents([...sketches, done], true)
  }

/** https://platform.openai.com/docs/api-reference/audio/createTranscription */
export function transcripts({ json }: Asked, script: Script): Body {
  const isByTime = /whisper/.test(String(json['model']))
  const truth = isByTime ? { type: 'duration', seconds: 3 } : TRANSCRIPT_TOKENS
  const usage = usageBy(script, truth)
  const format = String(json['response_format'] ?? 'json')
  if (json['stream'] === 'true') {
    const pieces = TRANSCRIPT.match(/\s*\S+/g) ?? []
    const deltas = pieces.map((delta) => ({ type: 'transcript.text.delta', delta }))
    const done = { type: 'transcript.text.done', text: TRANSCRIPT, ...usage }
    return inEvents([...deltas, done], false)
  }
  if (format === 'verbose_json') {
    const about = { task: 'transcribe', language: 'english', duration: 3.2 }
    return inOne({ ...about, text: TRANSCRIPT, segments: [], ...usage })
  }
  if (format === 'json' || format === 'diarized_json') return inOne({ text: TRANSCRIPT, ...usage })
  const frame = { srt: '1\n00:00:00,000 --> 00:00:03,000\n', vtt: 'WEBVTT\n\n', text: '' }[format]
  const text = `${frame}${TRANSCRIPT}\n`
  return { ...inOne({}), events: [Buffer.from(text)], contentType: 'text/plain; charset=utf-8' }
}

/** https://platform.openai.com/docs/api-reference/audio/createSpeech: silence, in `deltas` pieces. */
export function speech({ json }: Asked, script: Script): Body {
  const pieces = Array.from({ length: script.deltas ?? 4 }, () => Buffer.alloc(4_800, 7))
  if (json['stream_format'] === 'sse') {
    const deltas = pieces.map((piece) => ({
      type: 'speech.audio.delta',
      audio: piece.toString('base64'),
    }))
    const usage = usageBy(script, SPEECH_TOKENS)
    return inEvents([...deltas, { type: 'speech.audio.done', ...usage }], false)
  }
  return { status: 200, events: pieces, isStream: true, told: null, contentType: 'audio/mpeg' }
}

/** The fields of a form; of its files only that they are there. */
export async function fieldsOf(body: Uint8Array, type: string): Promise<Json | null> {
  if (!type.startsWith('multipart/form-data')) return null
  const form = await new Response(Buffer.from(body), { headers: { 'content-type': type } })
    .formData()
    .catch(() => null)
  return form === null ? null : Object.fromEntries(form as unknown as Iterable<[string, unknown]>)
}

/** OpenAI draws 1 to 10 at a time; whoever asks for what is none of these is given one. */
const picturesOf = (n: unknown): number =>
  Number.isInteger(n) && Number(n) >= 1 && Number(n) <= 10 ? Number(n) : 1
