import { type Media, type MediaCall, type Units, usageOf } from './media.ts'
import { textIn } from './odd-json.ts'
import { billedBy, type Price } from './price.ts'
import type { Usage } from './usage.ts'

/**
 * Sound that is heard is a token for every tenth of a second, sound that is spoken one for every
 * twentieth (https://platform.openai.com/docs/guides/realtime-costs).
 */
const TOKENS_HEARD_PER_SECOND = 10
const TOKENS_SPOKEN_PER_SECOND = 20

/** Nobody speaks faster: 400 words a minute are some nine tokens a second. */
const TOKENS_WRITTEN_PER_SECOND = 15
const TOKENS_WRITTEN_BESIDES = 64

/**
 * Providers that charge for short sound as if it were longer, milliseconds
 * (https://console.groq.com/docs/speech-to-text).
 */
const SOUND_MS_MIN: Readonly<Record<string, number>> = { groq: 10_000 }

/** Sound that is written down: by its length, or by tokens. */
export const TRANSCRIPTS: Media = {
  priceKeys: '`input_cost_per_second`, or `input_cost_per_token` and `output_cost_per_token`',
  priceOf: (price) => (billedBy(price, ['audioMs']) === null ? null : price),
  most(price, call) {
    if (billedBy(price, ['audioMs']) === 'audioMs') return { audioMs: billedMs(call.soundMs, call) }
    const { soundMs } = call
    const output = tokensIn(soundMs, TOKENS_WRITTEN_PER_SECOND) + TOKENS_WRITTEN_BESIDES
    return { inputAudio: tokensIn(soundMs, TOKENS_HEARD_PER_SECOND), output }
  },
  charged(reported, price, call) {
    const isByTime = billedBy(price, ['audioMs']) === 'audioMs'
    if (isByTime !== reported.audioMs > 0) return null
    return isByTime ? usageOf({ audioMs: billedMs(reported.audioMs, call) }) : reported
  },
  used({ tokens, promptTokens }, price, call): Usage {
    const { soundMs } = call
    if (billedBy(price, ['audioMs']) === 'audioMs') {
      return usageOf({ audioMs: billedMs(soundMs, call) })
    }
    const inputAudio = tokensIn(soundMs, TOKENS_HEARD_PER_SECOND)
    return usageOf({ input: promptTokens, inputAudio, output: tokens })
  },
}

const UNITS_OF_SPEECH = ['characters', 'audioMs'] as const

/** A speaker needs no longer for a character: a digit is a word, and a slow one takes a second. */
const MS_PER_CHARACTER_MAX = 1_000

/** Text that is spoken: by its characters, by the length of the sound, or by tokens. */
export const SPEECH: Media = {
  priceKeys: '`input_cost_per_character`, or `input_cost_per_token` and `output_cost_per_token`',
  priceOf: (price) => (billedBy(price, UNITS_OF_SPEECH) === null ? null : price),
  most: (price, call) => spoken(price, call, charactersOf(call) * msPerCharacter(call)),
  charged(reported, price, call) {
    if (billedBy(price, UNITS_OF_SPEECH) === 'tokens') return reported
    const soundMs = (reported.outputAudio / TOKENS_SPOKEN_PER_SECOND) * 1_000
    return usageOf(spoken(price, call, soundMs))
  },
  used: ({ promptTokens, text }, price, call) => {
    const isByTokens = billedBy(price, UNITS_OF_SPEECH) === 'tokens'
    const soundMs = spokenMs(call.json, text.length * 1024)
    return usageOf({
      ...(isByTokens ? { input: promptTokens } : {}),
      ...spoken(price, call, soundMs),
    })
  },
}

function spoken(price: Price, call: MediaCall, soundMs: number): Units {
  const unit = billedBy(price, UNITS_OF_SPEECH)
  if (unit === 'characters') return { characters: charactersOf(call) }
  if (unit === 'audioMs') return { audioMs: Math.ceil(soundMs) }
  return { outputAudio: tokensIn(soundMs, TOKENS_SPOKEN_PER_SECOND) }
}

function charactersOf({ json }: MediaCall): number {
  const { input } = json
  return typeof input === 'string' ? Array.from(input).length : 0
}

/** `speed` goes from a quarter to four times as fast. */
function msPerCharacter({ json }: MediaCall): number {
  const { speed } = json
  const slowest = typeof speed === 'number' && speed > 0 ? Math.min(1, speed) : 1
  return MS_PER_CHARACTER_MAX / Math.max(slowest, 0.25)
}

const billedMs = (soundMs: number, { provider }: MediaCall): number =>
  Math.max(Math.ceil(soundMs), SOUND_MS_MIN[provider] ?? 0)

const tokensIn = (soundMs: number, perSecond: number): number =>
  Math.ceil((soundMs * perSecond) / 1_000)

/**
 * Bytes of a second of sound as OpenAI's speech comes: of `pcm` and `wav` they are published (24
 * kHz, 16 bits, https://platform.openai.com/docs/guides/text-to-speech#supported-output-formats);
 * of the others, which are packed, they are what such a file usually has.
 */
const BYTES_PER_SECOND: Readonly<Record<string, number>> = {
  pcm: 48_000,
  wav: 48_000,
  flac: 24_000,
  mp3: 16_000,
  aac: 16_000,
  opus: 8_000,
}

/** How long so many bytes of an answer to `/audio/speech` are, milliseconds, nearly. */
function spokenMs(json: MediaCall['json'], bytes: number): number {
  const perSecond = BYTES_PER_SECOND[textIn(json['response_format'] ?? 'mp3')]
  return Math.round((bytes / (perSecond ?? BYTES_PER_SECOND['mp3']!)) * 1_000)
}
