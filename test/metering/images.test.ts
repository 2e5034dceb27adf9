import { describe, expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { imagesIn, imageTokens, imageTokensMax } from '../../src/metering/images.ts'
import { partsIn } from '../../src/metering/parts.ts'

const dataUrl = (type: string, bytes: Uint8Array) =>
  `data:image/${type};base64,${Buffer.from(bytes).toString('base64')}`

/** The beginning of a PNG (https://www.w3.org/TR/png-3/#11IHDR). */
function png(width: number, height: number): string {
  const bytes = Buffer.alloc(29)
  bytes.write('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1')
  bytes.writeUInt32BE(width, 16)
  bytes.writeUInt32BE(height, 20)
  return dataUrl('png', bytes)
}

/** The beginning of a JPEG: what a camera says of it, and then its frame. */
function jpeg(width: number, height: number): string {
  const said = Buffer.concat([Buffer.from([0xff, 0xe1, 0x4e, 0x20]), Buffer.alloc(0x4e20 - 2)])
  const frame = Buffer.from([0xff, 0xc0, 0, 17, 8, 0, 0, 0, 0, 3])
  frame.writeUInt16BE(height, 5)
  frame.writeUInt16BE(width, 7)
  const jfif = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, ...Buffer.alloc(14)])
  return dataUrl('jpeg', Buffer.concat([jfif, said, frame, Buffer.alloc(20)]))
}

const chat = (url: string, detail?: string) => ({
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url, detail } }] }],
})
const response = (url: string, detail?: string) => ({
  input: [{ role: 'user', content: [{ type: 'input_image', image_url: url, detail }] }],
})
const ELSEWHERE = 'https://x.y/z.png'

describe.each([
  ['a chat', chat],
  ['a response', response],
] as const)('an image of %s', (_, callOf) => {
  const most = (model: string, detail?: string) =>
    imageTokensMax(imagesIn(partsIn(callOf(ELSEWHERE, detail))), model)
  const sized = (url: string, detail?: string) =>
    imageTokens(imagesIn(partsIn(callOf(url, detail))), 'gpt-5.6')

  test('has the most tokens that its model and its detail make', () => {
    expect(most('gpt-4o')).toBe(4_200)
    expect(most('gemini-2.5-flash')).toBe(4_200)
    expect(most('qwen2.5-vl-72b')).toBe(16_384)
    expect(most('claude-opus-4-7')).toBe(4_784)
    expect(most('gpt-5.4-mini')).toBe(Math.ceil(1_536 * 1.72))
    expect(most('gpt-5.4')).toBe(4_050)
    expect(most('gpt-5.4', 'original')).toBe(16_200)
    expect(most('gpt-5.5')).toBe(16_200)
    expect(most('gpt-5.5', 'high')).toBe(4_050)
    expect(most('openai/gpt-5.6-sol')).toBeNull()
    expect(most('gpt-5.6', 'low')).toBe(4_050)
  })

  test('that is looked at as large as it is has the tokens of its size', () => {
    expect(sized(png(1_024, 1_024))).toBe(Math.ceil(1_024 * 1.62))
    expect(sized(png(33, 1), 'original')).toBe(Math.ceil(2 * 1.62))
    expect(sized(jpeg(4_000, 3_000))).toBe(Math.ceil(125 * 94 * 1.62))
    expect(sized(png(1_024, 1_024), 'high')).toBe(4_050)
  })

  test('whose size nobody can tell has any number', () => {
    expect(sized(ELSEWHERE)).toBeNull()
    expect(sized('data:image/png;base64,iVBORw0KGgo=')).toBeNull()
    expect(sized('data:image/svg+xml;base64,PHN2ZyB3aWR0aD0iMSIgaGVpZ2h0PSIxIj4=')).toBeNull()
    expect(sized('')).toBeNull()
  })
})

test('all that is said of images is read, whatever it is', () => {
  const start = fc.constantFrom('data:image/jpeg;base64,/9j/', 'data:image/gif;base64,R0lGOD', '')
  const part = fc.record(
    { type: fc.constant('input_image'), image_url: fc.anything(), detail: fc.anything() },
    { requiredKeys: ['type'] },
  )
  const named = fc
    .tuple(start, fc.base64String())
    .map(([a, b]) => ({ type: 'image_url', image_url: a + b }))
  fc.assert(
    fc.property(fc.array(fc.oneof(part, named)), (input) => {
      const images = imagesIn(partsIn({ input }))
      expect(images).toHaveLength(input.length)
      const tokens = imageTokens(images, 'gpt-5.6')
      expect(tokens ?? 0).toBeGreaterThanOrEqual(0)
    }),
  )
})
