import { describe, expect, test } from 'bun:test'
import type { Nanos } from '../../src/ledger/money.ts'
import { ChunkReader } from '../../src/metering/chunks.ts'
import { costOf } from '../../src/metering/cost.ts'
import { IMAGES_WIRE } from '../../src/metering/image-wire.ts'
import type { Media, MediaCall } from '../../src/metering/media.ts'
import { usageFromSpeech } from '../../src/metering/media-usage.ts'
import { PICTURES } from '../../src/metering/pictures.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import { SPEECH, TRANSCRIPTS } from '../../src/metering/sound.ts'
import { TRANSCRIPT_WIRE } from '../../src/metering/sound-wires.ts'
import { NO_USAGE, type Usage } from '../../src/metering/usage.ts'

const callOf = (model: string, more: Partial<MediaCall> = {}): MediaCall => {
  const [provider, name] = model.split('/') as [string, string]
  return { json: {}, model: name, provider, soundMs: 0, files: 0, ...more }
}

/** What an answer costs, as its upstream tells it, at the published price of its model. */
function told(media: Media, call: MediaCall, reported: Usage | null): Nanos | null {
  const price = media.priceOf(builtInPrice(call.provider, call.model)!, call)!
  const usage = reported === null ? null : media.charged(reported, price, call)
  return usage === null ? null : costOf(usage, price)
}

const picture = { b64_json: 'iVBORw0KGgo=' }

/**
 * Recorded answers, cut to what is read of them, and what they cost by the published prices: a row
 * for each way in which providers tell the usage of pictures and sound.
 */
describe('an answer costs what its provider publishes', () => {
  test.each<[string, MediaCall, object, number]>([
    [
      // 13 of text x $5 + 194 of pictures x $10 + 272 drawn x $40, a million
      'pictures by tokens, text and pictures in',
      callOf('openai/gpt-image-1'),
      {
        created: 1713833628,
        data: [picture],
        usage: {
          total_tokens: 479,
          input_tokens: 207,
          output_tokens: 272,
          input_tokens_details: { text_tokens: 13, image_tokens: 194 },
        },
      },
      65_000 + 1_940_000 + 10_880_000,
    ],
    [
      // 13 x $5 + 20 written x $10 + 1,056 drawn x $32
      'pictures by tokens, of which some are text out',
      callOf('openai/gpt-image-1.5'),
      {
        data: [picture],
        usage: {
          total_tokens: 1089,
          input_tokens: 13,
          output_tokens: 1076,
          input_tokens_details: { text_tokens: 13, image_tokens: 0 },
          output_tokens_details: { image_tokens: 1056, text_tokens: 20 },
        },
      },
      65_000 + 200_000 + 33_792_000,
    ],
    [
      'two pictures by the piece, at the standard quality and size',
      callOf('openai/dall-e-2', { json: { n: 2 } }),
      { data: [picture, picture] },
      40_000_000,
    ],
    [
      'a picture by the piece, wide and in HD',
      callOf('openai/dall-e-3', { json: { quality: 'hd', size: '1792x1024' } }),
      { data: [picture] },
      120_000_000,
    ],
    [
      'a small picture',
      callOf('openai/dall-e-2', { json: { size: '256x256' } }),
      { data: [picture] },
      16_000_000,
    ],
  ])('%s', (_, call, answer, cost) => {
    expect(told(PICTURES, call, IMAGES_WIRE.usageOf(answer as never))).toBe(cost as Nanos)
  })

  test.each<[string, MediaCall, object, number]>([
    [
      // 4 of text x $2.50 + 30 of sound x $6 + 11 written x $10
      'a transcription by tokens',
      callOf('openai/gpt-4o-transcribe'),
      {
        text: 'Please pay the toll.',
        usage: {
          type: 'tokens',
          input_tokens: 34,
          input_token_details: { text_tokens: 4, audio_tokens: 30 },
          output_tokens: 11,
          total_tokens: 45,
        },
      },
      10_000 + 180_000 + 110_000,
    ],
    [
      // 14 x $3 + 45 x $5: what is not said to be text is sound
      'a transcription by tokens without details',
      callOf('openai/gpt-4o-mini-transcribe-2025-12-15'),
      { text: '', usage: { type: 'tokens', input_tokens: 14, output_tokens: 45 } },
      42_000 + 225_000,
    ],
    [
      // 9 s x $0.006 / 60
      'a transcription by seconds',
      callOf('openai/whisper-1'),
      { text: '', usage: { type: 'duration', seconds: 9 } },
      900_000,
    ],
    [
      'seconds with a fraction, as text',
      callOf('openai/whisper-1'),
      { text: '', duration: '8.4701', language: 'english' },
      847_100,
    ],
    [
      // 10 s, the least that Groq charges for, x $0.04 / 3600, rounded up
      'a short one at a provider that charges for ten seconds',
      callOf('groq/whisper-large-v3-turbo'),
      { text: '', duration: 3.2, x_groq: { id: 'req_1' } },
      111_112,
    ],
  ])('%s', (_, call, answer, cost) => {
    expect(told(TRANSCRIPTS, call, TRANSCRIPT_WIRE.usageOf(answer as never))).toBe(cost as Nanos)
  })

  test('speech by tokens', () => {
    const reported = usageFromSpeech({ input_tokens: 14, output_tokens: 101, total_tokens: 115 })
    // 14 x $0.60 + 101 x $12
    expect(told(SPEECH, callOf('openai/gpt-4o-mini-tts'), reported)).toBe(1_220_400 as Nanos)
  })

  test.each([
    ['openai/tts-1', 11 * 15_000],
    ['openai/tts-1-hd', 11 * 30_000],
  ])('speech of %s by the characters of its input, however many bytes they are', (model, cost) => {
    const call = callOf(model, { json: { input: 'Grüß 😀 Gott' } })
    const price = SPEECH.priceOf(builtInPrice('openai', call.model)!, call)!
    const usage = SPEECH.used({ text: '', tokens: 0, promptTokens: 0 }, price, call)
    expect(costOf(usage, price)).toBe(cost as Nanos)
  })
})

