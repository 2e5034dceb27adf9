import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { type JsonSchema, refuseMisfit } from './misfit.ts'

/** A typebox schema that an Elysia route takes as its own, in `body` and in `query`. */
export type Checked<Value> = {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: 'tollgate'
    readonly types?: { readonly input: Value; readonly output: Value }
    /** Throws `invalid_request`, naming the field; there are no issues to return. */
    validate(value: unknown): { readonly value: Value }
  }
}

/**
 * Makes a schema of `typebox` 1.x fit for a route: checked, and shown on the docs page. Elysia
 * knows only the schemas of the older @sinclair/typebox, and any Standard Schema
 * (https://standardschema.dev), so it gets the latter. The property is not enumerable, or it would
 * show in the OpenAPI document.
 *
 * A value that does not fit is refused by throwing, not by returning issues: of an issue Elysia
 * makes its own error, with the whole value printed in it.
 */
export function checked<Schema extends TSchema>(schema: Schema): Checked<Static<Schema>> {
  // Compiled when first used: all of them together would cost tens of milliseconds at the start.
  let validator: Validator | null = null
  const validate = (given: unknown) => {
    const value = take(schema, given)
    validator ??= Compile(schema)
    if (!validator.Check(value)) refuseMisfit(schema, value, validator.Errors(value))
    return { value }
  }
  const standard = { version: 1, vendor: 'tollgate', validate }
  const own = Object.defineProperty({ ...schema }, '~standard', { value: standard })
  return own as unknown as Checked<Static<Schema>>
}

const NUMERIC = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/**
 * The value as it was meant: text for a number where a number belongs ("4.5"), a number for text
 * where text belongs (an id of 17), "true" in a query. Whatever else is left for the check.
 */
function take(schema: TSchema, value: unknown): unknown {
  const { type, properties, additionalProperties, items } = schema as JsonSchema
  if (typeof value === 'string') return isFor(type, 'string') ? value : fromText(type, value)
  // A number past 2^53 has lost digits on its way here: as an id it could be somebody else's.
  if (typeof value === 'number' && Number.isSafeInteger(value) && isFor(type, 'string')) {
    return String(value)
  }
  if (Array.isArray(value)) return items ? value.map((item) => take(items, item)) : value
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => {
    const known = properties && Object.hasOwn(properties, name) ? properties[name] : undefined
    const of = known ?? (typeof additionalProperties === 'object' ? additionalProperties : null)
    return [name, of ? take(of, member) : member]
  })
  return Object.fromEntries(members)
}

function fromText(type: JsonSchema['type'], text: string): unknown {
  const isNumber = isFor(type, 'number') || isFor(type, 'integer')
  if (isNumber && NUMERIC.test(text.trim())) return Number(text)
  if (isFor(type, 'boolean') && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

const isFor = (type: JsonSchema['type'], wanted: string): boolean =>
  type === wanted || (Array.isArray(type) && type.includes(wanted))
