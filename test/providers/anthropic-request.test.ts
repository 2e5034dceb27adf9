import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Refusal } from '../../src/errors.ts'
import { toAnthropic } from '../../src/providers/anthropic/request.ts'
import { refusalOfBody } from '../support/anthropic-errors.ts'

type Json = Record<string, unknown>

const STRICT = { outputTokensMax: 64_000, dropsParams: false }
const user = (content: unknown) => ({ role: 'user', content })
const asked = { model: 'claude-sonnet-4-5', messages: [user('Hi')] }
const of = (more: Json, translation = STRICT) => toAnthropic({ ...asked, ...more }, translation)

function refusalOf(more: Json, translation = STRICT): Refusal {
  try {
    of(more, translation)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('not refused')
}

const HI = { role: 'user', content: [{ type: 'text', text: 'Hi' }] }

test.each<[string, Json, Json]>([
  ['the larger of two caps', { max_tokens: 5, max_completion_tokens: 9 }, { max_tokens: 9 }],
  ['the longest answer without a cap', {}, { max_tokens: 64_000 }],
  ['one stop', { stop: 'END' }, { stop_sequences: ['END'] }],
  ['several stops', { stop: ['a', 'b'] }, { stop_sequences: ['a', 'b'] }],
  [
    'what is drawn from',
    { temperature: 1, top_p: 0.5, top_k: 3 },
    { temperature: 1, top_p: 0.5, top_k: 3 },
  ],
  ['a stream', { stream: true, stream_options: { include_usage: true } }, { stream: true }],
  ['a tier', { service_tier: 'default' }, { service_tier: 'standard_only' }],
  ['its own user', { user: 'alice-7' }, { metadata: { user_id: 'alice-7' } }],
  ['text as text', { response_format: { type: 'text' } }, {}],
  [
    'what asks for nothing',
    {
      n: 1,
      presence_penalty: 0,
      logit_bias: {},
      logprobs: false,
      modalities: ['text'],
      seed: null,
    },
    {},
  ],
])('%s is said', (_, more, said) => {
  expect(of(more)).toEqual({ model: asked.model, max_tokens: 64_000, messages: [HI], ...said })
})

test.each(['alice@example.com', '+49 170 1234567', '(555) 010-9999'])(
  'Anthropic is not told of %s, which names a person',
  (id) => {
    expect(of({ user: id })['metadata']).toBeUndefined()
  },
)

test('a cap without which nobody knows is 4096, as in LiteLLM', () => {
  expect(of({}, { ...STRICT, outputTokensMax: null as never })['max_tokens']).toBe(4_096)
})

test.each<[string, Json]>([
  ['n', { n: 2 }],
  ['logprobs', { logprobs: true }],
  ['frequency_penalty', { frequency_penalty: 0.1 }],
  ['seed', { seed: 1 }],
  ['audio', { audio: { voice: 'a' } }],
  ['modalities', { modalities: ['text', 'audio'] }],
  ['web_search_options', { web_search_options: {} }],
  ['functions', { functions: [{ name: 'f' }] }],
  ['made_up', { made_up: 1 }],
  ['temperature', { temperature: 1.5 }],
  ['service_tier', { service_tier: 'flex' }],
  ['response_format', { response_format: { type: 'json_object' } }],
  ['tools[0].type', { tools: [{ type: 'custom', custom: { name: 'x' } }] }],
  ['tool_choice', { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'any' }],
])('%s cannot be said: it is refused by name, or dropped', (param, more) => {
  const refusal = refusalOf(more)
  expect([refusal.status, refusal.param]).toEqual([400, param])
  expect(refusal.message).toContain('drop_params')
  const dropped = of(more, { ...STRICT, dropsParams: true })
  expect(Object.keys(dropped).filter((key) => key === param || key === 'tool_choice')).toEqual([])
  expect(refusalOfBody(dropped, { isCounted: false, version: null })).toBeNull()
})

describe('tools', () => {
  const tool = (more: Json = {}) => ({ type: 'function', function: { name: 'f', ...more } })
  const own = (more: Json = {}) => ({
    name: 'f',
    input_schema: { type: 'object', properties: {} },
    ...more,
  })

  test.each<[Json, Json]>([
    [{ tools: [tool()] }, { tools: [own()] }],
    [
      { tools: [tool({ description: 'd', strict: true })] },
      { tools: [own({ description: 'd', strict: true })] },
    ],
    [
      { tools: [tool({ strict: false })], tool_choice: 'auto' },
      { tools: [own()], tool_choice: { type: 'auto' } },
    ],
    [
      { tools: [tool()], tool_choice: 'required' },
      { tools: [own()], tool_choice: { type: 'any' } },
    ],
    [
      { tools: [tool()], tool_choice: 'none', parallel_tool_calls: false },
      { tools: [own()], tool_choice: { type: 'none' } },
    ],
    [
      { tools: [tool()], tool_choice: { type: 'function', function: { name: 'f' } } },
      { tools: [own()], tool_choice: { type: 'tool', name: 'f' } },
    ],
    [
      { tools: [tool()], parallel_tool_calls: false },
      { tools: [own()], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    [{ tools: [], tool_choice: 'auto' }, {}],
  ])('%p are %p', (more, said) => {
    const { tools, tool_choice } = of(more)
    expect({
      ...(tools === undefined ? {} : { tools }),
      ...(tool_choice === undefined ? {} : { tool_choice }),
    }).toEqual(said)
  })
})

describe('reasoning', () => {
  test.each<[string, Json, Json]>([
    [
      'claude-sonnet-4-5',
      { reasoning_effort: 'low' },
      { thinking: { type: 'enabled', budget_tokens: 1_024 } },
    ],
    [
      'claude-3-7-sonnet-latest',
      { reasoning_effort: 'high' },
      { thinking: { type: 'enabled', budget_tokens: 4_096 } },
    ],
    [
      'claude-sonnet-4-20250514',
      { reasoning_effort: 'medium' },
      { thinking: { type: 'enabled', budget_tokens: 2_048 } },
    ],
    [
      'claude-haiku-4-5',
      { reasoning_effort: 'high', max_tokens: 2_000 },
      { thinking: { type: 'enabled', budget_tokens: 1_999 } },
    ],
    ['claude-haiku-4-5', { reasoning_effort: 'high', max_tokens: 1_000 }, {}],
    ['claude-haiku-4-5', { reasoning_effort: 'none' }, {}],
    [
      'claude-opus-4-6',
      { reasoning_effort: 'minimal' },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } },
    ],
    [
      'claude-opus-4-8-20260701',
      { reasoning_effort: 'xhigh' },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } },
    ],
    ['claude-sonnet-5', { reasoning_effort: 'none' }, { thinking: { type: 'disabled' } }],
    ['claude-fable-5-1', { thinking: { type: 'adaptive' } }, { thinking: { type: 'adaptive' } }],
  ])('of %s by %p is %p', (model, more, said) => {
    const { thinking, output_config } = of({ ...more, model })
    expect({ thinking, output_config }).toEqual({
      thinking: undefined,
      output_config: undefined,
      ...said,
    })
  })

  test.each(['huge', '__proto__', 'constructor'])('of the effort %s is refused', (effort) => {
    expect(refusalOf({ reasoning_effort: effort }).param).toBe('reasoning_effort')
  })

  test('members that every object has are members like others', () => {
    const body = JSON.parse('{"__proto__":{},"constructor":1,"toString":2}')
    expect(refusalOf(body).param).toBe('__proto__')
  })
})

test('a schema for the answer is a format of the output', () => {
  const schema = { type: 'object', properties: {}, additionalProperties: false }
  const response_format = { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } }
  expect(of({ response_format })['output_config']).toEqual({
    format: { type: 'json_schema', schema },
  })
})

test('whatever JSON comes in, it is translated or refused, and never breaks', () => {
  const names =
    `messages tools tool_choice stop temperature reasoning_effort response_format thinking
    user service_tier max_tokens n __proto__ constructor toString`.split(/\s+/)
  const odd = fc.constantFrom('__proto__', 'constructor', 'toString', 'valueOf')
  const bodies = fc.dictionary(fc.constantFrom(...names), fc.oneof(odd, fc.jsonValue()), {
    noNullPrototype: true,
  })
  fc.assert(
    fc.property(bodies, fc.boolean(), (body, dropsParams) => {
      try {
        toAnthropic(JSON.parse(JSON.stringify({ ...asked, ...body })), { ...STRICT, dropsParams })
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal)
      }
    }),
  )
})
