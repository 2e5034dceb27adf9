import { expect, test } from 'bun:test'
import { billedBesides } from '../../src/metering/besides-tokens.ts'

const call = (...tools: readonly object[]) => ({ model: 'gpt-5', tools })
const shell = (type: string) => call({ type: 'shell', environment: { type } })

test.each<[Record<string, unknown>, string | null]>([
  [{ model: 'gpt-5' }, null],
  [call(), null],
  [call({ type: 'function', function: { name: 'web_search' } }), null],
  [call({ type: 'function', name: 'mcp' }, { type: 'custom', name: 'f' }), null],
  [call({ type: 'local_shell' }, { type: 'apply_patch' }, { type: 'computer_use_preview' }), null],
  [call({ type: 'function', name: 'f' }, { type: 'web_search' }), 'tools[1]'],
  [call({ type: 'web_search_preview_2025_03_11' }), 'tools[0]'],
  [call({ type: 'file_search', vector_store_ids: ['vs_1'] }), 'tools[0]'],
  [call({ type: 'code_interpreter', container: { type: 'auto' } }), 'tools[0]'],
  [call({ type: 'image_generation' }), 'tools[0]'],
  [call({ type: 'mcp', server_url: 'https://x.y' }), 'tools[0]'],
  [call({ type: 'x_search' }), 'tools[0]'],
  [call({ type: 'browser_search' }), 'tools[0]'],
  [call({ type: 'code_execution_20250522' }), 'tools[0]'],
  [call({ type: 'web_searching' }), null],
  [shell('local'), null],
  [shell('container_auto'), 'tools[0]'],
  [{ web_search_options: null }, null],
  [{ web_search_options: {} }, 'web_search_options'],
  [{ search_parameters: { mode: 'auto' } }, 'search_parameters'],
  [{ plugins: [] }, null],
  [{ plugins: [{ id: 'web' }] }, 'plugins'],
  [{ models: ['openai/gpt-5', 'anthropic/claude-opus-4-7'] }, 'models'],
  [{ tools: 'web_search', plugins: null }, null],
])('of OpenAI and its like, %p is billed besides its tokens for %p', (body, member) => {
  expect(billedBesides(body, 'openai')).toBe(member)
})
