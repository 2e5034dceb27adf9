import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Call } from '../gateway/call.ts'
import { anotherCall, callUnderWay } from '../gateway/idempotency.ts'
import type { InFlight } from '../gateway/in-flight.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { operation } from './operation.ts'
import { type BodyLimits, bytesAtMost, readBody } from './request-body.ts'

export type CallParts = {
  readonly handleCall: (call: Call) => Promise<Response>
  /** The key that the call comes with; null: the master key. Throws what keeps others out. */
  readonly authorize: (request: Request) => VirtualKey | null
  /** Whether Bun may wait long for the next byte of its answer. */
  readonly mayTakeTime: (request: Request, may: boolean) => void
  readonly inFlight: Pick<InFlight, 'arrive' | 'sized' | 'leave'>
  readonly body: BodyLimits
  readonly newId: () => string
}

/** The metered endpoints: each with and without `/v1`, for base URLs of either kind. */
const ENDPOINTS = ['/chat/completions'] as const

/**
 * Every metered path: bytes in, a call, its answer out. The body is not parsed here (`parse:
 * 'none'`): what the client sent is what the upstream gets.
 */
export const callRoutes = (parts: CallParts) => {
  const routes = new Elysia({ normalize: false })
  for (const path of ENDPOINTS) {
    for (const prefix of ['', '/v1']) {
      routes.post(`${prefix}${path}`, ({ request }) => answer(request, path, parts), {
        parse: 'none',
        detail: CHAT,
      })
    }
  }
  return routes
}

async function answer(request: Request, path: string, parts: CallParts): Promise<Response> {
  const key = parts.authorize(request)
  const id = parts.newId()
  parts.mayTakeTime(request, true)
  let isStream = false
  try {
    parts.inFlight.arrive(id, bytesAtMost(request, parts.body))
    const body = await readBody(request, parts.body)
    parts.inFlight.sized(id, body.length)
    const { headers, signal } = request
    const response = await parts.handleCall({ id, path, headers, body, key, signal })
    isStream = isEventStream(response)
    return response
  } catch (error) {
    if (error instanceof Refusal) error.with({ 'x-tollgate-call-id': id, 'x-litellm-call-id': id })
    throw error
  } finally {
    parts.inFlight.leave(id)
    // A stream has a watch of its own over its client.
    if (!isStream) parts.mayTakeTime(request, false)
  }
}

const isEventStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false

const Chat = Type.Object(
  {
    model: Type.String({ description: 'A served model.', examples: ['demo'] }),
    messages: Type.Array(Type.Unknown(), { description: 'The conversation so far.' }),
    user: Type.Optional(
      Type.String({
        description:
          'Your id for the customer whose tab the call is on; an unknown one is created. The ' +
          'headers `x-litellm-customer-id` and `x-litellm-end-user-id` come before it, and a key ' +
          'that is bound to a customer before all of them.',
        minLength: 1,
        maxLength: 256,
        examples: ['alice'],
      }),
    ),
    stream: Type.Optional(
      Type.Boolean({ description: 'Answer in pieces, as they come.', examples: [true] }),
    ),
  },
  { description: 'Every other field goes to the upstream as you sent it.' },
)

const messages = [{ role: 'user', content: 'what time is it' }]

const COST_HEADERS = {
  'x-tollgate-call-id': {
    description: 'Names the call in the ledger.',
    schema: Type.String({ examples: ['01M85V1AC156P9WTXJ4216DYDY'] }),
  },
  'x-tollgate-cost': {
    description: 'Dollars on the tab for this call; not on a stream, which is not over yet.',
    schema: Type.String({ examples: ['0.000387'] }),
  },
  'x-tollgate-replayed': {
    description: "`true` on the first answer given again; its cost and id are the first call's.",
    schema: Type.String({ examples: ['true'] }),
  },
}

const IDEMPOTENCY_KEY = {
  'Idempotency-Key': {
    description:
      'Names the call, for a day. The same key of the same customer is neither sent upstream nor ' +
      'charged again: it gets the first answer.',
    schema: Type.String({ minLength: 1, maxLength: 255, examples: ['order-4711'] }),
  },
}

const CHAT = operation({
  tag: 'Calls',
  summary: 'A chat completion, on the tab of the customer in `user`',
  description:
    'As OpenAI `POST /v1/chat/completions`. The charge is on disk before the answer ends: its ' +
    'last byte, or the `data: [DONE]` of a stream, waits for that. An upstream that fails in a ' +
    'stream ends it with an event `data: {"error": {…}}`.',
  takes: IDEMPOTENCY_KEY,
  unparsedBody: {
    schema: Chat,
    examples: {
      plain: { summary: 'In one piece', value: { model: 'demo', user: 'alice', messages } },
      stream: {
        summary: 'As a stream',
        value: { model: 'demo', user: 'alice', messages, stream: true },
      },
    },
  },
  answer: {
    description: "The upstream's answer, byte for byte.",
    schema: Type.Unknown({ description: 'A `chat.completion`, or a stream of its chunks.' }),
    contentTypes: ['application/json', 'text/event-stream'],
    headers: COST_HEADERS,
  },
  refusals: [
    new Refusal('invalid_request', '`stream` must be true or false, got "yes".', {
      param: 'stream',
    }),
    new Refusal('model_not_found', 'The model `dem` is not served here. Did you mean `demo`?', {
      param: 'model',
    }),
    new Refusal('customer_blocked', 'User not allowed to access. End User=alice is blocked.', {
      param: 'user',
    }),
    new Refusal(
      'budget_exceeded',
      'ExceededBudget: End User=alice over budget. Spend=4.000012, Budget=4. ' +
        'Held for calls in flight: 0; the budget resets at 2026-12-01T00:00:00.000Z.',
    ),
    new Refusal(
      'key_model_not_allowed',
      "key not allowed to access model. This key can only access models=['demo']. " +
        'Tried to access gpt-4o',
      { param: 'model' },
    ),
    callUnderWay(),
    anotherCall(),
    new Refusal('body_too_slow', 'The body was not all here after 120 s.'),
    new Refusal('body_too_large', 'The body has more than the 10485760 bytes that are taken.'),
    new Refusal('upstream_failed', 'The upstream of `demo` cannot be reached.'),
    new Refusal('upstream_timed_out', 'The upstream of `demo` sent nothing for 600 s.'),
    new Refusal('overloaded', 'Charges cannot be written at the moment; try again shortly.'),
    new Refusal('overloaded', '10000 calls are in flight, and no more are taken at once.'),
  ],
})
