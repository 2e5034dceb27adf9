import { afterAll, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { startAnthropic } from '../support/anthropic.ts'
import { bookedOn } from '../support/books.ts'
import { startServer } from '../support/server.ts'
import { startUpstream } from '../support/upstream.ts'

/** A model that both an OpenAI and an Anthropic answer for, and ones that stand in for others. */

const openai = await startUpstream()
const anthropic = await startAnthropic()
const server = await startServer({
  config: `
model_list:
  - model_name: either
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${anthropic.url}", api_key: k}
    model_info: {id: claude}
  - model_name: either
    litellm_params: {model: openai/gpt-4o-mini, api_base: "${openai.url}", api_key: k}
    model_info: {id: gpt}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${anthropic.url}", api_key: k}
    model_info: {id: claude-alone}
  - model_name: once
    litellm_params:
      {model: anthropic/claude-sonnet-4-5, api_base: "${anthropic.url}", api_key: k, rpm: 1}
router_settings:
  fallbacks: [{claude: [either]}]
  cooldown_time: 0
`,
})
const messages = [{ role: 'user', content: 'Say hello' }]
const deploymentsOf = (user: string) =>
  bookedOn(server.databasePath, user).map(({ deployment }) => deployment)

afterAll(async () => {
  await server.stop()
  expect((await verify(server.databasePath)).faults).toEqual([])
  await server[Symbol.asyncDispose]()
  await anthropic[Symbol.asyncDispose]()
  await openai.stop()
})

test('each call goes to a deployment that can be asked it', async () => {
  for (let calls = 0; calls < 3; calls++) {
    const chat = { model: 'either', user: 'two', n: 2, messages }
    expect((await server.ask('/chat/completions', { json: chat })).status).toBe(200)
    const message = { model: 'either', max_tokens: 9, metadata: { user_id: 'own' }, messages }
    expect((await server.ask('/v1/messages', { json: message })).status).toBe(200)
    const text = { model: 'either', user: 'text', prompt: 'Say hello' }
    expect((await server.ask('/completions', { json: text })).status).toBe(200)
  }
  expect(deploymentsOf('two')).toEqual(['gpt', 'gpt', 'gpt'])
  expect(deploymentsOf('own')).toEqual(['claude', 'claude', 'claude'])
  expect(deploymentsOf('text')).toEqual(['gpt', 'gpt', 'gpt'])
})

test('a chat that Anthropic is too busy for is answered by who stands in for it', async () => {
  anthropic.next({ status: 529 }, { status: 529 })
  const json = { model: 'claude', user: 'busy', messages }
  const { status, json: answer } = await server.ask('/chat/completions', { json })
  expect([status, answer.object]).toEqual([200, 'chat.completion'])
  const [row] = bookedOn(server.databasePath, 'busy')
  expect(row).toMatchObject({ deployment: 'gpt', model: 'claude', outcome: 'ok' })
})

test('counting tokens takes nothing of what a deployment takes in a minute', async () => {
  const statusOf = async (path: string) =>
    (await server.ask(path, { json: { model: 'once', max_tokens: 9, messages } })).status
  const counted = { model: 'once', messages }
  for (let calls = 0; calls < 3; calls++) {
    const { status } = await server.ask('/v1/messages/count_tokens', { json: counted })
    expect(status).toBe(200)
  }
  expect(await statusOf('/v1/messages')).toBe(200)
  expect(await statusOf('/v1/messages')).toBe(429)
})

test('a message is answered by nobody who cannot speak so', async () => {
  anthropic.next({ status: 529 }, { status: 529 }, { status: 529 })
  const json = { model: 'claude', max_tokens: 9, metadata: { user_id: 'own busy' }, messages }
  const { status, json: answer } = await server.ask('/v1/messages', { json })
  expect([status, answer.type, answer.error.type]).toEqual([529, 'error', 'overloaded_error'])
  const [row] = bookedOn(server.databasePath, 'own busy')
  expect(row).toMatchObject({ outcome: 'upstream_failed', charge: 0 })
})
