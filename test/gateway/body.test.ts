import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  editBody,
  membersOf,
  parseBody,
  refuseDuplicates,
  sentBody,
} from '../../src/gateway/body.ts'

const edit = (text: string, edits: Record<string, string | null>) =>
  editBody(text, membersOf(text), new Map(Object.entries(edits)))

describe('membersOf', () => {
  test('finds every member of any object, and the text of its value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(0, 1, '\t'),
        (object, space) => {
          const text = JSON.stringify(object, null, space)
          const found = membersOf(text).map(({ key, valueStart, valueEnd }) => [
            key,
            JSON.parse(text.slice(valueStart, valueEnd)),
          ])
          expect(found).toEqual(Object.entries(JSON.parse(text)))
        },
      ),
    )
  })

  test('is not misled by signs in keys and strings, nor by spaces anywhere', () => {
    const space = fc.constantFrom('', ' ', '\n', '\t \r\n')
    const key = fc.oneof(fc.string(), fc.constantFrom('a":', '{"b', '],', '\\', 'é'))
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('",x:', '}', '{"model":', '\\"'))
    const member = fc.tuple(fc.tuple(space, space, space, space), key, value)
    fc.assert(
      fc.property(fc.array(member), (given) => {
        const texts = given.map(([[a, b, c, d], key, value]) => {
          return `${a}${JSON.stringify(key)}${b}:${c}${JSON.stringify(value)}${d}`
        })
        const text = ` {${texts.join(',')} } `
        const found = membersOf(text).map(({ key, keyStart, valueStart, valueEnd }) => {
          expect(text[keyStart]).toBe('"')
          return [key, text.slice(valueStart, valueEnd)]
        })
        expect(found).toEqual(given.map(([, key, value]) => [key, JSON.stringify(value)]))
      }),
    )
  })
})

describe('editBody', () => {
  test('changes what is named and keeps the text of all else', () => {
    const text = '{ "seed":12345678901234567890, "model" : "a", "x\\u0022": [1.0, {"model":"b"}] }'
    expect(edit(text, { model: '"c"', stream_options: '{"include_usage":true}' })).toBe(
      '{"seed":12345678901234567890,"model" : "c","x\\u0022": [1.0, {"model":"b"}],"stream_options":{"include_usage":true}}',
    )
  })

  test('says the same as an edit of the parsed object, for any object and edit', () => {
    const key = fc.constantFrom('a', 'b', 'c"', '\\', 'é')
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.jsonValue()),
        fc.dictionary(key, fc.option(fc.jsonValue().filter((value) => value !== null))),
        (object, edits) => {
          const text = JSON.stringify(object)
          const texts = Object.fromEntries(
            Object.entries(edits).map(([name, value]) => [
              name,
              value === null ? null : JSON.stringify(value),
            ]),
          )
          const wanted: Record<string, unknown> = {
            ...JSON.parse(text),
            ...JSON.parse(JSON.stringify(edits)),
          }
          for (const [name, value] of Object.entries(edits)) if (value === null) delete wanted[name]
          expect(JSON.parse(edit(text, texts))).toEqual(wanted)
        },
      ),
    )
  })
})

describe('refuseDuplicates', () => {
  test('refuses a member that we act on and the upstream might read otherwise', () => {
    const twice = '{"user":"a","x":1,"x":2,"us\\u0065r":"b"}'
    expect(() => refuseDuplicates(membersOf(twice))).toThrow('`user` is given twice')
  })

  test('leaves the other members to the upstream', () => {
    expect(() => refuseDuplicates(membersOf('{"x":1,"x":2}'))).not.toThrow()
  })
})

test.each([
  ['', 'is empty'],
  ['{', 'is not valid JSON'],
  ['[]', 'must be one JSON object'],
  ['"text"', 'must be one JSON object'],
  ['null', 'must be one JSON object'],
])('the body %p is refused: it %s', async (text, why) => {
  const sent = await sentBody(new Blob([text]))
  expect(() => parseBody(sent)).toThrow(why)
})

test('a body that is not UTF-8 is refused: two texts could otherwise become one', async () => {
  const bytes = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
  const sent = await sentBody(new Blob([bytes]))
  expect(() => parseBody(sent)).toThrow('UTF-8')
})

describe('sentBody', () => {
  const strict = (bytes: Uint8Array) => {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      return null
    }
  }

  /** Marks of UTF-8 and UTF-16, halves of pairs, starts without ends, and U+FFFD itself. */
  const awkward = fc.constantFrom(
    [0xef, 0xbb, 0xbf],
    [0xff, 0xfe],
    [0xfe, 0xff],
    [0xed, 0xa0, 0x80],
    [0xef, 0xbf, 0xbd],
    [0xe0, 0xa0],
    [0xf4, 0x90, 0x80, 0x80],
    [0xc0, 0x80],
    [0x00],
  )
  const letters = fc.string({ unit: 'grapheme' }).map((text) => [...new TextEncoder().encode(text)])
  const ascii = fc.string().map((text) => [...new TextEncoder().encode(text)])
  const byte = fc.nat(255).map((one) => [one])
  const pieces = fc.array(fc.oneof(awkward, letters, ascii, byte), { maxLength: 6 })

  test('is the text that strict UTF-8 makes of any bytes, and the bytes as they came', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(pieces, fc.array(ascii)), async (given) => {
        const came = Uint8Array.from(given.flat())
        const { text, blob } = await sentBody(new Blob([came]))
        expect(text).toBe(strict(came))
        expect(await blob.bytes()).toEqual(came)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['ASCII', ''],
    ['other characters', 'é🙂'],
    ['the character for what cannot be read', '\ufffd'],
  ])('is the same for a long text with %s', async (_, end) => {
    const came = new TextEncoder().encode('a'.repeat(1_000_000) + end)
    expect((await sentBody(new Blob([came]))).text).toBe(strict(came))
    const broken = new Blob([came, Uint8Array.of(0xff)])
    expect((await sentBody(broken)).text).toBeNull()
  })
})
