import { errorMessage } from './delivered.ts'
import { usageFromSpeech, usageFromTranscription } from './media-usage.ts'
import { eventText, type Json, type StreamWire, type Wire } from './wire.ts'

const errorEvent: StreamWire['errorEvent'] = (error) =>
  eventText('error', { type: 'error', ...error })

const isErrorOf = (json: Json): boolean =>
  json['type'] === 'error' || (json['type'] === undefined && errorMessage(json) !== null)

/** https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event */
const TRANSCRIPT_STREAM: StreamWire = {
  mayTell: ({ data }) => data.includes('"transcript.text.done"') || data.includes('"error"'),
  tell(json) {
    if (json === null) return {}
    if (json['type'] !== 'transcript.text.done') return { isError: isErrorOf(json) }
    return { usage: usageFromTranscription(json), ends: true }
  },
  textOf: ({ type, delta }) =>
    type === 'transcript.text.delta' && typeof delta === 'string' ? delta : '',
  errorOf: errorMessage,
  frameOf: () => null,
  endAtCap: () => '',
  errorEvent,
}

/**
 * `/audio/transcriptions` and `/audio/translations`
 * (https://platform.openai.com/docs/api-reference/audio). Subtitles and plain text are no JSON, and
 * say nothing of usage.
 */
export const TRANSCRIPT_WIRE: Wire = {
  isAnswer: ({ text }) => typeof text === 'string',
  fromText: (text) => ({ text }),
  usageOf: usageFromTranscription,
  textOf: ({ text }) => (typeof text === 'string' ? text : ''),
  stream: TRANSCRIPT_STREAM,
}

/** A kilobyte of sound in `delivered`. */
export const KILOBYTE_OF_SOUND = '~'

/** https://platform.openai.com/docs/api-reference/audio/speech-audio-delta-event */
const SPEECH_STREAM: StreamWire = {
  mayTell: ({ data }) => data.includes('"speech.audio.done"') || data.includes('"error"'),
  tell(json) {
    if (json === null) return {}
    if (json['type'] !== 'speech.audio.done') return { isError: isErrorOf(json) }
    return { usage: usageFromSpeech(json['usage']), ends: true }
  },
  // Three bytes are four characters of base64.
  textOf: ({ audio }) =>
    typeof audio === 'string'
      ? KILOBYTE_OF_SOUND.repeat(Math.ceil((audio.length * 3) / 4 / 1024))
      : '',
  errorOf: errorMessage,
  frameOf: () => null,
  endAtCap: () => '',
  errorEvent,
}

/** `/audio/speech` (https://platform.openai.com/docs/api-reference/audio/createSpeech). */
export const SPEECH_WIRE: Wire = {
  // Sound in one piece is not read as JSON at all.
  isAnswer: () => false,
  isBinary: true,
  usageOf: () => null,
  textOf: () => '',
  stream: SPEECH_STREAM,
}
