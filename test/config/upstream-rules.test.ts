import { describe, expect, test } from 'bun:test'
import { DEFAULT_UPSTREAM_RULES } from '../../src/config/upstream-rules.ts'
import { load, problemsOf, withModel, withParams } from './loading.ts'

const rulesOf = (text: string) => load(text).deployments[0]!.rules

describe('how patient we are with an upstream', () => {
  test('is what the README says where the config says nothing', () => {
    expect(rulesOf(withModel())).toEqual(DEFAULT_UPSTREAM_RULES)
    expect(load('tollgate_settings: {}').deployments[0]!.rules).toEqual(DEFAULT_UPSTREAM_RULES)
  })

  test('is said once for all of them, and differently for one', () => {
    const text = `${withParams('model: demo/demo', 'idle_timeout: 2.5', 'on_disconnect: abort')}
tollgate_settings: {on_disconnect: drain, drain_timeout: 9, drain_max_tokens: 50, connect_timeout: 3, total_timeout: 70}
`
    expect(rulesOf(text)).toEqual({
      connectTimeoutMs: 3_000,
      idleTimeoutMs: 2_500,
      totalTimeoutMs: 70_000,
      retriesMax: null,
      onDisconnect: 'abort',
      drainTimeoutMs: 9_000,
      dropsParams: false,
      drainTokensMax: 50,
    })
  })

  test.each<[string[], string, number]>([
    [[], 'litellm_settings: {num_retries: 1}', 1],
    [[], 'litellm_settings: {num_retries: 1}\nrouter_settings: {num_retries: 2}', 2],
    [['num_retries: 3'], 'router_settings: {num_retries: 2}', 3],
    [['max_retries: 4'], 'router_settings: {num_retries: 2}', 4],
    [['num_retries: 0'], 'router_settings: {num_retries: 2}', 0],
  ])('retries of %p beside %p are %d', (params, sections, retries) => {
    const text = `${withParams('model: demo/demo', ...params)}\n${sections}`
    expect(rulesOf(text).retriesMax).toBe(retries)
  })

  test.each<[string, string]>([
    ['on_disconnect: drane', 'must be one of abort, drain, got "drane"'],
    ['connect_timeout: 0', 'must be a number of seconds from 0.001 to 86400, got 0'],
    ['drain_max_tokens: -1', 'must be a whole number of tokens from 0 to 1000000000, got -1'],
    ['num_retries: 11', 'must be a whole number of retries from 0 to 10, got 11'],
  ])('%s is a mistake with its line', (line, says) => {
    const [problem] = problemsOf(() => load(withParams('model: demo/demo', line)))
    expect(problem).toStartWith('config.yaml:5: ')
    expect(problem).toContain(says)
  })
})
