import { describe, expect, test } from 'bun:test'
import { AS_OPENAI } from '../../src/config/providers.ts'
import { DEFAULT_UPSTREAM_RULES } from '../../src/config/upstream-rules.ts'
import { fromDollars } from '../../src/ledger/money.ts'
import { load, withModel, withParams } from './loading.ts'

/** The one deployment of a config with these `litellm_params`. */
const deploymentOf = (params: readonly string[], env: Record<string, string> = {}) =>
  load(withParams(...params), { env }).deployments[0]!

const warningsOf = (params: readonly string[], env: Record<string, string> = {}) =>
  load(withParams(...params), { env }).warnings

test('a deployment has all that its entry says', () => {
  const text = [
    'model_list:',
    '- model_name: gpt',
    '  litellm_params:',
    '    model: openai/gpt-4o-mini',
    '    api_base: https://eu.example.com/v1/',
    '    api_key: os.environ/MY_KEY',
    '    timeout: 2.5',
    '    organization: org-1',
    '    extra_headers: {X-Team: a, X-Number: 7, X-Key: os.environ/MY_KEY}',
    '  model_info: {id: 17, base_model: gpt-4o, limits: [1, {a: os.environ/MY_KEY}]}',
  ].join('\n')
  expect(load(text, { env: { MY_KEY: 'sk-1' } }).deployments).toEqual([
    {
      id: '17',
      modelName: 'gpt',
      provider: 'openai',
      upstreamModel: 'gpt-4o-mini',
      pricedAs: { provider: 'openai', model: 'gpt-4o' },
      dialect: AS_OPENAI,
      apiBase: 'https://eu.example.com/v1',
      apiKey: 'sk-1',
      extraHeaders: {
        'openai-organization': 'org-1',
        'x-team': 'a',
        'x-number': '7',
        'x-key': 'sk-1',
      },
      mockResponse: null,
      price: null,
      services: {},
      weight: null,
      rpm: null,
      tpm: null,
      parallelMax: null,
      timeoutMs: 2500,
      rules: DEFAULT_UPSTREAM_RULES,
      region: null,
      outputTokensMax: null,
      inputTokensMax: null,
      modelInfo: { id: 17, base_model: 'gpt-4o', limits: [1, { a: 'sk-1' }] },
      line: 2,
    },
  ])
})

