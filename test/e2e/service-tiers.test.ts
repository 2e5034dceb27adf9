import { afterAll, describe, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { bookedOn } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

/** OpenAI's flex and priority processing, which cost less and more than the usual. */

const gateway = await startGateway({
  params: [
    'input_cost_per_token_priority: 6.0e-6',
    'output_cost_per_token_priority: 30.0e-6',
    'input_cost_per_token_flex: 1.5e-6',
    'output_cost_per_token_flex: 7.5e-6',
  ],
})
const { upstream, server, chat, stream, customer } = gateway
const usual = nanosOf({ input: 6, output: 7 })

const chargeOn = (user: string) => bookedOn(server.databasePath, user)[0]!.charge

afterAll(async () => {
  await server.stop()
  expect((await verify(server.databasePath)).faults).toEqual([])
  await gateway[Symbol.asyncDispose]()
})

describe.each([
  ['default', 1],
  ['flex', 0.5],
  ['priority', 2],
  ['scale', 1],
])('an answer in the tier %s', (serviceTier, factor) => {
  test('costs what that tier costs, whatever the call asked for', async () => {
    upstream.next({ serviceTier }, { serviceTier })
    await chat({ user: `whole ${serviceTier}` })
    expect(chargeOn(`whole ${serviceTier}`)).toBe(usual * factor)
    await piecesOf(await stream({ user: `streamed ${serviceTier}` }))
    expect(chargeOn(`streamed ${serviceTier}`)).toBe(usual * factor)
  })

  test('of a response as well', async () => {
    const user = `response ${serviceTier}`
    upstream.next({ serviceTier })
    await server.ask('/v1/responses', { json: { model: 'gpt-4o-mini', user, input: 'Say hello' } })
    expect(chargeOn(user)).toBe(nanosOf({ input: 2, output: 7 }) * factor)
  })
})

test('what may be answered first is held for at that price, and what cannot be is not', async () => {
  const held = async (user: string, more: object) => {
    await server.ask('/customer/new', { json: { user_id: user, max_budget: 1 } })
    const gate = new Gate()
    upstream.next({ holds: [{ gate, at: 'headers' }] })
    const asked = chat({ user, max_tokens: 1_000, ...more })
    await gate.reached
    const { held } = await customer(user)
    gate.open()
    await asked
    return held as number
  }
  const [byDefault, auto] = [await held('d', { service_tier: 'default' }), await held('a', {})]
  expect(auto).toBeGreaterThan(1.9 * byDefault)
})

test('priority without a price of its own is refused for whoever has a budget', async () => {
  await server.ask('/customer/new', { json: { user_id: 'hasty', max_budget: 1 } })
  const { status, json } = await chat({ user: 'hasty', model: 'renamed', service_tier: 'priority' })
  expect([status, json.error.type, json.error.param]).toEqual([
    400,
    'model_not_priced',
    'service_tier',
  ])
  expect(json.error.message).toContain('input_cost_per_token_priority')
})
