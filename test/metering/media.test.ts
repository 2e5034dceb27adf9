import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { costOf } from '../../src/metering/cost.ts'
import { PICTURE, SKETCH } from '../../src/metering/image-wire.ts'
import { type Media, type MediaCall, usageOf } from '../../src/metering/media.ts'
import { PICTURES } from '../../src/metering/pictures.ts'
import type { Price } from '../../src/metering/price.ts'
import { builtInPrice, type ConfigPrices, pricesFromConfig } from '../../src/metering/prices.ts'
import { SPEECH, TRANSCRIPTS } from '../../src/metering/sound.ts'

const callOf = (model: string, more: Partial<MediaCall> = {}): MediaCall => {
  const [provider, name] = model.split('/') as [string, string]
  return { json: {}, model: name, provider, soundMs: 0, files: 0, ...more }
}

const configured = (params: Record<string, unknown>): Price =>
  (pricesFromConfig(params) as ConfigPrices).price

const nothing = { text: '', tokens: 0, promptTokens: 0 }

describe('what a config gives a price', () => {
  const wide = callOf('x/painter', { json: { n: 2, size: '1536x1024' } })

  test.each<[string, Media, object, MediaCall, number]>([
    ['a picture', PICTURES, { output_cost_per_image: 0.04 }, wide, 80_000_000],
    ['a picture, in its older name', PICTURES, { input_cost_per_image: 0.03 }, wide, 60_000_000],
    ['a pixel', PICTURES, { input_cost_per_pixel: 2e-8 }, wide, 2 * 31_457_280],
    [
      'a pixel, of whose pair one is zero as LiteLLM has it',
      PICTURES,
      { input_cost_per_pixel: 2e-8, output_cost_per_pixel: 0 },
      wide,
      2 * 31_457_280,
    ],
    [
      'a picture, its tokens being free',
      PICTURES,
      { output_cost_per_image: 0.04, input_cost_per_token: 0, output_cost_per_token: 0 },
      wide,
      80_000_000,
    ],
    [
      'a second',
      TRANSCRIPTS,
      { input_cost_per_second: 0.0001 },
      callOf('x/ear', { soundMs: 90_500 }),
      9_050_000,
    ],
    [
      'a second, in and out: it is one and the same',
      TRANSCRIPTS,
      { input_cost_per_second: 0.0001, output_cost_per_second: 0.0001 },
      callOf('x/ear', { soundMs: 90_500 }),
      9_050_000,
    ],
    [
      'a character',
      SPEECH,
      { input_cost_per_character: 0.000015 },
      callOf('x/mouth', { json: { input: 'toll' } }),
      60_000,
    ],
  ])('%s: it is held for and charged', (_, media, params, call, cost) => {
    const price = media.priceOf(configured({ ...params }), call)!
    expect(costOf(usageOf(media.most(price, call)), price)).toBe(cost as never)
    const drawn = { ...nothing, text: PICTURE.repeat(2) }
    expect(costOf(media.used(drawn, price, call), price)).toBe(cost as never)
  })

  test('has no price for what it is not about', () => {
    const call = callOf('x/y')
    const perImage = configured({ output_cost_per_image: 0.04 })
    const perSecond = configured({ input_cost_per_second: 0.0001 })
    const perCharacter = configured({ input_cost_per_character: 0.00001 })
    expect(TRANSCRIPTS.priceOf(perImage, call)).toBeNull()
    expect(SPEECH.priceOf(perImage, call)).toBeNull()
    expect(PICTURES.priceOf(perSecond, call)).toBeNull()
    expect(PICTURES.priceOf(perCharacter, call)).toBeNull()
    expect(TRANSCRIPTS.priceOf(perCharacter, call)).toBeNull()
  })

  test('counts by tokens where they have a price, and never by both', () => {
    const both = { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 }
    const price = configured({ ...both, output_cost_per_image: 0.04 })
    const call = callOf('x/painter')
    const told = { ...usageOf({ input: 10, outputImage: 100, images: 1 }) }
    // 10 x 1,000 + 100 x 2,000
    expect(costOf(PICTURES.charged(told, price, call)!, price)).toBe(210_000 as never)
  })

  test('says for what a price is that is none', () => {
    expect(pricesFromConfig({ output_cost_per_image: 'much' })).toMatchObject({
      problem: expect.stringContaining('dollars for one picture'),
      key: 'output_cost_per_image',
    })
  })
})

