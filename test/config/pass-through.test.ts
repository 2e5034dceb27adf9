import { describe, expect, test } from 'bun:test'
import { secretsOf } from '../../src/config/secrets.ts'
import { load, problemsOf, withModel } from './loading.ts'

const withEndpoint = (...lines: string[]) =>
  withModel(
    'general_settings:',
    '  pass_through_endpoints:',
    ...lines.map((line, index) => `  ${index === 0 ? '- ' : '  '}${line}`),
  )

test('an endpoint has all that its entry says, and is a warning', () => {
  const config = load(
    withEndpoint(
      'path: /v1/rerank/',
      'target: https://api.cohere.com/v1/rerank/',
      'headers: {Authorization: bearer os.environ/COHERE_API_KEY, content-type: application/json}',
      'include_subpath: true',
      'forward_headers: true',
      'methods: [GET, post]',
      'auth: true',
      'keys: true',
      'timeout: 2.5',
    ),
    { env: { COHERE_API_KEY: 'co-secret-1' } },
  )
  expect(config.passThroughs).toEqual([
    {
      path: '/v1/rerank',
      target: 'https://api.cohere.com/v1/rerank',
      headers: { authorization: 'bearer co-secret-1', 'content-type': 'application/json' },
      includesBelow: true,
      forwardsHeaders: true,
      isForKeys: true,
      methods: ['GET', 'POST'],
      timeoutMs: 2_500,
    },
  ])
  expect(config.warnings).toEqual([
    "config.yaml:5: general_settings.pass_through_endpoints[0]: what is sent to /v1/rerank goes to api.cohere.com unmetered, on nobody's tab, and no budget holds it back",
  ])
  expect(secretsOf(config)).toContainValues(['co-secret-1', 'bearer co-secret-1'])
})

test('what is not said is closed: the path alone, the master key alone', () => {
  const text = withEndpoint('path: /bria', 'target: https://engine.example')
  const [endpoint] = load(`${text}\n  pass_through_request_timeout: 30`).passThroughs
  expect(endpoint).toMatchObject({
    target: 'https://engine.example',
    headers: {},
    includesBelow: false,
    forwardsHeaders: false,
    isForKeys: false,
    methods: ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'],
    timeoutMs: 30_000,
  })
})

test("LiteLLM's other keys are warnings", () => {
  const { warnings } = load(withEndpoint('path: /x', 'target: https://x.y', 'cost_per_request: 12'))
  expect(warnings).toContain(
    "config.yaml:7: general_settings.pass_through_endpoints[0].cost_per_request is LiteLLM's and has no effect in Tollgate yet",
  )
})

describe('a mistake is told', () => {
  const name = 'general_settings.pass_through_endpoints[0]'
  test.each<[string, string[], string]>([
    ['no path', ['target: https://x.y'], `5: ${name}.path is missing`],
    ['no target', ['path: /x'], `5: ${name}.target is missing`],
    [
      'a path without a slash',
      ['path: x', 'target: https://x.y'],
      `5: ${name}.path must be a path`,
    ],
    ['a path with ..', ['path: /a/../b', 'target: https://x.y'], `5: ${name}.path must be a path`],
    ['a wildcard', ['path: /a/*', 'target: https://x.y'], `5: ${name}.path must be a path`],
    ['no address', ['path: /x', 'target: x.y'], `6: ${name}.target must be an address`],
    ['a query', ['path: /x', 'target: "https://x.y?a=1"'], `6: ${name}.target must be an address`],
    [
      'a method of none',
      ['path: /x', 'target: https://x.y', 'methods: [TRACE]'],
      `7: ${name}.methods[0] must be one of`,
    ],
    [
      'no key',
      ['path: /x', 'target: https://x.y', 'auth: false'],
      `7: ${name}.auth: false is not supported: whoever sends something through needs a key; remove it`,
    ],
    [
      'a header of ours',
      ['path: /x', 'target: https://x.y', 'headers: {Host: z}'],
      `7: ${name}.headers.Host is a header that Tollgate sets for each call; remove it`,
    ],
    [
      'a slip',
      ['path: /x', 'target: https://x.y', 'include_subpaths: true'],
      `7: ${name}.include_subpaths is not a setting of Tollgate or LiteLLM; did you mean include_subpath?`,
    ],
  ])('%s', (_, lines, problem) => {
    const [first] = problemsOf(() => load(withEndpoint(...lines)))
    expect(first).toStartWith(`config.yaml:${problem}`)
  })

  test('one path twice', () => {
    const one = ['path: /x', 'target: https://x.y']
    const text = `${withEndpoint(...one)}\n  - {path: /x/, target: https://z.y}`
    expect(problemsOf(() => load(text))).toEqual([
      'config.yaml:7: general_settings.pass_through_endpoints[1].path /x is also that of an endpoint above',
    ])
  })
})
