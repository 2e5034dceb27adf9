import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { ConfigError, loadConfig } from '../../src/config/load.ts'
import { SECTIONS } from '../../src/config/sections.ts'
import { load, problemsOf } from './loading.ts'

const RUNS = { numRuns: 300 }

/** Loads it and gives all that was said; whatever else than a ConfigError comes out is thrown. */
function saidOf(text: string, env: Record<string, string> = {}): string {
  try {
    return loadConfig({ flags: {}, env, readFile: () => text }).warnings.join('\n')
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

test('any text at all loads, or is a ConfigError', () => {
  const yamlish = fc.string({ unit: fc.constantFrom(...' \n\t-:{}[]*&!|>%@#"\'<,?a0~') })
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), yamlish), (text) => {
      saidOf(text)
    }),
    RUNS,
  )
})

const words = Object.values(SECTIONS).flatMap(({ used, unused }) => [
  ...used,
  ...[...unused].slice(0, 5),
])
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, tie('scalar'), tie('list'), tie('map')),
  scalar: fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'os.environ/',
      'os.environ/HOME',
      'openai/x',
      'http://',
      'demo',
      'webhook',
      '*',
    ),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  map: fc.dictionary(
    fc.oneof(fc.constantFrom(...words, '__proto__', '<<', 'id'), fc.string()),
    tie('value'),
    { maxKeys: 5 },
  ),
}))

test('any values at any keys load, or are a ConfigError', () => {
  const params = fc.dictionary(fc.constantFrom(...SECTIONS.litellm_params.used), value)
  const entry = fc.record({ model_name: value, litellm_params: params, model_info: value })
  const file = fc.dictionary(fc.constantFrom(...SECTIONS.file.used), value, { maxKeys: 6 })
  const any = fc.tuple(file, fc.array(fc.oneof(value, entry), { maxLength: 3 }))
  fc.assert(
    fc.property(any, ([sections, entries]) => {
      saidOf(stringify({ ...sections, model_list: entries }), { HOME: '/x y\n' })
      saidOf(JSON.stringify({ ...sections, model_list: entries }))
    }),
    RUNS,
  )
})

test.each([
  ['nested without end', '['.repeat(20_000)],
  ['maps nested without end', 'a: {'.repeat(20_000)],
  [
    'aliases of aliases',
    [
      'a0: &a0 [x]',
      ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
    ].join('\n'),
  ],
  ['an alias of what it is in', 'model_list: &a [*a, *a]'],
])('a file that would swell is a ConfigError: %s', (_, text) => {
  expect(problemsOf(() => load(text)).length).toBeGreaterThan(0)
})

/**
 * Wherever somebody puts a secret by mistake or on purpose, neither problems nor warnings show it:
 * they go to logs.
 */
test('secrets are in no message', () => {
  const SECRET = 'hunter2secret'
  const places = [
    (secret: string) => ({ general_settings: { master_key: secret } }),
    (secret: string) => ({ general_settings: { master_key: [secret] } }),
    (secret: string) => ({ general_settings: { database_url: `postgres://u:${secret}@h/d` } }),
    (secret: string) => ({ tollgate_settings: { webhook_url: secret } }),
    (secret: string) => ({ tollgate_settings: { webhooks: [{ name: 'a', url: secret }] } }),
    (secret: string) => ({ tollgate_settings: { webhooks: [{ name: 'a', secret }] } }),
    (secret: string) => ({ tollgate_settings: { webhooks: [{ name: 'a', secrets: [secret] }] } }),
    (secret: string) => ({ tollgate_settings: { webhooks: [{ secrets: { a: secret } }] } }),
    (secret: string) => ({ tollgate_settings: { webhook_url: `ftp://h/${secret}` } }),
    (secret: string) => ({ router_settings: { redis_password: secret } }),
    (secret: string) => ({ environment_variables: { OPENAI_API_KEY: [secret] } }),
    (secret: string) => ({ environment_variables: { PORT: `os.environ/${'S'}`, X: secret } }),
    (secret: string) => ({ model_list: [{ litellm_params: { api_key: `${secret} x` } }] }),
    (secret: string) => ({ model_list: [{ litellm_params: { api_key: { a: secret } } }] }),
    (secret: string) => ({
      model_list: [{ litellm_params: { api_base: `https://u:${secret}@h` } }],
    }),
    (secret: string) => ({
      model_list: [{ litellm_params: { api_base: `https://h?k=${secret}` } }],
    }),
    (secret: string) => ({
      model_list: [{ litellm_params: { extra_headers: { a: `${secret}\n` } } }],
    }),
    (secret: string) => ({ model_list: [{ litellm_params: { timeout: `sk-${secret}` } }] }),
  ]
  const spoilt = fc.constantFrom('', '\n*', '\n  ]', '\n\t', '\n"', ' : ', '\n&', '\n%', '\n!x ')
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.boolean(), spoilt, (place, isReferred, ending) => {
      const written = isReferred ? 'os.environ/S' : SECRET
      const text = stringify(place(written)) + ending
      expect(saidOf(text, { S: `${SECRET} \n` })).not.toContain(SECRET)
    }),
    RUNS,
  )
})

test.each([
  ['an alias', 'a: *hunter2secret'],
  ['a tag', 'a: !!int hunter2secret'],
  ['a word out of place', 'a: "b" hunter2secret'],
  ['a key', 'sk-hunter2secret: 1'],
  ['a key that is there twice', 'sk-hunter2secret: 1\nsk-hunter2secret: 2'],
  ['a directive', '%hunter2secret\n---\na: 1'],
  ['the head of a block', 'a: |hunter2secret\n  b'],
])('nor do syntax errors show what they stumble over: %s', (_, text) => {
  expect(saidOf(text)).not.toBe('')
  expect(saidOf(text)).not.toContain('hunter2secret')
})

test('what the environment holds for a malformed setting is not shown', () => {
  const text = 'tollgate_settings: {port: os.environ/S}\nmodel_list: []'
  expect(saidOf(text, { S: 'hunter2secret' })).toContain('got what os.environ/S stands for')
  expect(saidOf(text, { S: 'hunter2secret' })).not.toContain('hunter2secret')
})
