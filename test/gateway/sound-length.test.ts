import { expect, test } from 'bun:test'
import { soundMsOf } from '../../src/gateway/sound-length.ts'
import { wav } from '../support/media-faces.ts'

const measured = (file: Uint8Array<ArrayBuffer>, filename: string | null = null) =>
  soundMsOf(() => new Response(file).body!, { bytes: file.length, filename })

/** Frames of MP3 at 128 kbit/s and 44.1 kHz: 1,152 samples in 417 bytes. */
const mp3 = (frames: number) =>
  new Uint8Array(
    Buffer.concat(
      Array.from({ length: frames }, () =>
        Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0]), Buffer.alloc(413)]),
      ),
    ),
  )

test('a sound is as long as it says, whatever it is called', async () => {
  expect(await measured(wav(3), 'a.wav')).toBe(3_000)
  expect(await measured(wav(1))).toBe(1_000)
  expect(await measured(wav(2), 'not-what-it-says.mp3')).toBe(2_000)
})

test('one that says nothing is as long as its frames', async () => {
  expect(await measured(mp3(1_000), 'a.mp3')).toBe(Math.ceil((1_000 * 1_152 * 1_000) / 44_100))
})

test('what is no sound is held for as the longest that has so many bytes', async () => {
  expect(await measured(new Uint8Array(7_500).fill(65))).toBe(10_000)
  expect(await measured(new Uint8Array(0))).toBe(0)
})

test('one that says that it is much shorter than its bytes is not believed', async () => {
  const file = wav(60)
  // Samples and bytes a second: four thousand million.
  new DataView(file.buffer).setUint32(24, 0xffff_fff0, true)
  new DataView(file.buffer).setUint32(28, 0xffff_fff0, true)
  expect(await measured(file, 'a.wav')).toBe(Math.ceil((file.length / 750) * 1_000))
})

test('one that says that it is longer than it could be is as long as it could be', async () => {
  const file = wav(1)
  new DataView(file.buffer).setUint32(24, 1, true)
  new DataView(file.buffer).setUint32(28, 2, true)
  expect(await measured(file)).toBeLessThanOrEqual(Math.ceil((file.length / 750) * 1_000))
})
