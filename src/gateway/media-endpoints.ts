import { IMAGES_WIRE } from '../metering/image-wire.ts'
import { PICTURES } from '../metering/pictures.ts'
import { SPEECH, TRANSCRIPTS } from '../metering/sound.ts'
import { SPEECH_WIRE, TRANSCRIPT_WIRE } from '../metering/sound-wires.ts'
import type { Endpoint } from './endpoint.ts'

/** What a picture or a sound costs is not capped by tokens: it is held whole, or refused. */
const UNCAPPED = {
  format: 'openai',
  fitTo: () => ({}),
  caps: [],
  capFor: () => null,
  capUnsaid: 0,
  choices: () => 1,
  asksForUsage: false,
  keepsAnswers: false,
} as const

/** Where OpenAI takes nothing that names somebody, or anything else besides its own. */
const NAMES = ['user', 'metadata', 'safety_identifier']

export const IMAGES: Endpoint = {
  ...UNCAPPED,
  path: '/images/generations',
  wire: IMAGES_WIRE,
  media: PICTURES,
  ours: ['metadata', 'safety_identifier'],
  billsBesides: ['svg', 'svg[model]'],
}

export const IMAGE_EDITS: Endpoint = { ...IMAGES, path: '/images/edits', isForm: true }

export const SPEECH_ENDPOINT: Endpoint = {
  ...UNCAPPED,
  path: '/audio/speech',
  wire: SPEECH_WIRE,
  media: SPEECH,
  ours: NAMES,
}

export const TRANSCRIPTIONS: Endpoint = {
  ...UNCAPPED,
  path: '/audio/transcriptions',
  wire: TRANSCRIPT_WIRE,
  media: TRANSCRIPTS,
  ours: NAMES,
  isForm: true,
  hearsSound: true,
}

export const TRANSLATIONS: Endpoint = { ...TRANSCRIPTIONS, path: '/audio/translations' }
