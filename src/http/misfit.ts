import type { TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { nearest, Refusal } from '../errors.ts'

/**
 * Under this key a schema may keep a sentence of its own, where a client expects certain words. A
 * symbol, so that it is not in the OpenAPI document.
 */
export const SENTENCE = Symbol('the sentence for a value that does not fit')
export type Sentence = (field: string, value: unknown) => string

/** The keywords of JSON Schema that our schemas are made of. */
export type JsonSchema = TSchema & {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly enum?: readonly unknown[]
}

/** A value that does not fit, and where: what a sentence is made of. */
type Misfit = {
  /** As a client writes it: `model_max_budget.gpt-4.max_budget`, `user_ids[2]`. Empty: the body. */
  readonly field: string
  readonly schema: JsonSchema
  readonly value: unknown
}

/** Throws `invalid_request`: which field, what was wrong with its value, what would be right. */
export function refuseMisfit(
  schema: JsonSchema,
  value: unknown,
  errors: readonly TLocalizedValidationError[],
): never {
  // A misspelt name comes first: a required field that "is missing" is often the one misspelt.
  const unknown = errors.find((error) => error.keyword === 'boolean')
  if (unknown !== undefined) throw refuseUnknown(schema, value, unknown.instancePath)
  const error = errors.find((error) => error.keyword !== 'additionalProperties') ?? errors[0]!
  const misfit = follow(schema, value, error.instancePath)
  if (error.keyword === 'required') {
    const [missing] = error.params.requiredProperties as string[]
    const field = misfit.field === '' ? missing! : `${misfit.field}.${missing}`
    throw new Refusal('invalid_request', `${field} is required`, { param: field })
  }
  const own = (misfit.schema as { [SENTENCE]?: Sentence })[SENTENCE]
  const name = misfit.field === '' ? 'The body' : misfit.field
  const sentence = own?.(name, misfit.value) ?? `${name} ${mustBe(error.keyword, misfit)}`
  throw refusal(sentence, misfit.field)
}

const refusal = (sentence: string, field: string) =>
  new Refusal('invalid_request', sentence, field === '' ? {} : { param: field })

function refuseUnknown(schema: JsonSchema, value: unknown, pointer: string): Refusal {
  const parent = follow(schema, value, pointer.slice(0, pointer.lastIndexOf('/')))
  const name = unescapeSegment(pointer.slice(pointer.lastIndexOf('/') + 1))
  const known = Object.keys(parent.schema.properties ?? {})
  const meant = nearest(name, known)
  const right = meant === null ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
  const sentence = `Unknown field ${shown(name)}; ${right}`
  return refusal(sentence, parent.field === '' ? name : `${parent.field}.${name}`)
}

/** The schema and the value at a JSON pointer (RFC 6901). */
function follow(schema: JsonSchema, value: unknown, pointer: string): Misfit {
  let at: Misfit = { field: '', schema, value }
  for (const escaped of pointer.split('/').slice(1)) {
    const segment = unescapeSegment(escaped)
    const { field, schema } = at
    const member = (at.value as Readonly<Record<string, unknown>>)[segment]
    if (Array.isArray(at.value)) {
      at = { field: `${field}[${segment}]`, schema: schema.items ?? {}, value: member }
    } else {
      const known = schema.properties
      const rest =
        typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
      const of = known && Object.hasOwn(known, segment) ? known[segment]! : rest
      at = { field: field === '' ? segment : `${field}.${segment}`, schema: of, value: member }
    }
  }
  return at
}

const unescapeSegment = (segment: string) => segment.replaceAll('~1', '/').replaceAll('~0', '~')

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'a whole number',
  null: 'null',
  number: 'a number',
  object: 'an object',
  string: 'text',
}

function mustBe(keyword: string, { schema, value }: Misfit): string {
  const got = `got ${shown(value)}`
  const bound = (name: string) => schema[name as keyof JsonSchema] as number | undefined
  switch (keyword) {
    case 'type': {
      const types = [schema.type ?? []].flat().map((type) => TYPE_NAMES[type] ?? type)
      return `must be ${types.join(' or ')}, ${got}`
    }
    case 'minimum':
    case 'maximum':
      return `must be ${range(bound('minimum'), bound('maximum'))}, ${got}`
    case 'minLength':
    case 'maxLength': {
      const { length } = value as string
      return `must have ${range(bound('minLength'), bound('maxLength'))} characters, got ${length}`
    }
    case 'minItems':
    case 'maxItems': {
      const { length } = value as unknown[]
      return `must have ${range(bound('minItems'), bound('maxItems'))} entries, got ${length}`
    }
    case 'enum': {
      const words = (schema.enum ?? []).map(String)
      const meant = typeof value === 'string' ? nearest(value, words) : null
      const hint = meant === null ? '' : `; did you mean ${meant}?`
      return `must be one of ${words.join(', ')}, ${got}${hint}`
    }
    default:
      return `must be as described (${schema['description' as keyof JsonSchema]}), ${got}`
  }
}

function range(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return `at least ${least}`
  return least === undefined ? `at most ${most}` : `between ${least} and ${most}`
}

const SHOWN_MAX = 80

/** A client's value, in a sentence: as JSON, and not more of it than one likes to read. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`
}
