import { expect, test } from 'bun:test'
import { billedBesides } from '../../src/metering/besides-tokens.ts'
import { imagesIn } from '../../src/metering/images.ts'
import { partsIn } from '../../src/metering/parts.ts'
import { countPrompt } from '../support/counted-prompt.ts'

/** Counts letters, so that a test can be reckoned by hand. */
const letters = (text: string) => text.length

const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] })
// 3 to prime the answer, 3 for the message, 4 for `user`.
const AROUND = 10
const IMAGE = 85 + 8 * 170

test.each<[string, object, number]>([
  ['instructions', { system: 'abc', ...user() }, AROUND + 3],
  ['instructions in blocks', { system: [{ type: 'text', text: 'abc' }], ...user() }, AROUND + 3],
  [
    'an image',
    user({ type: 'image', source: { type: 'url', url: 'https://x.y' } }),
    AROUND + IMAGE,
  ],
  [
    'a call of a tool',
    user({ type: 'tool_use', id: 'toolu_1', name: 'f', input: { a: 1 } }),
    AROUND + 1 + 7,
  ],
  [
    'what a tool answered, with an image',
    user(
      { type: 'tool_result', tool_use_id: 'a', content: 'abc' },
      {
        type: 'tool_result',
        tool_use_id: 'b',
        content: [
          { type: 'text', text: 'de' },
          { type: 'image', source: { type: 'base64', data: '' } },
        ],
      },
    ),
    AROUND + 3 + 2 + IMAGE,
  ],
  ['a thought', user({ type: 'thinking', thinking: 'hmm', signature: 'EqQBCg' }), AROUND + 3],
  [
    'a text as a document',
    user({ type: 'document', title: 'ab', source: { type: 'text', data: 'abc' } }),
    AROUND + 5,
  ],
  [
    'a PDF, a token for 64 bytes',
    user({ type: 'document', source: { type: 'base64', data: 'A'.repeat(256) } }),
    AROUND + 3,
  ],
  [
    'a block whose type every object has',
    user({ type: '__proto__' }, { type: 'constructor' }),
    AROUND,
  ],
  ['tools', { tools: [{ name: 'f', input_schema: {} }], ...user() }, AROUND + 32],
  [
    'a schema',
    { output_config: { format: { type: 'json_schema', schema: { a: 1 } } }, ...user() },
    AROUND + 7,
  ],
])('%s of Anthropic is counted', (_, body, tokens) => {
  expect(countPrompt(body as Record<string, unknown>, letters)).toBe(tokens)
})

test('images in what a tool answered are images', () => {
  const image = { type: 'image', source: { type: 'url', url: 'https://x.y' } }
  const call = user(image, { type: 'tool_result', content: [image, image] })
  expect(imagesIn(partsIn(call))).toHaveLength(3)
})

test.each<[object, string | null]>([
  [{ speed: 'standard', inference_geo: 'global' }, null],
  [{ tools: [{ name: 'web_search', input_schema: {} }, { type: 'bash_20250124' }] }, null],
  [{ mcp_servers: [] }, null],
  [{ speed: 'fast' }, 'speed'],
  [{ inference_geo: 'us' }, 'inference_geo'],
  [{ mcp_servers: [{ type: 'url', url: 'https://x.y' }] }, 'mcp_servers'],
  [{ tools: [{ name: 'f' }, { type: 'web_search_20260209' }] }, 'tools[1]'],
  [{ tools: [{ type: 'code_execution_20260521' }] }, 'tools[0]'],
  [{ tools: [{ type: 'advisor_20260301' }] }, 'tools[0]'],
  [{ fallbacks: 'default' }, 'fallbacks'],
  [{ thread: { id: 'x' } }, 'thread'],
  [{ context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, null],
  [{ context_management: { edits: [{ type: 'compact_20260112' }] } }, 'context_management'],
])('%p is billed besides its tokens for %p', (body, member) => {
  expect(billedBesides(body as Record<string, unknown>, 'anthropic')).toBe(member)
})
