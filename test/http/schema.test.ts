import { describe, expect, test } from 'bun:test'
import * as Type from 'typebox'
import { Refusal } from '../../src/errors.ts'
import { Id, NullableCount, NullableDollars } from '../../src/http/fields.ts'
import { checked } from '../../src/http/schema.ts'

const about = { description: 'A field.', examples: [1] }

const Thing = Type.Object(
  {
    id: Id(about),
    amount: Type.Optional(NullableDollars(about)),
    count: Type.Optional(NullableCount(about)),
    flag: Type.Optional(Type.Boolean()),
    kind: Type.Optional(Type.Enum(['small', 'large'])),
    note: Type.Optional(Type.String({ minLength: 2, maxLength: 4 })),
    least: Type.Optional(Type.Number({ minimum: 3 })),
    most: Type.Optional(Type.Number({ maximum: 3 })),
    list: Type.Optional(Type.Array(Type.Integer(), { minItems: 1, maxItems: 2 })),
    models: Type.Optional(
      Type.Unsafe({
        type: ['object', 'null'],
        additionalProperties: Type.Object({ x: Type.Integer() }, { additionalProperties: false }),
      }),
    ),
    free: Type.Optional(Type.Unsafe({ type: 'object' })),
  },
  { additionalProperties: false },
)

const take = (value: unknown) => checked(Thing)['~standard'].validate(value).value

function refused(value: unknown): Refusal {
  try {
    take(value)
  } catch (error) {
    return error as Refusal
  }
  throw new Error(`was taken: ${JSON.stringify(value)}`)
}

// A row is what came, what the route gets, and why.
test.each<[unknown, object, string]>([
  [{ id: 'a', amount: '4.5' }, { id: 'a', amount: 4.5 }, 'numeric text for a number'],
  [{ id: 'a', amount: '0' }, { id: 'a', amount: 0 }, 'zero is a value'],
  [{ id: 'a', amount: null }, { id: 'a', amount: null }, 'null is a value'],
  [{ id: 'a', count: '1e3' }, { id: 'a', count: 1000 }, 'an exponent'],
  [{ id: 'a', count: ' 7 ' }, { id: 'a', count: 7 }, 'blanks around it'],
  [{ id: 'a', flag: 'true' }, { id: 'a', flag: true }, 'a flag of a query'],
  [{ id: 17 }, { id: '17' }, 'a number for an id'],
  [{ id: '0' }, { id: '0' }, 'numeric text where text belongs'],
  [{ id: 'a', list: ['1'] }, { id: 'a', list: [1] }, 'inside a list'],
  [{ id: 'a', models: { m: { x: '1' } } }, { id: 'a', models: { m: { x: 1 } } }, 'in a map'],
  [{ id: 'a', free: { n: '1' } }, { id: 'a', free: { n: '1' } }, 'what is free is left alone'],
])('%j is taken as %j: %s', (given, taken) => {
  expect(take(given) as object).toEqual(taken)
})

test('a field called __proto__ stays a field, and reaches nobody else', () => {
  const taken = take(JSON.parse('{"id":"a","free":{"__proto__":{"isAdmin":true}}}'))
  expect(JSON.stringify(taken)).toBe('{"id":"a","free":{"__proto__":{"isAdmin":true}}}')
  expect(refused(JSON.parse('{"id":"a","__proto__":{"kind":"small"}}')).param).toBe('__proto__')
  expect(({} as { kind?: string }).kind).toBeUndefined()
})

const ID = 'must be text of 1 to 256 characters without control characters'
const MONEY = 'must be a non-negative finite number. Received:'

// A row is what came, the field at fault, and the sentence.
test.each<[unknown, string | null, string]>([
  [{}, 'id', 'id is required'],
  [null, null, 'The body must be an object, got null'],
  [[], null, 'The body must be an object, got []'],
  ['x', null, 'The body must be an object, got "x"'],
  [{ id: '' }, 'id', `id ${ID}, got ""`],
  [{ id: true }, 'id', `id ${ID}, got true`],
  [{ id: 'a\nb' }, 'id', `id ${ID}, got "a\\nb"`],
  [{ id: '\ud800' }, 'id', `id ${ID}, got "\\ud800"`],
  [{ id: 1.5 }, 'id', `id ${ID}, got 1.5`],
  [{ id: 2 ** 53 }, 'id', `id ${ID}, got 9007199254740992`],
  [{ id: 'x'.repeat(257) }, 'id', `id ${ID}, got "${'x'.repeat(79)}…`],
  [{ id: 'a', amount: -1 }, 'amount', `amount ${MONEY} -1`],
  [{ id: 'a', amount: Number.POSITIVE_INFINITY }, 'amount', `amount ${MONEY} Infinity`],
  [{ id: 'a', amount: 'NaN' }, 'amount', `amount ${MONEY} NaN`],
  [{ id: 'a', amount: '-4.5' }, 'amount', `amount ${MONEY} -4.5`],
  [
    { id: 'a', amount: 1e300 },
    'amount',
    'amount must be between 0 and 9000000 dollars, got 1e+300',
  ],
  [{ id: 'a', count: 1.5 }, 'count', 'count must be a whole number or null, got 1.5'],
  [{ id: 'a', count: -1 }, 'count', 'count must be between 0 and 9007199254740991, got -1'],
  [{ id: 'a', flag: 'yes' }, 'flag', 'flag must be true or false, got "yes"'],
  [{ id: 'a', flag: null }, 'flag', 'flag must be true or false, got null'],
  [
    { id: 'a', kind: 'smal' },
    'kind',
    'kind must be one of small, large, got "smal"; did you mean small?',
  ],
  [{ id: 'a', kind: 7 }, 'kind', 'kind must be one of small, large, got 7'],
  [{ id: 'a', note: 'x' }, 'note', 'note must have between 2 and 4 characters, got 1'],
  [{ id: 'a', least: 1 }, 'least', 'least must be at least 3, got 1'],
  [{ id: 'a', most: 9 }, 'most', 'most must be at most 3, got 9'],
  [{ id: 'a', list: [] }, 'list', 'list must have between 1 and 2 entries, got 0'],
  [{ id: 'a', list: [1, 'x'] }, 'list[1]', 'list[1] must be a whole number, got "x"'],
  [{ id: 'a', amuont: 1 }, 'amuont', 'Unknown field "amuont"; did you mean amount?'],
  [{ iid: 'a' }, 'iid', 'Unknown field "iid"; did you mean id?'],
  [
    { id: 'a', models: { 'openai/g~1': { y: 1 } } },
    'models.openai/g~1.y',
    'Unknown field "y"; did you mean x?',
  ],
  [
    { id: 'a', models: { 'openai/g~1': {} } },
    'models.openai/g~1.x',
    'models.openai/g~1.x is required',
  ],
])('%j is refused at %p: %s', (value, param, sentence) => {
  const refusal = refused(value)
  expect(refusal).toBeInstanceOf(Refusal)
  expect(refusal.code).toBe('invalid_request')
  expect(refusal.param).toBe(param)
  expect(refusal.message).toBe(sentence)
})

describe('the OpenAPI document', () => {
  test('has the schema as it is, and nothing of how it is checked', () => {
    expect(JSON.stringify(checked(Thing))).toBe(JSON.stringify(Thing))
    expect(Object.keys(checked(Thing))).not.toContain('~standard')
  })
})
