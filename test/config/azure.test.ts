import { describe, expect, test } from 'bun:test'
import { openaiRequest } from '../../src/providers/openai.ts'
import { load, problemsOf, withParams } from './loading.ts'

type Env = Record<string, string>

const deploymentOf = (params: readonly string[], env: Env = {}) =>
  load(withParams(...params), { env }).deployments[0]!

/** What a chat of a deployment is sent to, and the header with its key. */
function askOf(params: readonly string[], env: Env = {}, path = '/chat/completions') {
  const { url, headers } = openaiRequest(deploymentOf(params, env), path, new Headers())
  return [url, headers['api-key'] ?? headers['authorization']]
}

const resource = 'https://r.openai.azure.com'
const chat = `${resource}/openai/deployments/my-gpt/chat/completions`

describe('azure/my-gpt is asked', () => {
  // https://learn.microsoft.com/azure/ai-services/openai/reference
  test.each<[string, string[], string]>([
    [
      'at its deployment',
      ['api_version: "2025-01-01-preview"'],
      `${chat}?api-version=2025-01-01-preview`,
    ],
    ['with a version of ours if none is given', [], `${chat}?api-version=2024-10-21`],
    [
      'by the v1 API, for a version that is no date',
      ['api_version: latest'],
      `${resource}/openai/v1/chat/completions`,
    ],
    [
      'by the preview of that',
      ['api_version: preview'],
      `${resource}/openai/v1/chat/completions?api-version=preview`,
    ],
  ])('%s', (_, more, url) => {
    const params = ['model: azure/my-gpt', `api_base: ${resource}/`, 'api_key: k', ...more]
    expect(askOf(params)).toEqual([url, 'k'])
  })

  test.each<[string, string]>([
    [`${resource}/openai/v1`, `${resource}/openai/v1/chat/completions`],
    [`${resource}/openai/v1/`, `${resource}/openai/v1/chat/completions`],
    [`${resource}/openai/v1/chat/completions`, `${resource}/openai/v1/chat/completions`],
    [`${resource}/openai`, `${chat}?api-version=2024-10-21`],
    [`${chat}?api-version=2024-06-01`, `${chat}?api-version=2024-06-01`],
    [
      `${resource}/openai/deployments/other`,
      `${chat.replace('my-gpt', 'other')}?api-version=2024-10-21`,
    ],
    [
      'https://gateway.example/azure',
      'https://gateway.example/azure/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21',
    ],
  ])('at %s as given', (base, url) => {
    expect(askOf(['model: azure/my-gpt', `api_base: ${base}`, 'api_key: k'])).toEqual([url, 'k'])
  })

  test('by what the environment has, under the names that LiteLLM reads', () => {
    const env = {
      AZURE_API_BASE: resource,
      AZURE_API_KEY: 'k2',
      AZURE_API_VERSION: '2024-12-01-preview',
    }
    const url = `${chat}?api-version=2024-12-01-preview`
    expect(askOf(['model: azure/my-gpt'], env)).toEqual([url, 'k2'])
    const { AZURE_API_KEY: _, ...keyless } = env
    const other = { ...keyless, AZURE_OPENAI_API_KEY: 'k3' }
    expect(askOf(['model: azure/my-gpt'], other)).toEqual([url, 'k3'])
  })

  test("with a token of Entra's as a bearer, unless there is a key", () => {
    const token = ['model: azure/my-gpt', `api_base: ${resource}`, 'azure_ad_token: ey1']
    expect(askOf(token, { AZURE_API_KEY: 'k' })[1]).toBe('Bearer ey1')
    expect(askOf([...token, 'api_key: own'])[1]).toBe('own')
  })

  test('for responses at the resource, whose deployments have none', () => {
    const params = [
      'model: azure/my-gpt',
      `api_base: ${resource}`,
      'api_key: k',
      'api_version: "2025-03-01-preview"',
    ]
    const version = 'api-version=2025-03-01-preview'
    expect(askOf(params, {}, '/responses')[0]).toBe(`${resource}/openai/responses?${version}`)
    expect(askOf(params, {}, '/responses/r1/input_items?limit=2')[0]).toBe(
      `${resource}/openai/responses/r1/input_items?limit=2&${version}`,
    )
  })

  test('with its name in the address as one segment', () => {
    const params = ['model: azure/a b/../c', `api_base: ${resource}`, 'api_key: k']
    expect(askOf(params)[0]).toContain('/deployments/a%20b%2F..%2Fc/chat/completions')
  })
})

