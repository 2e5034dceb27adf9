import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { anotherCall, callUnderWay } from '../gateway/idempotency.ts'
import { type Answer, operation } from './operation.ts'

export const COMMON = {
  model: Type.String({ description: 'A served model.', examples: ['demo'] }),
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
}

export const STREAM = {
  stream: Type.Optional(
    Type.Boolean({ description: 'Answer in pieces, as they come.', examples: [true] }),
  ),
}

export const AS_SENT = { description: 'Every other field goes to the upstream as you sent it.' }

const MESSAGES = [{ role: 'user', content: 'what time is it' }]

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

/** What a call may be refused with, on every endpoint. */
const REFUSALS = [
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
    'credit_exhausted',
    'End User=alice has not enough credit for this call. Balance: 0.000257, held for calls in ' +
      'flight: 0 dollars. Top up at https://app.example.com/billing?customer=alice .',
    {
      more: {
        balance: 0.000257,
        held: 0,
        top_up_url: 'https://app.example.com/billing?customer=alice',
      },
    },
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
]

const MADE_OF = 'The charge is on disk before the answer ends: its last byte waits for that.'

export function call(about: {
  readonly summary: string
  readonly like: string
  /** Whose path it is. */
  readonly of?: string
  readonly description?: string
  readonly body: Type.TSchema
  readonly examples?: NonNullable<Parameters<typeof operation>[0]['unparsedBody']>['examples']
  readonly answer: Pick<Answer, 'schema' | 'contentTypes'> & { readonly streams: boolean }
  /** Of the body. Default: JSON. */
  readonly contentType?: 'multipart/form-data'
  /** Besides those of every endpoint. */
  readonly refusals?: readonly Refusal[]
}) {
  const {
    summary,
    like,
    of = 'OpenAI',
    description = '',
    body,
    examples,
    answer,
    contentType,
  } = about
  return operation({
    tag: 'Calls',
    summary,
    description: `As ${of} \`POST /v1${like}\`. ${MADE_OF} ${description}`.trim(),
    takes: IDEMPOTENCY_KEY,
    unparsedBody: {
      schema: body,
      ...(examples === undefined ? {} : { examples }),
      ...(contentType === undefined ? {} : { contentType }),
    },
    answer: {
      description: "The upstream's answer, byte for byte.",
      schema: answer.schema,
      contentTypes: [
        ...(answer.contentTypes ?? ['application/json']),
        ...(answer.streams ? ['text/event-stream'] : []),
      ],
      headers: COST_HEADERS,
    },
    refusals: [...REFUSALS, ...(about.refusals ?? [])],
  })
}

const input = Type.Unknown({ description: 'What is asked.', examples: ['what time is it'] })

/** Bodies of Anthropic's paths. */
const ANTHROPICS = {
  model: Type.String({
    description: 'A served model of Anthropic, or `demo`.',
    examples: ['demo'],
  }),
  messages: Type.Array(Type.Unknown(), { description: 'The conversation so far.' }),
  metadata: Type.Optional(
    Type.Object({ user_id: Type.Optional(Type.String({ description: 'The customer.' })) }),
  ),
}
const ASKED = { model: 'demo', messages: MESSAGES }
const ANTHROPIC =
  'For models of Anthropic (`model: anthropic/…` in the config) and the demo. Errors are in the ' +
  'shape of both Anthropic and OpenAI: ' +
  '`{"type": "error", "error": {"type", "message", "param", "code"}}`.'

