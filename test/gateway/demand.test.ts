import { expect, test } from 'bun:test'
import { demandOf } from '../../src/gateway/demand.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import { deployment } from '../support/world.ts'

test('an image is held for as what the deployment is of, whatever its name', () => {
  const url = 'data:image/png;base64,iVBORw0KGgo='
  const json = { messages: [{ content: [{ type: 'image_url', image_url: { url } }] }] }
  const text = JSON.stringify(json)
  const model = 'my-gpt'
  const call = { endpoint: ENDPOINTS.CHAT, json, model, text, bodyBytes: text.length, context: 0 }
  const heldFor = (model: string) => {
    const azure = { ...deployment, provider: 'azure', upstreamModel: 'my-gpt' }
    return demandOf(call, { ...azure, pricedAs: { provider: 'azure', model } }).demand.inputTokens
  }
  expect(heldFor('gpt-4o-mini') - text.length).toBe(2_833 + 8 * 5_667)
  expect(heldFor('gpt-4o-mini')).toBeGreaterThan(heldFor('gpt-4o'))
})

test.each([
  ['anthropic', 'claude-opus-4-7', 804],
  ['openai', 'anthropic/claude-opus-4-7', 804],
  ['openai', 'gpt-4o', 0],
] as const)(
  'tools are held for with what %s shows %s because of them',
  (provider, model, least) => {
    const heldFor = (tools: readonly object[]) => {
      const json = { messages: [{ role: 'user', content: 'Hi' }], tools }
      const text = JSON.stringify(json)
      const call = {
        endpoint: ENDPOINTS.CHAT,
        json,
        model,
        text,
        bodyBytes: text.length,
        context: 0,
      }
      const to = { ...deployment, provider, pricedAs: { provider, model } }
      return demandOf(call, to).demand.inputTokens - text.length
    }
    const defined = [
      { type: 'function', function: { name: 'f' } },
      { name: 'f', input_schema: { type: 'object' } },
      { type: 'custom', name: 'f', input_schema: { type: 'object' } },
    ]
    expect(heldFor([])).toBe(0)
    expect(heldFor(defined)).toBe(heldFor(defined.slice(1)))
    expect(heldFor(defined)).toBeGreaterThanOrEqual(least)
    // The definitions of Anthropic's own tools are not in the call.
    const own = [{ type: 'computer_20250124', name: 'computer' }, { type: 'bash_20250124' }]
    const more = heldFor([...defined, ...own]) - heldFor(defined)
    expect(more).toBeGreaterThanOrEqual(least === 0 ? 0 : 735 + 499 + 245)
  },
)

test('what nobody can look into is held for at the longest prompt that the config states', () => {
  const json = { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'x' } }] }] }
  const text = JSON.stringify(json)
  const call = {
    endpoint: ENDPOINTS.CHAT,
    json,
    model: 'm',
    text,
    bodyBytes: text.length,
    context: 0,
  }
  const heldFor = (inputTokensMax: number | null) =>
    demandOf(call, { ...deployment, inputTokensMax }).demand
  expect(heldFor(8_192)).toMatchObject({
    inputTokens: text.length + 8_192,
    unseenTokens: 8_192,
  })
  expect(heldFor(null).unseenTokens).toBeGreaterThan(100_000)
})

test('a schema is held for with what a Claude is told of it', () => {
  const heldFor = (more: object) => {
    const json = { messages: [{ role: 'user', content: 'Hi' }], ...more }
    const text = JSON.stringify(json)
    const call = {
      endpoint: ENDPOINTS.CHAT,
      json,
      model: 'm',
      text,
      bodyBytes: text.length,
      context: 0,
    }
    const pricedAs = { provider: 'anthropic', model: 'claude-opus-4-7' }
    return (
      demandOf(call, { ...deployment, provider: 'anthropic', pricedAs }).demand.inputTokens -
      text.length
    )
  }
  const format = { type: 'json_schema', schema: {} }
  expect(heldFor({ response_format: { type: 'text' } })).toBe(0)
  const told = heldFor({ response_format: format })
  expect(told).toBeGreaterThan(0)
  expect(heldFor({ output_config: { format } })).toBe(told)
  expect(heldFor({ output_format: format, tools: [{ name: 'f' }] })).toBeGreaterThan(told)
})

test.each(['"1h"', '"\\u0031h"', '"1\\u0068"', '"\\u0031\\u0068"'])(
  'a cache for an hour is held for at its price, also if it is written %s',
  (ttl) => {
    const priced = { ...deployment, price: builtInPrice('anthropic', 'claude-opus-4-6') }
    const rateOf = (ttl: string) => {
      const text = `{"system":[{"type":"text","text":"Hi","cache_control":{"ttl":${ttl}}}]}`
      const json = JSON.parse(text)
      const call = {
        endpoint: ENDPOINTS.MESSAGES,
        json,
        model: 'm',
        text,
        bodyBytes: text.length,
        context: 0,
      }
      return demandOf(call, priced).demand.rates!.input
    }
    expect(rateOf(ttl)).toBe(priced.price!.rates.cacheWriteHour)
    expect(rateOf('"5m"')).toBe(priced.price!.rates.cacheWrite)
  },
)