test('a version of before September 2024 is asked for neither usage nor the new cap', () => {
  const dialectOf = (version: string) => {
    const { chatCap, takesCompletionCap, takesStreamOptions } = deploymentOf([
      'model: azure/m',
      `api_base: ${resource}`,
      'api_key: k',
      `api_version: "${version}"`,
    ]).dialect
    return [chatCap, takesCompletionCap, takesStreamOptions]
  }
  expect(dialectOf('2024-08-01-preview')).toEqual(['max_tokens', false, false])
  expect(dialectOf('2024-09-01-preview')).toEqual(['max_completion_tokens', true, true])
})

describe('azure_ai is asked', () => {
  const foundry = 'https://r.services.ai.azure.com'
  test.each<[string, string, string]>([
    [foundry, `${foundry}/models/chat/completions?api-version=2024-05-01-preview`, 'k'],
    [`${foundry}/models`, `${foundry}/models/chat/completions?api-version=2024-05-01-preview`, 'k'],
    [`${foundry}/openai/v1/`, `${foundry}/openai/v1/chat/completions`, 'k'],
    [
      'https://m.eastus.models.ai.azure.com/v1',
      'https://m.eastus.models.ai.azure.com/v1/chat/completions',
      'Bearer k',
    ],
  ])('at %s', (base, url, key) => {
    const env = { AZURE_API_VERSION: '2024-10-21' }
    const params = ['model: azure_ai/grok-3', `api_base: ${base}`, 'api_key: k']
    expect(askOf(params, env)).toEqual([url, key])
  })
})

test("a deployment's price is that of its base_model", () => {
  const entry = (info: string, more: string[] = []) =>
    load(
      `${withParams('model: azure/x', `api_base: ${resource}`, 'api_key: k', ...more)}\n  model_info: {${info}}`,
    ).deployments[0]!.pricedAs
  expect(entry('base_model: azure/gpt-4o')).toEqual({ provider: 'azure', model: 'gpt-4o' })
  expect(entry('base_model: gpt-4o')).toEqual({ provider: 'azure', model: 'gpt-4o' })
  expect(entry('mode: chat', ['base_model: openai/o3'])).toEqual({
    provider: 'openai',
    model: 'o3',
  })
  expect(entry('mode: chat')).toEqual({ provider: 'azure', model: 'x' })
})

test('what is missing is told with its remedy', () => {
  const name = 'config.yaml:4: model_list[0].litellm_params.model'
  expect(problemsOf(() => load(withParams('model: azure/m')))).toEqual([
    `${name}: azure has an address of your own; give its address in api_base, such as https://my-resource.openai.azure.com`,
  ])
  expect(load(withParams('model: azure/m', `api_base: ${resource}`)).warnings).toEqual([
    `${name}: azure needs a key; set api_key beside it, or AZURE_API_KEY in the environment`,
  ])
})

test('what is for others only is a warning', () => {
  const params = ['model: groq/m', 'api_key: k', 'api_version: "1"', 'aws_region_name: eu']
  const name = 'model_list[0].litellm_params'
  expect(load(withParams(...params)).warnings).toEqual([
    `config.yaml:6: ${name}.api_version has no effect for groq`,
    `config.yaml:7: ${name}.aws_region_name has no effect for groq`,
  ])
})