describe('what is no usage is counted by us', () => {
  test.each([
    ['nothing', {}],
    ['a negative count', { input_tokens: -1, output_tokens: 2 }],
    ['half a token', { input_tokens: 1, output_tokens: 2.5 }],
    ['no output', { input_tokens: 1 }],
    ['an absurd time', { type: 'duration', seconds: 1e12 }],
    ['a negative time', { type: 'duration', seconds: -3 }],
    ['a time that is none', { type: 'duration', seconds: 'soon' }],
  ])('%s', (_, usage) => {
    expect(TRANSCRIPT_WIRE.usageOf({ text: '', usage })).toBeNull()
    expect(usageFromSpeech(usage)).toBeNull()
    // That there is a picture, at least, is seen.
    expect(IMAGES_WIRE.usageOf({ data: [picture], usage })).toEqual({ ...NO_USAGE, images: 1 })
  })

  test('tokens, where only time has a price, and time, where only tokens have', () => {
    const tokens = { ...NO_USAGE, input: 4, inputAudio: 30, output: 11 }
    const time = { ...NO_USAGE, audioMs: 3_000 }
    expect(told(TRANSCRIPTS, callOf('openai/whisper-1'), tokens)).toBeNull()
    expect(told(TRANSCRIPTS, callOf('openai/gpt-4o-transcribe'), time)).toBeNull()
  })

  test('pictures without tokens, where tokens have a price', () => {
    const bare = { ...NO_USAGE, images: 2 }
    expect(told(PICTURES, callOf('openai/gpt-image-1'), bare)).toBeNull()
  })
})

test('pictures in a stream add up, and the only one that was asked for is the end', () => {
  const usage = { input_tokens: 5, output_tokens: 272, total_tokens: 277 }
  const done = { type: 'image_generation.completed', b64_json: 'iVBORw0KGgo=', usage }
  const event = new TextEncoder().encode(`event: ${done.type}\ndata: ${JSON.stringify(done)}\n\n`)
  const readerOf = (n: number) =>
    new ChunkReader({
      wire: IMAGES_WIRE.streamFor!({ n }),
      hideUsage: false,
      cleanError: (error) => error,
    })
  const two = readerOf(2)
  expect([two.read(event).end, two.read(event).end]).toEqual([null, null])
  expect(two.usage()).toEqual({ ...NO_USAGE, input: 10, outputImage: 544, images: 2 })
  expect(readerOf(1).read(event)).toEqual({ pass: new Uint8Array(0), end: event })
})
