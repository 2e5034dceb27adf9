import type { TSchema } from 'typebox'
import type { Refusal } from '../errors.ts'
import { MISSING_KEY } from './auth.ts'

/** What the docs page says of a route. All of it is written for who calls the API. */
export type Operation = {
  /** A line. */
  readonly summary: string
  readonly description: string
  /** What a good answer is. */
  readonly answer: Answer
  /** Refusals a caller may meet, as examples: the same functions make those that are thrown. */
  readonly refusals?: readonly Refusal[]
  /** Answers with a status of their own, besides the good one. */
  readonly otherAnswers?: Readonly<Record<number, Answer>>
  /** Schema of a body that the route reads itself (`parse: 'none'`). Others have it in `body`. */
  readonly unparsedBody?: {
    readonly schema: TSchema
    readonly examples?: Examples
    /** Defaults to JSON. */
    readonly contentType?: string
  }
  /** Request headers that mean something here, besides the key's. */
  readonly takes?: Readonly<Record<string, { readonly description: string; schema: TSchema }>>
  /** A route that needs no key. */
  readonly isOpen?: boolean
  /** What opens the route in place of a key: a security scheme of `docs.ts`. */
  readonly openedBy?: 'portal'
  readonly tag: string
}

export type Answer = {
  readonly description: string
  readonly schema: TSchema
  readonly example?: unknown
  /** Defaults to JSON. A stream has `text/event-stream` besides. */
  readonly contentTypes?: readonly string[]
  readonly headers?: Readonly<Record<string, { readonly description: string; schema: TSchema }>>
}

type Examples = Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>

/** A schema by its name among the document's `components`. */
export const named = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/**
 * A route's `detail`: its text and its answers for the OpenAPI document.
 *
 * The answers stand here and not in the route's `response`, because Elysia would check each answer
 * against that, and tell the client of our mistake as if it were the client's. Tests check them.
 */
export function operation(of: Operation) {
  const { summary, description, tag, isOpen = false, openedBy } = of
  const { contentType = 'application/json', ...unparsedBody } = of.unparsedBody ?? {}
  const takesKey = !isOpen && openedBy === undefined
  const refusals = [...(takesKey ? [MISSING_KEY()] : []), ...(of.refusals ?? [])]
  return {
    summary,
    description,
    tags: [tag],
    ...(of.takes === undefined ? {} : { parameters: headerParameters(of.takes) }),
    ...(takesKey ? {} : { security: openedBy === undefined ? [] : [{ [openedBy]: [] }] }),
    ...(of.unparsedBody === undefined
      ? {}
      : { requestBody: { required: true, content: { [contentType]: unparsedBody } } }),
    responses: {
      200: response(of.answer),
      ...Object.fromEntries(
        Object.entries(of.otherAnswers ?? {}).map(([status, answer]) => [status, response(answer)]),
      ),
      ...refusalResponses(refusals),
    },
  }
}

const headerParameters = (takes: NonNullable<Operation['takes']>) =>
  Object.entries(takes).map(([name, about]) => ({ name, in: 'header', required: false, ...about }))

function response({ description, schema, example, contentTypes, headers }: Answer) {
  const content = example === undefined ? { schema } : { schema, example }
  const types = contentTypes ?? ['application/json']
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    content: Object.fromEntries(types.map((type) => [type, content])),
  }
}

/** By status; several refusals of one status are several examples of it. */
function refusalResponses(refusals: readonly Refusal[]) {
  const byStatus = Map.groupBy(refusals, (refusal) => refusal.status)
  const responses = [...byStatus].map(([status, ofStatus]) => {
    const description = ofStatus.map((refusal) => refusal.message).join(' · ')
    const examples = Object.fromEntries(
      ofStatus.map((refusal, index) => [
        `${refusal.code}${index === 0 ? '' : `_${index + 1}`}`,
        { summary: refusal.message, value: refusal.toJSON() },
      ]),
    )
    const content = { 'application/json': { schema: named('Error'), examples } }
    return [status, { description, content }]
  })
  return Object.fromEntries(responses)
}
