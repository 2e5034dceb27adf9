import { queryOf } from './address.ts'

/**
 * A route's `transform`: the query as it was sent, each value as text. For a Standard Schema Elysia
 * splits values at commas and parses what looks like JSON, but an id may be `a,b` or `[1]`. What is
 * given twice becomes a list, which no field of ours is, so it is refused.
 */
export function plainQuery(context: { readonly request: Request; query: unknown }) {
  const searchParams = new URLSearchParams(queryOf(context.request.url))
  const names = [...new Set(searchParams.keys())]
  context.query = Object.fromEntries(
    names.map((name) => {
      const values = searchParams.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}
