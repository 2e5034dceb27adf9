import fc from 'fast-check'
import { Learnt, singular } from './learnt.ts'
import type { Schema } from './openapi.ts'

/**
 * Values that a JSON schema allows. More often than others its examples, by which requests meet, as
 * all speak of `alice`; and for text with a name what the server has given out by that name.
 */
export function valuesOf(schema: Schema, name = ''): fc.Arbitrary<unknown> {
  const { examples = [] } = schema
  const weighted = [{ weight: 1, arbitrary: otherValuesOf(schema, name) }]
  if (examples.length > 0) {
    weighted.push({ weight: 3, arbitrary: fc.constantFrom(...examples) })
  }
  if (name !== '' && [schema.type].flat().includes('string') && schema.enum === undefined) {
    weighted.push({ weight: 2, arbitrary: fc.nat(3).map((which) => Learnt.mark(name, which)) })
  }
  return fc.oneof(...weighted)
}

function otherValuesOf(schema: Schema, name: string): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => valuesOf(choice, name)))
  const types = [schema.type ?? []].flat()
  if (types.length === 0) return fc.jsonValue({ maxDepth: 2 })
  return fc.oneof(...types.map((type) => valuesOfType(type, schema, name)))
}

function valuesOfType(type: string, schema: Schema, name: string): fc.Arbitrary<unknown> {
  const { minimum: min = -1e9, maximum: max = 1e9 } = schema
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.oneof(fc.maxSafeInteger().filter(within(min, max)), edges(min, max))
    case 'number':
      return fc.oneof(fc.double({ min, max, noNaN: true }), edges(min, max))
    case 'array': {
      const { items = {}, minItems: minLength = 0, maxItems = 3 } = schema
      return fc.array(valuesOf(items, singular(name)), {
        minLength,
        maxLength: Math.min(maxItems, minLength + 3),
      })
    }
    case 'object':
      return objectsOf(schema)
    default:
      return textsOf(schema)
  }
}

const within = (min: number, max: number) => (value: number) => value >= min && value <= max

const edges = (min: number, max: number) =>
  fc.constantFrom(...[min, max, min + 1, max - 1, 0, 1].filter(within(min, max)))

function textsOf(schema: Schema): fc.Arbitrary<string> {
  const { minLength = 0, maxLength = 300, pattern, examples = [] } = schema
  const size = { minLength, maxLength: Math.min(maxLength, Math.max(minLength, 40)) }
  const texts = fc.oneof(
    fc.string({ ...size, unit: 'grapheme' }),
    fc.string(size),
    fc.constant('x'.repeat(maxLength)),
  )
  const allowed = pattern === undefined ? null : new RegExp(pattern, 'u')
  const isAllowed = (text: string) =>
    text.length >= minLength && text.length <= maxLength && (allowed?.test(text) ?? true)
  // Not filtered: there may be a pattern that chance never meets.
  return texts.map((text) => (isAllowed(text) ? text : String(examples[0] ?? text)))
}

function objectsOf(schema: Schema): fc.Arbitrary<Record<string, unknown>> {
  const { properties = {}, required = [], additionalProperties = true } = schema
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, valuesOf(field, name)]),
  )
  const known = fc.record(fields, { requiredKeys: [...required] })
  if (additionalProperties === false) return known
  const of =
    additionalProperties === true ? fc.jsonValue({ maxDepth: 1 }) : valuesOf(additionalProperties)
  const more = fc.dictionary(fc.oneof(fc.constantFrom('demo', '__proto__'), fc.string()), of, {
    maxKeys: 2,
  })
  return fc.tuple(known, more).map(([fields, others]) => ({ ...others, ...fields }))
}