describe('what is held covers', () => {
  const models = ['gpt-image-1', 'gpt-image-1-mini', 'gpt-image-1.5', 'gpt-image-2', 'dall-e-3']

  /** The most that was published for each, however the call asks for it. */
  test.each(models)('pictures of %s in any size and quality', (model) => {
    const json = fc.record(
      {
        n: fc.integer({ min: 1, max: 10 }),
        size: fc.constantFrom('1024x1024', '1024x1536', '1536x1024', 'auto', '1792x1024', 'huge'),
        quality: fc.constantFrom('low', 'medium', 'high', 'auto', 'standard', 'hd', 'max'),
        partial_images: fc.integer({ min: 0, max: 3 }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(json, (json) => {
        const call = callOf(`openai/${model}`, { json })
        const price = PICTURES.priceOf(builtInPrice('openai', model)!, call)!
        const { n = 1, partial_images: sketches = 0 } = json
        const text = PICTURE.repeat(n) + SKETCH.repeat(n * sketches)
        const used = PICTURES.used({ ...nothing, text }, price, call)
        const held = costOf(usageOf(PICTURES.most(price, call)), price)
        expect(held).toBeGreaterThanOrEqual(costOf(used, price))
        expect(held).toBeGreaterThan(0)
      }),
    )
  })

  test.each([
    ['gpt-image-1', 'low', '1024x1024', 272 * 40_000],
    ['gpt-image-1', 'medium', '1024x1536', 1_584 * 40_000],
    ['gpt-image-1', 'high', '1536x1024', 6_208 * 40_000],
    ['gpt-image-1', 'auto', 'auto', 6_240 * 40_000],
    ['gpt-image-1.5', 'high', '1024x1024', 4_160 * 32_000],
    ['gpt-image-1-mini', 'low', '1536x1024', 400 * 8_000],
  ])('%s in %s at %s what is published for it', (model, quality, size, cost) => {
    const call = callOf(`openai/${model}`, { json: { quality, size } })
    const price = PICTURES.priceOf(builtInPrice('openai', model)!, call)!
    expect(costOf(usageOf(PICTURES.most(price, call)), price)).toBe(cost as never)
  })

  test.each([['many'], [{ toString: null }], [[2]], [true], [1e99], [-1]])(
    '%j pictures, for the upstream to refuse that',
    (n) => {
      const call = callOf('openai/dall-e-2', { json: { n } })
      const price = PICTURES.priceOf(builtInPrice('openai', 'dall-e-2')!, call)!
      expect(PICTURES.most(price, call)).toEqual({ images: 100 })
    },
  )

  test('sound by tokens at ten a second, and its text', () => {
    const call = callOf('openai/gpt-4o-transcribe', { soundMs: 60_000 })
    const price = builtInPrice('openai', 'gpt-4o-transcribe')!
    expect(TRANSCRIPTS.most(price, call)).toEqual({ inputAudio: 600, output: 964 })
  })
})

test('speech that tells nothing is as long as its bytes, and no longer than is held for', () => {
  const model = 'gpt-4o-mini-tts'
  const call = callOf(`openai/${model}`, {
    json: { input: 'Please pay the toll.', response_format: 'pcm' },
  })
  const price = builtInPrice('openai', model)!
  // Two seconds of PCM are 96,000 bytes: 94 KB.
  const used = SPEECH.used({ text: '~'.repeat(94), tokens: 0, promptTokens: 6 }, price, call)
  expect(used).toMatchObject({ input: 6, outputAudio: 41 })
  expect(SPEECH.most(price, call)).toEqual({ outputAudio: 400 })
})

test('a slow voice is held for at its speed', () => {
  const json = { input: 'toll', speed: 0.25 }
  const price = builtInPrice('openai', 'gpt-4o-mini-tts')!
  const most = SPEECH.most(price, callOf('openai/gpt-4o-mini-tts', { json }))
  expect(most).toEqual({ outputAudio: 320 })
})
