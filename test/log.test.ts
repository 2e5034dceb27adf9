import { afterEach, describe, expect, spyOn, test } from 'bun:test'
import fc from 'fast-check'
import {
  hideInLog,
  type LogSettings,
  logError,
  logInfo,
  logTrouble,
  logWarning,
  setLog,
} from '../src/log.ts'

const USUAL: LogSettings = { format: 'json', level: 'info', isColoured: false }
afterEach(() => setLog(USUAL))

/** What is written to the console meanwhile. */
function linesOf(write: () => void): string[] {
  const lines: string[] = []
  const log = spyOn(console, 'error').mockImplementation((line) => void lines.push(line))
  try {
    write()
  } finally {
    log.mockRestore()
  }
  return lines
}

describe.each(['json', 'text'] as const)('%s', (format) => {
  test('what is to be hidden stands in no line, wherever it was said', () => {
    setLog({ format })
    const lines = linesOf(() => {
      hideInLog(['hidden-key', 'hidden-key-and-more', 'with "quotes"'])
      logWarning('hidden-key failed', { at: 'http://x/?token=hidden-key-and-more' })
      logWarning('with "quotes" failed', { in: { a: 'list of with "quotes"' } })
      logError('broken', new TypeError('no with "quotes" here', { cause: new Error('hidden-key') }))
    })
    expect(lines).toHaveLength(3)
    expect(lines[0]).toContain('… failed')
    expect(lines[0]).toContain('http://x/?token=…')
    expect(lines[2]).toContain('no … here')
    expect(lines.join()).not.toContain('hidden-key')
    expect(lines.join()).not.toContain('quotes')
  })

  test('what is below the level is not written', () => {
    const all = () => {
      logInfo('a')
      logWarning('b')
      logTrouble('c')
      logError('d', null)
    }
    setLog({ format, level: 'warn' })
    expect(linesOf(all)).toHaveLength(3)
    setLog({ level: 'error' })
    expect(linesOf(all)).toHaveLength(2)
  })
})

test('a line of JSON has the time, the level, the message and the facts', () => {
  const [line] = linesOf(() => logInfo('hello', { calls: 3 }))
  expect(JSON.parse(line!)).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    level: 'info',
    message: 'hello',
    calls: 3,
  })
})

test('text is what a person reads, with a stack on lines of its own', () => {
  setLog({ format: 'text' })
  const lines = linesOf(() => {
    logInfo('a call', { model: 'gpt-4o', customer: 'a b', ms: 1.5, none: null })
    logError('broken', new Error('why', { cause: new Error('deeper') }))
  }).map((line) => line.replace(/^[\d-]{10} [\d:]{8}Z /, ''))
  expect(lines[0]).toBe('INFO  a call model=gpt-4o customer="a b" ms=1.5 none=null')
  expect(lines[1]).toMatch(/^ERROR broken\n {4}cause\.stack: Error: why\n/)
  expect(lines[1]).toMatch(/\n {4}cause\.cause: Error: deeper\n/)
})

test('only a terminal gets colours', () => {
  setLog({ format: 'text', isColoured: true })
  const [line] = linesOf(() => logWarning('x'))
  expect(line).toStartWith('\u001b[0m')
  expect(line).toEndWith('\u001b[33mWARN \u001b[0m x')
  setLog({ format: 'json' })
  expect(linesOf(() => logWarning('x'))[0]).not.toContain('\u001b')
})

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

/** Of a customer's id, say: it must not forge a line, nor steer the terminal of who reads it. */
test('no fact begins a line of text, or has a sign in it that is not seen', () => {
  setLog({ format: 'text' })
  const odd = fc.constantFrom('\n', '\r', '\u001b[2J', '\u0085', '\u2028', '\u202e', '\ud800', '"')
  const anyText = fc.array(fc.oneof(odd, fc.string())).map((parts) => parts.join(''))
  fc.assert(
    fc.property(anyText, anyText, (message, customer) => {
      const [line] = linesOf(() => logInfo(message, { customer, in: [customer] }))
      expect(line).not.toMatch(UNSEEN)
      const [broken] = linesOf(() => logError(message, new Error(customer)))
      expect(broken!.replaceAll('\n    ', ' ')).not.toMatch(UNSEEN)
    }),
  )
})