/** The text of each metered endpoint whose body is JSON and whose answer is text. */
export const CALL_DOCS = {
  CHAT: call({
    summary: 'A chat completion, on the tab of the customer in `user`',
    like: '/chat/completions',
    description: 'An upstream that fails in a stream ends it with an event `data: {"error": …}`.',
    body: Type.Object(
      {
        ...COMMON,
        messages: Type.Array(Type.Unknown(), { description: 'The conversation so far.' }),
        ...STREAM,
      },
      AS_SENT,
    ),
    examples: {
      plain: {
        summary: 'In one piece',
        value: { model: 'demo', user: 'alice', messages: MESSAGES },
      },
      stream: {
        summary: 'As a stream',
        value: { model: 'demo', user: 'alice', messages: MESSAGES, stream: true },
      },
    },
    answer: {
      schema: Type.Unknown({ description: 'A `chat.completion`, or a stream of its chunks.' }),
      streams: true,
    },
  }),
  COMPLETIONS: call({
    summary: 'A completion of a text',
    like: '/completions',
    body: Type.Object(
      {
        ...COMMON,
        prompt: Type.Unknown({ description: 'The text to go on from, or several.' }),
        ...STREAM,
      },
      AS_SENT,
    ),
    examples: {
      plain: { summary: 'A text', value: { model: 'demo', user: 'alice', prompt: 'It is' } },
    },
    answer: {
      schema: Type.Unknown({ description: 'A `text_completion`, or a stream of its chunks.' }),
      streams: true,
    },
  }),
  RESPONSES: call({
    summary: 'A response',
    like: '/responses',
    description: 'An upstream that fails in a stream ends it with an event `error`.',
    body: Type.Object({ ...COMMON, input, ...STREAM }, AS_SENT),
    examples: {
      plain: {
        summary: 'A text',
        value: { model: 'demo', user: 'alice', input: 'what time is it' },
      },
    },
    answer: {
      schema: Type.Unknown({ description: 'A `response`, or a stream of its events.' }),
      streams: true,
    },
  }),
  EMBEDDINGS: call({
    summary: 'Embeddings of texts',
    like: '/embeddings',
    body: Type.Object({ ...COMMON, input }, AS_SENT),
    examples: {
      plain: { summary: 'A text', value: { model: 'demo', user: 'alice', input: 'toll gate' } },
    },
    answer: { schema: Type.Unknown({ description: 'A list of embeddings.' }), streams: false },
  }),
  MODERATIONS: call({
    summary: 'Whether a text is harmful',
    like: '/moderations',
    body: Type.Object({ ...COMMON, input }, AS_SENT),
    examples: {
      plain: { summary: 'A text', value: { model: 'demo', user: 'alice', input: 'toll gate' } },
    },
    answer: { schema: Type.Unknown({ description: 'A list of results.' }), streams: false },
  }),
  MESSAGES: call({
    summary: 'A message of an Anthropic model, on the tab of the customer in `metadata.user_id`',
    like: '/messages',
    of: 'Anthropic',
    description: `${ANTHROPIC} A stream that fails ends with an event \`error\`.`,
    body: Type.Object(
      {
        ...ANTHROPICS,
        max_tokens: Type.Integer({ description: 'The longest answer, in tokens.' }),
        ...STREAM,
      },
      AS_SENT,
    ),
    examples: {
      plain: {
        summary: 'In one piece',
        value: { ...ASKED, max_tokens: 100, metadata: { user_id: 'alice' } },
      },
      stream: { summary: 'As a stream', value: { ...ASKED, max_tokens: 100, stream: true } },
    },
    answer: {
      schema: Type.Unknown({ description: 'A `message`, or a stream of its events.' }),
      streams: true,
    },
  }),
}

/** The text of what is forwarded and costs nothing. */
export const COUNT_TOKENS_DOCS = operation({
  tag: 'Calls',
  summary: 'How many tokens a call of `/messages` would read',
  description: `As Anthropic \`POST /v1/messages/count_tokens\`; free of charge. ${ANTHROPIC}`,
  unparsedBody: {
    schema: Type.Object(ANTHROPICS, AS_SENT),
    examples: { plain: { summary: 'A text', value: ASKED } },
  },
  answer: {
    description: "The upstream's answer, byte for byte.",
    schema: Type.Unknown({ description: '`{"input_tokens": 14}`' }),
    headers: { 'x-tollgate-call-id': COST_HEADERS['x-tollgate-call-id'] },
  },
  refusals: REFUSALS.filter(
    ({ code }) => code !== 'budget_exceeded' && code !== 'credit_exhausted',
  ),
})
