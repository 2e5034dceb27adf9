import { describe, expect, test } from 'bun:test'
import { Refusal } from '../../src/errors.ts'
import { toAnthropic } from '../../src/providers/anthropic/request.ts'

type Json = Record<string, unknown>

const STRICT = { outputTokensMax: 64_000, dropsParams: false }
const user = (content: unknown) => ({ role: 'user', content })
const asked = { model: 'claude-sonnet-4-5', messages: [user('Hi')] }
const of = (more: Json, translation = STRICT) => toAnthropic({ ...asked, ...more }, translation)
const messagesOf = (...messages: Json[]) => of({ messages })

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

describe('messages', () => {
  test('of system and developer stand apart, in their order', () => {
    const { system, messages } = messagesOf({ role: 'system', content: 'Be brief.' }, user('Hi'), {
      role: 'developer',
      content: [{ type: 'text', text: 'In French.' }],
    })
    expect(system).toEqual([
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'In French.' },
    ])
    expect(messages).toEqual([HI])
  })

  test('of one side after another are one turn', () => {
    expect(messagesOf(user('a'), user('b'))['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ])
  })

  test('with calls of tools and their answers, which come together', () => {
    const call = (id: string, given: string) => ({
      id,
      type: 'function',
      function: { name: 'add', arguments: given },
    })
    const { messages } = messagesOf(
      user('Hi'),
      { role: 'assistant', content: null, tool_calls: [call('a', '{"x":1}'), call('b', '')] },
      { role: 'tool', tool_call_id: 'a', content: '2' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: '3' }] },
      user('And?'),
    )
    expect(messages).toEqual([
      HI,
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'add', input: { x: 1 } },
          { type: 'tool_use', id: 'b', name: 'add', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: '2' },
          { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: '3' }] },
          { type: 'text', text: 'And?' },
        ],
      },
    ])
  })

  test('keep what was thought, with its signature, before what was said', () => {
    const thinking_blocks = [{ type: 'thinking', thinking: 'Hm.', signature: 's' }]
    const { messages } = messagesOf(
      user('Hi'),
      { role: 'assistant', content: 'Yes.', reasoning_content: 'Hm.', thinking_blocks },
      user('?'),
    )
    expect((messages as Json[])[1]!['content']).toEqual([
      ...thinking_blocks,
      { type: 'text', text: 'Yes.' },
    ])
  })

  test('with nothing in them are left out, unless they are all that is asked', () => {
    const { messages } = messagesOf(user('Hi'), { role: 'assistant', content: '' }, user('?'))
    expect(messages).toHaveLength(1)
    expect(refusalOf({ messages: [user('')] }).param).toBe('messages[0].content')
  })

  test.each<[string, Json, Json]>([
    [
      'an image by address',
      { type: 'image_url', image_url: { url: 'https://x.y/a.png', detail: 'low' } },
      { type: 'image', source: { type: 'url', url: 'https://x.y/a.png' } },
    ],
    [
      'an image in itself',
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
      {
        type: 'image',
        source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
      },
    ],
    [
      'a PDF',
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBE' } },
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' },
        title: 'a.pdf',
      },
    ],
    [
      'plain text',
      { type: 'file', file: { file_data: 'data:text/plain;charset=utf-8;base64,R3LDvMOf' } },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüß' } },
    ],
    [
      'a mark of a cache',
      { type: 'text', text: 'long', cache_control: { type: 'ephemeral', ttl: '1h' } },
      { type: 'text', text: 'long', cache_control: { type: 'ephemeral', ttl: '1h' } },
    ],
  ])('with %s', (_, part, block) => {
    const { messages } = messagesOf(user([part]))
    expect(messages).toEqual([{ role: 'user', content: [block] }])
  })

  test.each<[string, unknown]>([
    ['messages', 'Hi'],
    ['messages[0].role', [{ role: 'function', content: 'x' }]],
    ['messages[0].content', [user(7)]],
    ['messages[0].content[0].type', [user([{ type: 'input_audio', input_audio: {} }])]],
    ['messages[0].content[0].image_url.url', [user([{ type: 'image_url', image_url: {} }])]],
    [
      'messages[0].content[0].image_url.url',
      [user([{ type: 'image_url', image_url: { url: 'data:image/tiff;base64,AAAA' } }])],
    ],
    [
      'messages[0].content[0].file.file_data',
      [user([{ type: 'file', file: { file_id: 'file-1' } }])],
    ],
    ['messages[0].tool_call_id', [{ role: 'tool', content: 'x' }]],
    [
      'messages[0].tool_calls[0].function.arguments',
      [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: '[' } }] }],
    ],
    ['messages[0].function_call', [{ role: 'assistant', function_call: { name: 'f' } }]],
    [
      'messages[0].content[0].type',
      [{ role: 'system', content: [{ type: 'image_url', image_url: 'https://x.y' }] }],
    ],
  ])(
    'that are wrong are refused, naming %s, whether parameters are dropped or not',
    (param, messages) => {
      for (const dropsParams of [false, true]) {
        const refusal = refusalOf({ messages }, { ...STRICT, dropsParams })
        expect([refusal.code, refusal.param]).toEqual(['invalid_request', param])
      }
    },
  )
})
