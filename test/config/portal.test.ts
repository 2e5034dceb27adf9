import { describe, expect, test } from 'bun:test'
import { load, problemsOf, withModel } from './loading.ts'

const portalOf = (...lines: string[]) =>
  withModel('tollgate_settings:', '  portal:', ...lines.map((line) => `    ${line}`))

test('a portal without settings is ours, in nobody else’s frame', () => {
  const ours = { name: 'Tollgate', accent: '#0b6e5b', origins: [], url: null }
  expect(load(withModel()).portal).toEqual(ours)
  expect(load(portalOf('name: Acme')).portal).toEqual({ ...ours, name: 'Acme' })
})

test('what is written in another way is the same', () => {
  const text = portalOf(
    "accent: '#AABBCC'",
    'origins: [https://APP.example.com/, https://app.example.com:443, http://localhost:3000]',
    'url: https://llm.example.com/gate/',
  )
  expect(load(text).portal).toMatchObject({
    accent: '#aabbcc',
    origins: ['https://app.example.com', 'http://localhost:3000'],
    url: 'https://llm.example.com/gate',
  })
})

describe('a mistake is told with its line, its value and what would be right', () => {
  const at = '5: tollgate_settings.portal.'
  const anOrigin =
    'must be an origin: http:// or https://, a host and perhaps a port, such as https://app.example.com'
  test.each<[string, string]>([
    [
      'accent: red',
      `accent must be a colour as '#rrggbb', in quotes, such as '#0b6e5b', got "red"`,
    ],
    [
      "accent: '#0b6'",
      `accent must be a colour as '#rrggbb', in quotes, such as '#0b6e5b', got "#0b6"`,
    ],
    [
      'accent: #0b6e5b',
      "accent is empty: a # begins a comment, so a colour needs quotes, such as '#0b6e5b'",
    ],
    [
      'origins: https://a.example',
      'origins must be a list of origins, such as [https://app.example.com], got "https://a.example"',
    ],
    ['origins: [https://a.example/app]', `origins[0] ${anOrigin}, got "https://a.example/app"`],
    ['origins: ["https://*.example"]', `origins[0] ${anOrigin}, got "https://*.example"`],
    ["origins: ['https://a;script-src']", `origins[0] ${anOrigin}, got "https://a;script-src"`],
    ['origins: ["*"]', `origins[0] ${anOrigin}, got "*"`],
    ['origins: [null]', 'origins[0] must be text; put it in quotes, got null'],
    [
      'url: llm.example.com',
      'url must be an address that begins with http:// or https://, without a password, got "llm.example.com"',
    ],
    [
      "url: 'https://llm.example.com/#a'",
      'url must be an address without a ? or a #, such as https://llm.example.com, got "https://llm.example.com/#a"',
    ],
    [
      'origin: [https://a.example]',
      'origin is not a setting of Tollgate or LiteLLM; did you mean origins?',
    ],
    [
      `name: ${'x'.repeat(61)}`,
      `name must be a name of at most 60 characters, in one line, got "${'x'.repeat(60)}…"`,
    ],
  ])('%s', (line, problem) => {
    expect(problemsOf(() => load(portalOf(line)))).toEqual([`config.yaml:${at}${problem}`])
  })
})
