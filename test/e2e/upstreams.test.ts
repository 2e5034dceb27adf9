import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BookedRow, bookedOn } from '../support/books.ts'
import { dataOf } from '../support/client.ts'
import { run, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/server.ts'

/** What the upstream was asked, and what it says next; by default Azure's recorded stream. */
type Asked = { path: string; headers: Headers; json: Record<string, unknown> }
const asked: Asked[] = []
const answers: (() => Response)[] = []

const SAFE = '{"hate":{"filtered":false,"severity":"safe"}}'
const AZURE = [
  `{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":${SAFE}}]}`,
  `{"choices":[{"content_filter_results":${SAFE},"delta":{"content":"This"},"finish_reason":null,"index":0}],"created":1736407895,"id":"chatcmpl-An","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk"}`,
  '{"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0}],"created":1736407895,"id":"chatcmpl-An","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk"}',
]
const USAGE =
  '{"choices":[],"created":1736407895,"id":"chatcmpl-An","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk","usage":{"completion_tokens":7,"prompt_tokens":1014,"prompt_tokens_details":{"cached_tokens":1000},"total_tokens":1021}}'

const streamOf = (...chunks: string[]) =>
  new Response([...chunks, '[DONE]'].map((data) => `data: ${data}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
  })

const upstream = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { pathname, search } = new URL(request.url)
    const json = (await request.json()) as Asked['json']
    asked.push({ path: `${pathname}${search}`, headers: request.headers, json })
    return answers.shift()?.() ?? streamOf(...AZURE, USAGE)
  },
})
const at = `http://127.0.0.1:${upstream.port}`

const server = await startServer({
  config: `
model_list:
  - model_name: azure
    litellm_params: {model: azure/my-gpt, api_base: "${at}", api_key: azure-key-1}
    model_info: {base_model: azure/gpt-4o}
  - model_name: azure-old
    litellm_params: {model: azure/my-gpt, api_base: "${at}", api_key: k, api_version: 2024-06-01}
    model_info: {base_model: azure/gpt-4o}
  - model_name: azure-v1
    litellm_params: {model: azure/my-gpt, api_base: "${at}/openai/v1", azure_ad_token: entra-1}
    model_info: {base_model: azure/gpt-4o}
  - model_name: mistral
    litellm_params: {model: mistral/mistral-small-latest, api_base: "${at}/v1", api_key: k}
`,
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await upstream.stop(true)
})

async function chat(model: string, more: object = {}) {
  const messages = [{ role: 'user', content: 'Say hello' }]
  const json = { model, messages, user: model, ...more }
  const told = await server.ask('/v1/chat/completions', { json })
  return { ...told, asked: asked.at(-1)! }
}

const rowOn = (user: string) =>
  eventually(() => {
    const row = bookedOn(server.databasePath, user).at(-1)
    expect(row).toBeDefined()
    return row as BookedRow
  })

describe('Azure OpenAI', () => {
  test('is asked at its deployment, its filters pass, and its base_model gives the price', async () => {
    const { text, asked } = await chat('azure', { stream: true })
    expect(asked.path).toBe('/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21')
    expect(asked.headers.get('api-key')).toBe('azure-key-1')
    expect(asked.headers.get('authorization')).toBeNull()
    expect(asked.json['stream_options']).toEqual({ include_usage: true })
    expect(dataOf(text)).toEqual([...AZURE, '[DONE]'])
    // 14 x $2.5 + 1,000 x $1.25 + 7 x $10, a million: gpt-4o's published price.
    expect(await rowOn('azure')).toMatchObject({
      usage_source: 'upstream',
      charge: 35_000 + 1_250_000 + 70_000,
    })
  })

  test('of an older version is asked for no usage, and is counted here', async () => {
    answers.push(() => streamOf(...AZURE))
    const { asked } = await chat('azure-old', { stream: true, max_completion_tokens: 9 })
    expect(asked.path).toEndWith('?api-version=2024-06-01')
    expect(asked.json).not.toContainKeys(['stream_options', 'max_completion_tokens'])
    expect(asked.json['max_tokens']).toBe(9)
    const row = await rowOn('azure-old')
    expect(row).toMatchObject({ usage_source: 'estimated', outcome: 'ok' })
    expect(row.charge).toBeGreaterThan(0)
  })

  test('by its v1 API has the deployment in the body, and a token as a bearer', async () => {
    const { asked } = await chat('azure-v1', { stream: true })
    expect(asked.path).toBe('/openai/v1/chat/completions')
    expect(asked.json['model']).toBe('my-gpt')
    expect(asked.headers.get('authorization')).toBe('Bearer entra-1')
    expect(asked.headers.get('api-key')).toBeNull()
  })

  test('that filters a prompt says so, and costs nothing', async () => {
    const error = {
      message: 'The response was filtered due to the prompt triggering the policy.',
      type: null,
      param: 'prompt',
      code: 'content_filter',
      status: 400,
      innererror: { code: 'ResponsibleAIPolicyViolation' },
    }
    answers.push(() => Response.json({ error }, { status: 400 }))
    const { status, json } = await chat('azure', { user: 'filtered' })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ type: 'content_filter', param: 'prompt', code: '400' })
    expect(json.error.message).toContain('filtered due to the prompt')
    expect(await rowOn('filtered')).toMatchObject({ charge: 0 })
  })
})

test('Mistral is asked for nothing that it refuses, and tells its usage all the same', async () => {
  const last =
    '{"id":"cmpl-1","object":"chat.completion.chunk","created":1,"model":"mistral-small-latest","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":15,"total_tokens":27,"completion_tokens":12}}'
  answers.push(() => streamOf(AZURE[1]!, last))
  const { text, asked } = await chat('mistral', {
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 50,
  })
  expect(asked.json).not.toContainKeys(['stream_options', 'max_completion_tokens'])
  expect(asked.json['max_tokens']).toBe(50)
  expect(dataOf(text)).toEqual([AZURE[1]!, last, '[DONE]'])
  expect(await rowOn('mistral')).toMatchObject({ usage_source: 'upstream', input: 15, output: 12 })
})

test('check tells of a LiteLLM config with ten providers whom each model asks, and whose price', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-check-'))
  const model = (name: string, params: string, info = '') =>
    `  - model_name: ${name}\n    litellm_params: {model: ${params}, api_key: k}\n${info}`
  const config = [
    'model_list:',
    model('a', 'openai/gpt-4o'),
    model(
      'b',
      'azure/my-gpt, api_base: "https://r.openai.azure.com"',
      '    model_info: {base_model: azure/gpt-4o}\n',
    ),
    model('c', 'bedrock/openai.gpt-oss-20b-1:0, aws_region_name: us-west-2'),
    model('d', 'gemini/gemini-2.5-flash'),
    model('e', 'vertex_ai/gemini-2.5-flash, vertex_project: p, vertex_location: global'),
    model('f', 'groq/llama-3.3-70b-versatile'),
    model('g', 'mistral/mistral-large-latest'),
    model('h', 'deepseek/deepseek-chat'),
    model('i', 'openrouter/openai/gpt-4o'),
    model('j', 'xai/grok-4'),
    model('k', 'nebius/Qwen/Qwen3-235B-A22B'),
    model(
      'l',
      'hosted_vllm/m, api_base: "http://gpu:8000/v1", input_cost_per_token: 0, output_cost_per_token: 0',
    ),
  ].join('\n')
  try {
    writeFileSync(join(folder, 'config.yaml'), config)
    const { code, out } = await run([...SOURCE, 'check'], { folder })
    expect(code).toBe(0)
    const served = out.split('\n').filter((line) => line.includes(' -> ') || / {4}/.test(line))
    const seen = served.map((line) =>
      line.includes(' -> ') ? line : (/by (.*)$/.exec(line)?.[1] ?? line.trim()),
    )
    expect(seen.filter((line) => !line.startsWith('above'))).toEqual([
      'a -> openai/gpt-4o at api.openai.com',
      'genai-prices openai/gpt-4o',
      'b -> azure/my-gpt at r.openai.azure.com',
      'genai-prices openai/gpt-4o',
      'c -> bedrock/openai.gpt-oss-20b-1:0 at bedrock-runtime.us-west-2.amazonaws.com',
      'genai-prices aws/openai.gpt-oss-20b-1:0',
      'd -> gemini/gemini-2.5-flash at generativelanguage.googleapis.com',
      'genai-prices google/gemini-2.5-flash',
      'e -> vertex_ai/google/gemini-2.5-flash at aiplatform.googleapis.com',
      'genai-prices google/gemini-2.5-flash',
      'f -> groq/llama-3.3-70b-versatile at api.groq.com',
      'genai-prices groq/llama-3.3-70b-versatile',
      'g -> mistral/mistral-large-latest at api.mistral.ai',
      'genai-prices mistral/mistral-large',
      'h -> deepseek/deepseek-chat at api.deepseek.com',
      'genai-prices deepseek/deepseek-chat',
      'i -> openrouter/openai/gpt-4o at openrouter.ai',
      'genai-prices openrouter/openai/gpt-4o',
      'j -> xai/grok-4 at api.x.ai',
      'genai-prices x-ai/grok-4-0709',
      'k -> nebius/Qwen/Qwen3-235B-A22B at api.studio.nebius.ai',
      'no price',
      'l -> hosted_vllm/m at gpu:8000',
      'config',
    ])
    expect(out).toContain('model k has no price and is refused for customers with a budget')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
