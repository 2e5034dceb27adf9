import { expect, test } from 'bun:test'
import { hasDocuments } from '../../src/metering/documents.ts'
import { partsIn } from '../../src/metering/parts.ts'
import { windowOf } from '../../src/metering/windows.ts'

test.each<[string, object, number]>([
  ['claude-sonnet-4-5', { type: 'document', source: { type: 'base64', data: '' } }, 200_000],
  ['claude-sonnet-5', { type: 'document', source: { type: 'url', url: 'x' } }, 1_000_000],
  ['claude-opus-4-6', { type: 'document', source: { type: 'file', file_id: 'x' } }, 1_000_000],
  ['claude-opus-4-1', { type: 'file', file: { file_data: 'data:application/pdf;' } }, 200_000],
  ['claude-opus-4-1', { type: 'file', file: { file_data: 'data:text/plain;' } }, 0],
  ['claude-opus-4-1', { type: 'document', source: { type: 'text', data: 'abc' } }, 0],
  [
    'claude-opus-4-1',
    { type: 'tool_result', content: [{ type: 'document', source: { type: 'url' } }] },
    200_000,
  ],
  ['gpt-4o-mini', { type: 'file', file: { file_id: 'file-1' } }, 128_000],
  ['openai/o3', { type: 'input_file', file_url: 'https://x.y' }, 200_000],
  ['gpt-5-mini', { type: 'input_file', file_data: 'data:application/pdf;base64,' }, 400_000],
  ['gpt-5-mini', { type: 'input_file', file_data: 'data:text/csv;base64,YQ==' }, 0],
  ['gpt-5.4', { type: 'input_file', file_id: 'file-1' }, 1_050_000],
  ['gpt-4.1', { type: 'file', file: { file_id: 'file-1' } }, 2_097_152],
  ['gemini-2.5-flash', { type: 'video_url', video_url: { url: 'https://x.y' } }, 2_097_152],
  ['gpt-4o', { type: 'image_url', image_url: { url: 'https://x.y' } }, 0],
])('%s may read of %p at most %p tokens more', (model, part, tokens) => {
  for (const list of ['messages', 'input']) {
    const items = [{ role: 'user', content: [{ type: 'text', text: 'Read this.' }, part] }]
    expect(hasDocuments(partsIn({ [list]: items }))).toBe(tokens !== 0)
    if (tokens !== 0) expect(windowOf(model)).toBe(tokens)
  }
})

test('a document in what a tool has put out counts too, and what is no list does not', () => {
  const output = [{ type: 'input_file', file_id: 'file-1' }]
  const input = [{ type: 'function_call_output', call_id: 'c', output }]
  expect(hasDocuments(partsIn({ input }))).toBe(true)
  expect(hasDocuments(partsIn({ input: 'type: input_file', messages: 7 }))).toBe(false)
  expect(hasDocuments(partsIn({ messages: [null, 'x', { content: null }] }))).toBe(false)
})
