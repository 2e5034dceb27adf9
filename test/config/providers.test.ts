import { describe, expect, test } from 'bun:test'
import { PROVIDERS, UNSUPPORTED_PROVIDERS } from '../../src/config/providers.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import { openaiRequest } from '../../src/providers/openai.ts'
import { load, problemsOf, withParams } from './loading.ts'

type Env = Record<string, string>

function askOf(model: string, params: readonly string[] = [], env: Env = {}) {
  const config = load(withParams(`model: ${model}`, 'api_key: k', ...params), { env })
  const deployment = config.deployments[0]!
  const { url } = openaiRequest(deployment, '/chat/completions', new Headers())
  return [url, deployment.upstreamModel]
}

test('no provider is both supported and not', () => {
  expect([...PROVIDERS.keys()].filter((name) => UNSUPPORTED_PROVIDERS.has(name))).toEqual([])
})

test('each known address is one that calls can be sent to', () => {
  for (const [name, { apiBase, keyVariables, needsKey, places }] of PROVIDERS) {
    const address = apiBase?.replaceAll(/\{(\w+)\}/g, (_, place: string) => {
      expect(Object.keys(places), name).toContain(place)
      return 'x'
    })
    if (address !== undefined) expect(address, name).toMatch(/^https?:\/\/[\w.:/-]*[^/]$/)
    if (needsKey && apiBase !== null && !name.startsWith('vertex')) {
      expect(keyVariables, name).not.toEqual([])
    }
  }
})

describe('an address is completed with what the config or the environment says', () => {
  test.each<[string, string[], Env, string, string]>([
    [
      'bedrock/openai.gpt-oss-20b-1:0',
      ['aws_region_name: us-west-2'],
      { AWS_REGION: 'eu-central-1' },
      'https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions',
      'openai.gpt-oss-20b-1:0',
    ],
    [
      'bedrock/converse/openai.gpt-oss-20b-1:0',
      [],
      { AWS_REGION: 'eu-central-1' },
      'https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1/chat/completions',
      'openai.gpt-oss-20b-1:0',
    ],
    [
      'bedrock_mantle/openai.gpt-oss-120b',
      [],
      { AWS_DEFAULT_REGION: 'us-east-1' },
      'https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions',
      'openai.gpt-oss-120b',
    ],
    [
      'vertex_ai/gemini-2.5-flash',
      ['vertex_project: p1', 'vertex_location: europe-west4'],
      {},
      'https://europe-west4-aiplatform.googleapis.com/v1/projects/p1/locations/europe-west4/endpoints/openapi/chat/completions',
      'google/gemini-2.5-flash',
    ],
    [
      'vertex_ai/meta/llama-3',
      [],
      { VERTEXAI_PROJECT: 'p1', VERTEXAI_LOCATION: 'global' },
      'https://aiplatform.googleapis.com/v1/projects/p1/locations/global/endpoints/openapi/chat/completions',
      'meta/llama-3',
    ],
    [
      'cloudflare/@cf/meta/llama-3.1-8b-instruct',
      [],
      { CLOUDFLARE_ACCOUNT_ID: 'abc' },
      'https://api.cloudflare.com/client/v4/accounts/abc/ai/v1/chat/completions',
      '@cf/meta/llama-3.1-8b-instruct',
    ],
  ])('%s with %p and %p', (model, params, env, url, upstreamModel) => {
    expect(askOf(model, params, env)).toEqual([url, upstreamModel])
  })

  test('and what is missing or cannot stand in one is told', () => {
    const problems = (params: string[], env: Env = {}) =>
      problemsOf(() => load(withParams(...params), { env }))
    const name = 'config.yaml:4: model_list[0].litellm_params.model'
    expect(problems(['model: bedrock/m'])).toEqual([
      `${name}: bedrock needs its region; set aws_region_name beside it, or AWS_REGION_NAME in the environment, or api_base`,
    ])
    expect(problems(['model: cloudflare/m'])).toEqual([
      `${name}: cloudflare needs its account; set CLOUDFLARE_ACCOUNT_ID in the environment, or api_base`,
    ])
    expect(problems(['model: bedrock/m', 'aws_region_name: evil.example/#'])).toEqual([
      'config.yaml:5: model_list[0].litellm_params.aws_region_name must be made of letters, digits, dots and dashes, got "evil.example/#"',
    ])
    expect(problems(['model: bedrock/m'], { AWS_REGION: 'a/b' })).toEqual([
      'AWS_REGION in the environment must be made of letters, digits, dots and dashes, got "a/b"',
    ])
  })
})

