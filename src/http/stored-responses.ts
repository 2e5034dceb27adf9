import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Retrieval } from '../gateway/stored.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { queryOf } from './address.ts'
import { operation } from './operation.ts'

export type StoredResponseParts = {
  /** Answers the upstream's own answer. */
  readonly retrieve: (asked: Retrieval) => Promise<Response>
  /** The key that the request comes with; null: the master key. Throws what keeps others out. */
  readonly authorize: (request: Request) => VirtualKey | null
}

type About = { readonly request: Request; readonly params: { readonly id: string | null } }

const BAD_PATH = 'The path is not valid: a % must be followed by two hexadecimal digits, in UTF-8.'

const notFound = new Refusal('not_found', "Response with id 'resp_1' not found.", {
  param: 'response_id',
})
const stillMade = new Refusal(
  'in_use',
  "Response with id 'resp_1' is still being made; cancel it first.",
  { param: 'response_id' },
)

const text = (summary: string, like: string, refusals: readonly Refusal[] = [notFound]) =>
  operation({
    tag: 'Calls',
    summary,
    description:
      `As OpenAI \`${like}\`, of a response that was made through this gateway in the last 30 ` +
      'days, with the same key. It is not metered: the response was charged when it was made.',
    answer: {
      description: "The upstream's answer, byte for byte.",
      schema: Type.Unknown({ description: 'What the upstream has.' }),
    },
    refusals,
  })

/** What can be done with a response that its upstream keeps. */
export function storedResponseRoutes({ retrieve, authorize }: StoredResponseParts) {
  const ask = ({ request, params }: About, below: string): Promise<Response> => {
    const { url, headers, signal } = request
    const { id } = params
    // Elysia gives null for what cannot be decoded.
    if (id === null) throw new Refusal('invalid_request', BAD_PATH, { param: 'response_id' })
    return retrieve({
      id,
      below,
      query: queryOf(url) === '' ? '' : `?${queryOf(url)}`,
      method: request.method as Retrieval['method'],
      headers,
      key: authorize(request),
      signal,
    })
  }

  const routes = new Elysia({ normalize: false })
  for (const prefix of ['/v1', '']) {
    routes
      .get(`${prefix}/responses/:id`, (about) => ask(about, ''), {
        detail: text('A response that is kept', 'GET /v1/responses/{response_id}'),
      })
      .delete(`${prefix}/responses/:id`, (about) => ask(about, ''), {
        parse: 'none',
        detail: text('Delete a response', 'DELETE /v1/responses/{response_id}', [
          notFound,
          stillMade,
        ]),
      })
      .post(`${prefix}/responses/:id/cancel`, (about) => ask(about, '/cancel'), {
        parse: 'none',
        detail: text('Call off a response', 'POST /v1/responses/{response_id}/cancel'),
      })
      .get(`${prefix}/responses/:id/input_items`, (about) => ask(about, '/input_items'), {
        detail: text(
          'What a response was made from',
          'GET /v1/responses/{response_id}/input_items',
        ),
      })
  }
  return routes
}