describe('provider/model', () => {
  const own = 'api_base: http://localhost:8000/v1'
  const key = 'api_key: k'

  test.each<[string, string[], [string, string, string | null]]>([
    ['openai/gpt-4o-mini', [key], ['openai', 'gpt-4o-mini', 'https://api.openai.com/v1']],
    ['gpt-4o', [key], ['openai', 'gpt-4o', 'https://api.openai.com/v1']],
    [
      'groq/openai/gpt-oss-20b',
      [key],
      ['groq', 'openai/gpt-oss-20b', 'https://api.groq.com/openai/v1'],
    ],
    [
      'openai/meta-llama/Llama-3',
      [own],
      ['openai', 'meta-llama/Llama-3', 'http://localhost:8000/v1'],
    ],
    ['meta-llama/Llama-3', [own], ['openai', 'meta-llama/Llama-3', 'http://localhost:8000/v1']],
    ['claude-x', [own], ['openai', 'claude-x', 'http://localhost:8000/v1']],
    ['hosted_vllm/Qwen/Qwen3', [own], ['hosted_vllm', 'Qwen/Qwen3', 'http://localhost:8000/v1']],
    [
      'gemini/gemini-2.5-pro',
      [key],
      ['gemini', 'gemini-2.5-pro', 'https://generativelanguage.googleapis.com/v1beta/openai'],
    ],
    [
      'fireworks_ai/llama-v3',
      [key],
      [
        'fireworks_ai',
        'accounts/fireworks/models/llama-v3',
        'https://api.fireworks.ai/inference/v1',
      ],
    ],
    [
      'fireworks_ai/accounts/me/x',
      [key],
      ['fireworks_ai', 'accounts/me/x', 'https://api.fireworks.ai/inference/v1'],
    ],
    ['ollama/llama3', [], ['ollama', 'llama3', 'http://localhost:11434/v1']],
    ['ollama/llama3', ['api_base: http://gpu:11434'], ['ollama', 'llama3', 'http://gpu:11434/v1']],
    [
      'ollama/llama3',
      ['base_url: http://gpu:11434/v1'],
      ['ollama', 'llama3', 'http://gpu:11434/v1'],
    ],
    ['anthropic/claude-x', [key], ['anthropic', 'claude-x', 'https://api.anthropic.com/v1']],
    ['claude-x', [key], ['anthropic', 'claude-x', 'https://api.anthropic.com/v1']],
    ['demo', [], ['demo', 'demo', null]],
    ['demo/slow', [own], ['demo', 'slow', null]],
    ['anthropic/claude-x', ['mock_response: hello'], ['anthropic', 'claude-x', null]],
  ])('%s with %p is %p', (model, others, expected) => {
    const { provider, upstreamModel, apiBase } = deploymentOf([`model: ${model}`, ...others])
    expect([provider, upstreamModel, apiBase]).toEqual(expected)
  })

  test.each([
    'https://x.y/v1',
    'https://x.y/v1/',
    'https://x.y/v1//',
    'https://x.y/v1/chat/completions',
    'https://x.y/v1/chat/completions/',
  ])('api_base %s is the address before the path of a call', (base) => {
    expect(deploymentOf(['model: openai/m', `api_base: ${base}`]).apiBase).toBe('https://x.y/v1')
  })

  test.each(['https://x.y', 'https://x.y/', 'https://x.y/v1', 'https://x.y/v1/messages'])(
    'api_base %s of Anthropic is completed, as LiteLLM does',
    (base) => {
      const { apiBase } = deploymentOf(['model: anthropic/m', `api_base: ${base}`])
      expect(apiBase).toBe('https://x.y/v1')
    },
  )

  test('drop_params of a model comes before that of all', () => {
    expect(deploymentOf(['model: anthropic/m']).rules.dropsParams).toBe(false)
    const { rules } = deploymentOf(['model: anthropic/m', 'drop_params: true'])
    expect(rules.dropsParams).toBe(true)
    const [ofAll] = load(withModel('litellm_settings: {drop_params: true}')).deployments
    expect(ofAll!.rules.dropsParams).toBe(true)
  })
})

describe('the key', () => {
  test("is the entry's own, else that of the provider's variable", () => {
    const env = { GROQ_API_KEY: 'from-env' }
    expect(deploymentOf(['model: groq/m', 'api_key: own'], env).apiKey).toBe('own')
    expect(deploymentOf(['model: groq/m'], env).apiKey).toBe('from-env')
    expect(deploymentOf(['model: groq/m', 'api_key: ""'], env).apiKey).toBe('from-env')
  })

  test('is the first of several variables that is set', () => {
    const env = { FIREWORKS_AI_API_KEY: 'b', FIREWORKS_AI_TOKEN: 'c', FIREWORKS_API_KEY: '' }
    expect(deploymentOf(['model: fireworks_ai/m'], env).apiKey).toBe('b')
  })

  test('is missed where the provider needs one, and not elsewhere', () => {
    expect(warningsOf(['model: groq/m'])).toEqual([
      'config.yaml:4: model_list[0].litellm_params.model: groq needs a key; set api_key beside it, or GROQ_API_KEY in the environment',
    ])
    expect(warningsOf(['model: ollama/m'])).toEqual([])
    expect(warningsOf(['model: openai/m', 'api_base: http://localhost:1/v1'])).toEqual([])
    expect(warningsOf(['model: openai/m', 'mock_response: hello'])).toEqual([])
  })
})

test("a server of one's own may be named by LiteLLM's variable", () => {
  const env = {
    HOSTED_VLLM_API_BASE: 'http://gpu:8000/v1/',
    OPENAI_API_BASE: 'http://localhost:4000',
  }
  expect(deploymentOf(['model: hosted_vllm/m'], env).apiBase).toBe('http://gpu:8000/v1')
  expect(deploymentOf(['model: openai/m', 'api_key: k'], env).apiBase).toBe(
    'https://api.openai.com/v1',
  )
})

