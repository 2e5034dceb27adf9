import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

/** What the tests read of JSON Schema. */
export type Schema = {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly examples?: readonly unknown[]
}

export type Parameter = {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: Schema
  readonly examples?: readonly unknown[]
}

/** A route as the OpenAPI document tells it, every `$ref` replaced by what it stands for. */
export type DocumentedRoute = {
  readonly name: string
  /** Upper case. */
  readonly method: string
  /** With `{id}` for a parameter. */
  readonly path: string
  /** A call to a model, on somebody's tab. */
  readonly isMetered: boolean
  /** Needs no key. */
  readonly isOpen: boolean
  readonly parameters: readonly Parameter[]
  /** Of a JSON body; null: it takes none. */
  readonly body: Schema | null
  /** Whole bodies that the document shows. */
  readonly bodyExamples: readonly unknown[]
  readonly statuses: readonly number[]
  /** What is wrong with a good answer: its status, its type, its JSON; null: it is as promised. */
  misfitOf(answer: { status: number; type: string; text: string }): string | null
}

type Content = Record<string, { schema?: Schema; examples?: Record<string, { value: unknown }> }>
type Operation = {
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

/** All routes of `/docs/json`. */
// biome-ignore lint/suspicious/noExplicitAny: JSON; a test that reads what is not there fails.
export function routesOf(document: any): DocumentedRoute[] {
  const { paths } = withoutRefs(document, document) as {
    paths: Record<string, Record<string, Operation>>
  }
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => routeOf(method, path, operation)),
  )
}

function routeOf(verb: string, path: string, operation: Operation): DocumentedRoute {
  const method = verb.toUpperCase()
  const json = operation.requestBody?.content['application/json']
  const checks = new Map<string, Validator>()
  const check = (status: number, schema: Schema): Validator => {
    const known = checks.get(String(status)) ?? Compile(schema as TSchema)
    checks.set(String(status), known)
    return known
  }
  return {
    name: `${method} ${path}`,
    method,
    path,
    isMetered: operation.tags?.includes('Calls') ?? false,
    isOpen: operation.security?.length === 0,
    parameters: operation.parameters ?? [],
    body: json?.schema ?? null,
    bodyExamples: Object.values(json?.examples ?? {}).map(({ value }) => value),
    statuses: Object.keys(operation.responses).map(Number),
    misfitOf({ status, type, text }) {
      const content = operation.responses[status]?.content
      if (content === undefined) return `the document has no ${status}`
      const mediaType = type.split(';')[0]!
      const promised = content[mediaType]
      if (promised === undefined) return `the document has no ${mediaType || 'missing type'}`
      if (mediaType !== 'application/json' || promised.schema === undefined) return null
      const validator = check(status, promised.schema)
      const value: unknown = JSON.parse(text)
      if (validator.Check(value)) return null
      const [error] = validator.Errors(value)
      return `the document promises otherwise: ${error?.instancePath} ${error?.message}`
    },
  }
}

function withoutRefs(value: unknown, document: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => withoutRefs(item, document))
  const { $ref } = value as { $ref?: string }
  if ($ref !== undefined) return withoutRefs(at($ref, document), document)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withoutRefs(member, document)]),
  )
}

/** `#/components/schemas/Customer` */
const at = (pointer: string, document: unknown): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce((value, name) => (value as Record<string, unknown>)[name], document)
