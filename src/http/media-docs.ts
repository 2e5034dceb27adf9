import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { AS_SENT, COMMON, call, STREAM } from './call-docs.ts'

const prompt = Type.String({ description: 'What is to be drawn.', examples: ['a toll gate'] })

const n = Type.Optional(Type.Integer({ description: 'How many pictures.', examples: [1] }))

const file = (description: string) =>
  Type.String({ format: 'binary', description, examples: ['(bytes)'] })

const FORM_REFUSALS = [
  new Refusal('body_too_large', 'The form has more than the 104857600 bytes that are taken.'),
  new Refusal('invalid_request', 'The form has no file.'),
]

const FORM = {
  contentType: 'multipart/form-data',
  refusals: FORM_REFUSALS,
} as const

const WRITTEN_DOWN = {
  ...FORM,
  body: Type.Object(
    { ...COMMON, file: file('The sound, in any format that its upstream takes.'), ...STREAM },
    AS_SENT,
  ),
  answer: {
    schema: Type.Unknown({ description: 'The text, in the `response_format` that was asked for.' }),
    streams: true,
    contentTypes: ['application/json', 'text/plain'],
  },
}

const PICTURES = {
  schema: Type.Unknown({ description: 'A list of pictures, or a stream of their sketches.' }),
  streams: true,
}

/** The text of the endpoints for pictures and sound. */
export const MEDIA_DOCS = {
  IMAGES: call({
    summary: 'Pictures of a text',
    like: '/images/generations',
    description: 'Charged by tokens, or by the picture, its size and its quality.',
    body: Type.Object({ ...COMMON, prompt, n, ...STREAM }, AS_SENT),
    examples: {
      plain: {
        summary: 'One picture',
        value: { model: 'gpt-image-1', user: 'alice', prompt: 'a toll gate', quality: 'low' },
      },
    },
    answer: PICTURES,
  }),
  IMAGE_EDITS: call({
    ...FORM,
    summary: 'Pictures made of pictures',
    like: '/images/edits',
    description: 'The files wait on disk until the upstream has answered.',
    body: Type.Object({ ...COMMON, image: file('The picture.'), prompt, n, ...STREAM }, AS_SENT),
    answer: PICTURES,
  }),
  SPEECH: call({
    summary: 'A text, spoken',
    like: '/audio/speech',
    description:
      'Charged by the characters of `input`, or by tokens; sound that comes as bytes ' +
      'tells none, so that its tokens are counted by its length.',
    body: Type.Object(
      {
        ...COMMON,
        input: Type.String({ description: 'What is said.', examples: ['Please pay the toll.'] }),
        voice: Type.Unknown({ description: 'Who says it.', examples: ['alloy'] }),
      },
      AS_SENT,
    ),
    examples: {
      plain: {
        summary: 'As MP3',
        value: { model: 'tts-1', user: 'alice', input: 'Please pay the toll.', voice: 'alloy' },
      },
    },
    answer: {
      schema: Type.Unknown({ description: 'Sound, or a stream of events with pieces of it.' }),
      streams: true,
      contentTypes: ['audio/mpeg'],
    },
  }),
  TRANSCRIPTIONS: call({
    ...WRITTEN_DOWN,
    summary: 'Sound, written down',
    like: '/audio/transcriptions',
    description:
      'Charged by the length of the sound, or by tokens. Answers that tell no usage, such as ' +
      'subtitles, are charged by the length of the file. It waits on disk until the upstream has ' +
      'answered.',
  }),
  TRANSLATIONS: call({
    ...WRITTEN_DOWN,
    summary: 'Sound, written down in English',
    like: '/audio/translations',
    description: 'Charged as a transcription is.',
  }),
}
