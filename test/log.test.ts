import { expect, spyOn, test } from 'bun:test'
import { hideInLog, logError, logWarning } from '../src/log.ts'

test('what is to be hidden stands in no line, wherever it was said', () => {
  const lines: string[] = []
  const log = spyOn(console, 'error').mockImplementation((line) => void lines.push(line))
  try {
    hideInLog(['hidden-key', 'hidden-key-and-more', 'with "quotes"'])
    logWarning('hidden-key failed', { at: 'http://x/?token=hidden-key-and-more' })
    logError('broken', new TypeError('no with "quotes" here', { cause: new Error('hidden-key') }))
  } finally {
    log.mockRestore()
  }
  expect(lines).toHaveLength(2)
  expect(JSON.parse(lines[0]!)).toMatchObject({ message: '… failed', at: 'http://x/?token=…' })
  expect(JSON.parse(lines[1]!).cause.stack).toContain('no … here')
  expect(lines.join()).not.toContain('hidden-key')
})