test("the Hugging Face router is asked for LiteLLM's provider in its own way", () => {
  const url = 'https://router.huggingface.co/v1/chat/completions'
  expect(askOf('huggingface/together/deepseek-ai/DeepSeek-R1')).toEqual([
    url,
    'deepseek-ai/DeepSeek-R1:together',
  ])
  expect(askOf('huggingface/deepseek-ai/DeepSeek-R1')).toEqual([url, 'deepseek-ai/DeepSeek-R1'])
})

test("a price is looked for under the provider's own name of a model", () => {
  const pricedAs = (...params: string[]) => load(withParams(...params)).deployments[0]!.pricedAs
  expect(
    pricedAs('model: vertex_ai/gemini-2.5-flash', 'vertex_project: p', 'vertex_location: global'),
  ).toEqual({ provider: 'vertex_ai', model: 'gemini-2.5-flash' })
  expect(pricedAs('model: bedrock/converse/openai.x', 'aws_region_name: eu')).toEqual({
    provider: 'bedrock',
    model: 'openai.x',
  })
  // 24 models that Together serves through the router have prices of their own in the data.
  const routed = pricedAs('model: huggingface/together/deepseek-ai/DeepSeek-V3.1')
  expect(routed).toEqual({ provider: 'huggingface_together', model: 'deepseek-ai/DeepSeek-V3.1' })
  expect(builtInPrice(routed.provider, routed.model)).not.toBeNull()
})

test('a model of an unknown server is capped by the name that all know, one of OpenAI by its own', () => {
  const capOf = (...params: string[]) => load(withParams(...params)).deployments[0]!.dialect.chatCap
  const own = 'api_base: http://localhost:8000/v1'
  expect(capOf('model: openai/gpt-4o')).toBe('max_completion_tokens')
  expect(capOf('model: openai/gpt-4o', own)).toBe('max_completion_tokens')
  expect(capOf('model: openai/o3', own)).toBe('max_completion_tokens')
  expect(capOf('model: openai/gpt-oss-20b', own)).toBe('max_tokens')
  expect(capOf('model: openai/meta-llama/Llama-3', own)).toBe('max_tokens')
  expect(capOf('model: groq/llama')).toBe('max_tokens')
  const heeds = (model: string) =>
    load(withParams(`model: ${model}`)).deployments[0]!.dialect.takesCompletionCap
  expect(capOf('model: github/openai/o3-mini')).toBe('max_completion_tokens')
  expect(capOf('model: github/meta/llama-4')).toBe('max_tokens')
  expect(heeds('openrouter/openai/gpt-5')).toBe(true)
  expect(heeds('github/openai/o3-mini')).toBe(true)
  expect(heeds('groq/openai/gpt-oss-20b')).toBe(false)
  expect(heeds('openrouter/mistralai/o1ympic')).toBe(false)
})

test('a model that its provider serves in another format alone is a warning', () => {
  const warnings = (model: string) =>
    load(withParams(`model: ${model}`, 'api_key: k'), {
      env: { AWS_REGION: 'us-west-2', VERTEXAI_PROJECT: 'p', VERTEXAI_LOCATION: 'global' },
    }).warnings
  const of = (provider: string) => [
    `config.yaml:4: model_list[0].litellm_params.model: ${provider} does not serve this model in OpenAI's wire format, the one spoken here`,
  ]
  expect(warnings('bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0')).toEqual(of('bedrock'))
  expect(warnings('bedrock/converse/amazon.nova-pro-v1:0')).toEqual(of('bedrock'))
  expect(warnings('vertex_ai/claude-sonnet-4@20250514')).toEqual(of('vertex_ai'))
  expect(warnings('bedrock/openai.gpt-oss-120b-1:0')).toEqual([])
  expect(warnings('vertex_ai/gemini-2.5-flash')).toEqual([])
})
