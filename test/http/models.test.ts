import { describe, expect, test } from 'bun:test'
import { builtInPrice } from '../../src/metering/prices.ts'
import { deployment, flatPrice, gatewayWith } from './gateway.ts'

const deployments = [
  deployment({ id: 'a', modelName: 'gpt-4o' }),
  deployment({ id: 'b', modelName: 'gpt-4o', provider: 'azure' }),
  deployment({ id: 'c', modelName: 'openai/mini', apiBase: 'https://me:pass@host/v1?key=secret' }),
  deployment({ id: 'd', modelName: 'demo', provider: 'demo', apiBase: null, modelInfo: { x: 1 } }),
]

describe.each(['/v1/models', '/models'])('%s', (path) => {
  test('lists each served model once, as OpenAI does', async () => {
    const { json } = await gatewayWith({ deployments }).get(path)
    expect(json).toEqual({
      object: 'list',
      data: [
        { id: 'gpt-4o', object: 'model', created: 1677610602, owned_by: 'openai' },
        { id: 'openai/mini', object: 'model', created: 1677610602, owned_by: 'openai' },
        { id: 'demo', object: 'model', created: 1677610602, owned_by: 'demo' },
      ],
    })
  })

  test.each(['gpt-4o', 'openai/mini', 'openai%2Fmini'])('finds %s', async (id) => {
    const { json } = await gatewayWith({ deployments }).get(`${path}/${id}`)
    expect(json.id).toBe(decodeURIComponent(id))
  })

  test('an unknown model is a 404 with the nearest served one', async () => {
    const { status, json } = await gatewayWith({ deployments }).get(`${path}/gtp-4o`)
    expect(status).toBe(404)
    expect(json.error).toEqual({
      message: 'The model gtp-4o is not served; did you mean gpt-4o?',
      type: 'invalid_request_error',
      param: 'model',
      code: '404',
    })
  })

  test('a path that is not percent-encoded UTF-8 is a 400', async () => {
    expect((await gatewayWith({ deployments }).get(`${path}/%E0%A4%A`)).status).toBe(400)
  })
})

describe.each(['/v1/model/info', '/model/info'])('%s', (path) => {
  test('tells each deployment with its prices, and nothing secret', async () => {
    const price = flatPrice(2.5, [{ inputTokensAbove: 200_000, rates: flatPrice(5).rates }])
    const { json } = await gatewayWith({ deployments, priceOf: () => price }).get(path)
    expect(json.data).toHaveLength(4)
    expect(json.data[0]).toMatchObject({
      model_name: 'gpt-4o',
      litellm_params: { model: 'openai/gpt-4o', api_base: 'https://api.openai.com/v1' },
      model_info: {
        id: 'a',
        input_cost_per_token: 0.0000025,
        output_cost_per_token: 0.0000025,
        input_cost_per_token_above_200k_tokens: 0.000005,
      },
    })
    expect(json.data[2].litellm_params.api_base).toBe('https://host/v1')
    expect(json.data[3].litellm_params).toEqual({ model: 'demo/gpt-4o' })
    expect(json.data[3].model_info.x).toBe(1)
    expect(JSON.stringify(json)).not.toMatch(/secret|pass/)
  })

  test('a model without a price has none, and not a price of zero', async () => {
    const { json } = await gatewayWith({ deployments, priceOf: () => null }).get(path)
    expect(json.data[0].model_info).toEqual({
      id: 'a',
      price_source: null,
      config_line: 1,
    })
  })

  test('tells what is not billed by tokens in its own unit, and no price of tokens', async () => {
    const priceOf = () => builtInPrice('openai', 'whisper-1')
    const { json } = await gatewayWith({ deployments, priceOf }).get(path)
    expect(json.data[0].model_info).toMatchObject({ id: 'a', input_cost_per_second: 0.0001 })
    expect(json.data[0].model_info).not.toHaveProperty('input_cost_per_token')
  })

  test('tells the dearest of the prices that depend on what is asked for', async () => {
    const priceOf = () => builtInPrice('openai', 'dall-e-3')
    const { json } = await gatewayWith({ deployments, priceOf }).get(path)
    expect(json.data[0].model_info).toMatchObject({ id: 'a', output_cost_per_image: 0.12 })
    expect(json.data[0].model_info).not.toHaveProperty('input_cost_per_token')
  })

  test('tells where a price is from, how a deployment is used, and how it does', async () => {
    const at = Date.parse('2026-11-01T09:30:00Z')
    const own = deployment({ id: 'own', line: 0, weight: 3, rpm: 60, tpm: 9_000, parallelMax: 2 })
    const { json } = await gatewayWith({
      deployments: [own],
      priceOf: () => builtInPrice('openai', 'gpt-4o'),
      healthOf: () => ({
        cooledUntil: at + 5_000,
        lastFailure: { at, error: 'status 429' },
        callsInFlight: 2,
        latencyMs: 340.4,
      }),
    }).get(path)
    const [{ model_info, litellm_params, health }] = json.data
    expect(model_info.price_source).toContain('gpt-4o')
    expect(model_info).not.toHaveProperty('config_line')
    expect(litellm_params).toMatchObject({
      weight: 3,
      rpm: 60,
      tpm: 9_000,
      max_parallel_requests: 2,
    })
    expect(health).toEqual({
      cooldown_until: '2026-11-01T09:30:05.000Z',
      last_failure: { at: '2026-11-01T09:30:00.000Z', error: 'status 429' },
      calls_in_flight: 2,
      first_byte_ms: 340,
    })
    expect(model_info.cooldown_until).toBe(health.cooldown_until)
  })
})
