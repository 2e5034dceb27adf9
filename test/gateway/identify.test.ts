import { describe, expect, test } from 'bun:test'
import { identify } from '../../src/gateway/identify.ts'

type Place = [header: Record<string, string>, body: Record<string, unknown>]

/** The contract's order; each place beats all that follow it. */
const places: [name: string, ...Place][] = [
  ['x-litellm-customer-id', { 'x-litellm-customer-id': 'a' }, {}],
  ['x-litellm-end-user-id', { 'x-litellm-end-user-id': 'b' }, {}],
  ['a mapped header', { 'x-tenant': 'c' }, {}],
  ['user_header_name', { 'x-name': 'd' }, {}],
  ['user', {}, { user: 'e' }],
  ['litellm_metadata.user', {}, { litellm_metadata: { user: 'f' } }],
  ['metadata.user_id', {}, { metadata: { user_id: 'g' } }],
  ['safety_identifier', {}, { safety_identifier: 'h' }],
]
const ids = 'abcdefgh'

const whose = (headers: Record<string, string>, json: Record<string, unknown>) =>
  identify({ headers: new Headers(headers), json }, { headers: ['x-tenant', 'x-name'] })

test.each(places.map(([name], index) => [name, index] as const))(
  '%s beats all that come after it',
  (_, index) => {
    const rest = places.slice(index)
    const headers = Object.assign({}, ...rest.map(([, headers]) => headers))
    const body = Object.assign({}, ...rest.map(([, , body]) => body))
    expect(whose(headers, body)).toBe(ids[index]!)
  },
)

test('no place names one: the call is on nobody’s tab', () => {
  expect(whose({}, {})).toBeNull()
  expect(whose({}, { user: null, metadata: 'text', litellm_metadata: null })).toBeNull()
})

describe('an id', () => {
  test.each([
    [42, '42', 'a number is taken as text'],
    ['x'.repeat(256), 'x'.repeat(256), '256 characters are the most'],
    ['Zoë <b>', 'Zoë <b>', 'any printable text'],
  ])('%p is %p: %s', (user, id) => {
    expect(whose({}, { user })).toBe(id)
  })

  test.each([
    ['', 'an empty one'],
    ['x'.repeat(257), '257 characters'],
    ['a\nb', 'a control or broken character'],
    ['a\u0000', 'a control or broken character'],
    ['\ud800', 'a control or broken character'],
    [true, 'a JSON boolean'],
    [['a'], 'an array'],
    [{ id: 'a' }, 'a JSON object'],
  ])('%p is refused, naming the field: got %s', (user, got) => {
    expect(() => whose({}, { user })).toThrow(
      `\`user\` must name the customer with 1 to 256 characters of text, got ${got}.`,
    )
  })

  test('in a header is read as UTF-8 when it is', () => {
    const latin1 = Buffer.from('Zoë').toString('latin1')
    expect(whose({ 'x-litellm-customer-id': latin1 }, {})).toBe('Zoë')
  })
})
