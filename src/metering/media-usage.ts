import { countOf, NO_USAGE, type Usage } from './usage.ts'
import type { Json } from './wire.ts'

/** Longer than any sound that is taken; more is a fault, not a length. A month. */
const SECONDS_MAX = 31 * 24 * 3600

/**
 * The `usage` of pictures that were drawn, or null when a count is missing or is none
 * (https://platform.openai.com/docs/api-reference/images/object). The input is text and pictures,
 * the output is pictures unless the details say otherwise.
 */
export function usageFromImages(json: unknown): Usage | null {
  const fields = objectOf(json)
  const read = countOf(fields['input_tokens'])
  const written = countOf(fields['output_tokens'])
  const shown = countOf(objectOf(fields['input_tokens_details'])['image_tokens'] ?? 0)
  const text = countOf(objectOf(fields['output_tokens_details'])['text_tokens'] ?? 0)
  if (read === null || written === null || shown === null || text === null) return null
  const inputImage = Math.min(shown, read)
  const output = Math.min(text, written)
  const drawn = { output, outputImage: written - output }
  return { ...NO_USAGE, input: read - inputImage, inputImage, ...drawn }
}

/**
 * What an answer to a transcription reports, or null
 * (https://platform.openai.com/docs/api-reference/audio/json-object): `usage` in tokens or in
 * seconds, or as older servers have it, and Groq's, the `duration` of a verbose answer alone.
 */
export function usageFromTranscription(answer: Json): Usage | null {
  const usage = objectOf(answer['usage'])
  const seconds = usage['seconds'] ?? (answer['usage'] == null ? answer['duration'] : undefined)
  if (seconds !== undefined) {
    const audioMs = millisecondsOf(seconds)
    return audioMs === null ? null : { ...NO_USAGE, audioMs }
  }
  const read = countOf(usage['input_tokens'])
  const output = countOf(usage['output_tokens'])
  const text = countOf(objectOf(usage['input_token_details'])['text_tokens'] ?? 0)
  if (read === null || output === null || text === null) return null
  const input = Math.min(text, read)
  return { ...NO_USAGE, input, inputAudio: read - input, output }
}

/**
 * The `usage` at the end of speech in events, or null
 * (https://platform.openai.com/docs/api-reference/audio/speech-audio-done-event): text in, sound
 * out.
 */
export function usageFromSpeech(json: unknown): Usage | null {
  const fields = objectOf(json)
  const input = countOf(fields['input_tokens'])
  const outputAudio = countOf(fields['output_tokens'])
  return input === null || outputAudio === null ? null : { ...NO_USAGE, input, outputAudio }
}

/** Some servers send the seconds as text. */
function millisecondsOf(seconds: unknown): number | null {
  const number = typeof seconds === 'string' ? Number.parseFloat(seconds) : seconds
  if (typeof number !== 'number' || !(number >= 0 && number <= SECONDS_MAX)) return null
  return Math.ceil(number * 1000)
}

const objectOf = (json: unknown): Json =>
  typeof json === 'object' && json !== null ? (json as Json) : {}