test('a provider with a format of its own is asked in the format of OpenAI, with a warning', () => {
  expect(warningsOf(['model: replicate/m', 'api_base: https://x.y/v1', 'api_key: k'])).toEqual([
    "config.yaml:5: model_list[0].litellm_params.api_base is asked in OpenAI's wire format; replicate's own is not supported yet",
  ])
})

test('parameters without effect are warnings, be they known to LiteLLM or only to a provider', () => {
  expect(warningsOf(['model: demo', 'guardrails: [a]', 'frobnicate: 7'])).toEqual([
    "config.yaml:5: model_list[0].litellm_params.guardrails is LiteLLM's and has no effect in Tollgate yet",
    'config.yaml:6: model_list[0].litellm_params.frobnicate is not known to Tollgate and has no effect: it is not sent to the provider',
  ])
})

test('a mock answers without asking anybody, and so has neither address nor key', () => {
  const mock = deploymentOf(['model: openai/m', 'api_key: k', 'mock_response: hello'])
  expect([mock.mockResponse, mock.apiBase, mock.apiKey]).toEqual(['hello', null, null])
})

test("a time-out is the entry's own, else request_timeout, else ten minutes", () => {
  const entries = (...timeouts: string[]) =>
    `model_list: [${timeouts.map((timeout) => `{model_name: m, litellm_params: {model: demo${timeout}}}`)}]`
  const timeouts = (text: string) => load(text).deployments.map(({ timeoutMs }) => timeoutMs)
  expect(timeouts(entries(', timeout: 3', ''))).toEqual([3000, 600_000])
  const settings = '\nlitellm_settings: {request_timeout: "20"}'
  expect(timeouts(entries(', timeout: 3', '') + settings)).toEqual([3000, 20_000])
})

test('entries of one name are several deployments, numbered by name', () => {
  const entry = (name: string) => `{model_name: "${name}", litellm_params: {model: demo}}`
  const ids = (...names: string[]) =>
    load(`model_list: [${names.map(entry)}]`).deployments.map(({ id }) => id)
  expect(ids('a', 'b', 'a')).toEqual(['a#1', 'b#1', 'a#2'])
  expect(ids('größe 1')).toEqual(['gr%C3%B6%C3%9Fe%201#1'])
})

describe('prices', () => {
  const prices = ['input_cost_per_token: 0.000001', 'output_cost_per_token: 0.000002']

  test('of litellm_params and of model_info are read, those of litellm_params first', () => {
    expect(deploymentOf(['model: openai/m', 'api_key: k']).price).toBeNull()
    expect(deploymentOf(['model: demo', ...prices]).price?.rates.input).toBe(fromDollars(1))
    const info = (...lines: string[]) =>
      load(withParams(...lines).concat(`\n  model_info: {${prices}}`)).deployments[0]!.price
    expect(info('model: demo')?.rates.output).toBe(fromDollars(2))
    expect(info('model: demo', 'output_cost_per_token: 0')?.rates.output).toBe(fromDollars(0))
  })

  test('may be text, as those of the environment are', () => {
    const env = { OUT: '0.000003' }
    const price = deploymentOf(
      ['model: demo', 'input_cost_per_token: "1e-6"', 'output_cost_per_token: os.environ/OUT'],
      env,
    ).price
    expect([price?.rates.input, price?.rates.output]).toEqual([fromDollars(1), fromDollars(3)])
  })
})

describe('additional_drop_params', () => {
  const dialectOf = (...names: string[]) =>
    deploymentOf(['model: openai/gpt-4o', 'api_key: k', `additional_drop_params: [${names}]`])
      .dialect

  test('are left out, those that a call is metered by in their own way', () => {
    expect(dialectOf('logit_bias', 'stream_options', 'max_completion_tokens')).toEqual({
      ...AS_OPENAI,
      drops: ['logit_bias', 'stream_options'],
      takesStreamOptions: false,
      takesCompletionCap: false,
      chatCap: 'max_tokens',
    })
  })

  test('cannot be what a call is, nor what it may cost', () => {
    for (const name of ['max_tokens', 'n', 'stream', 'messages', '"tools[*].strict"']) {
      expect(() => dialectOf(name)).toThrow('additional_drop_params[0] must be')
    }
  })
})
