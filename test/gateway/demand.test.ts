import { expect, test } from 'bun:test'
import { demandOf } from '../../src/gateway/demand.ts'
import type { Deployment } from '../../src/gateway/deployments.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { builtInPrice } from '../../src/metering/prices.ts'
import { deployment } from '../support/world.ts'

/** What a call with this body is held for, at a deployment that is as given in some things. */
function heldFor(text: string, more: Partial<Deployment>) {
  const json = JSON.parse(text) as Record<string, unknown>
  const endpoint = ENDPOINTS.CHAT
  const call = { endpoint, json, model: 'my-model', text, bodyBytes: text.length, context: 0 }
  return demandOf(call, { ...deployment, ...more }).demand
}

/** The tokens that are held for on top of a message's own bytes. */
function besides(message: object, more: object, to: Partial<Deployment>): number {
  const text = JSON.stringify({ messages: [message], ...more })
  return heldFor(text, to).inputTokens - text.length
}

const HI = { role: 'user', content: 'Hi' }
const of = (provider: string, model: string) => ({ provider, pricedAs: { provider, model } })

test('an image is held for as what the deployment is of, whatever its name', () => {
  const url = 'data:image/png;base64,iVBORw0KGgo='
  const message = { content: [{ type: 'image_url', image_url: { url } }] }
  const held = (model: string) => besides(message, {}, of('azure', model))
  expect(held('gpt-4o-mini')).toBe(2_833 + 8 * 5_667)
  expect(held('gpt-4o-mini')).toBeGreaterThan(held('gpt-4o'))
})

test.each([
  ['anthropic', 'claude-opus-4-7', 804],
  ['openai', 'anthropic/claude-opus-4-7', 804],
  ['openai', 'gpt-4o', 0],
] as const)(
  'tools are held for with what %s shows %s because of them',
  (provider, model, least) => {
    const held = (tools: readonly object[]) => besides(HI, { tools }, of(provider, model))
    const defined = [
      { type: 'function', function: { name: 'f' } },
      { name: 'f', input_schema: { type: 'object' } },
      { type: 'custom', name: 'f', input_schema: { type: 'object' } },
    ]
    expect(held([])).toBe(0)
    expect(held(defined)).toBe(held(defined.slice(1)))
    expect(held(defined)).toBeGreaterThanOrEqual(least)
    // The definitions of Anthropic's own tools are not in the call.
    const own = [{ type: 'computer_20250124', name: 'computer' }, { type: 'bash_20250124' }]
    const more = held([...defined, ...own]) - held(defined)
    expect(more).toBeGreaterThanOrEqual(least === 0 ? 0 : 735 + 499 + 245)
  },
)

test('a schema is held for with what a Claude is told of it', () => {
  const held = (more: object) => besides(HI, more, of('anthropic', 'claude-opus-4-7'))
  const format = { type: 'json_schema', schema: {} }
  expect(held({ response_format: { type: 'text' } })).toBe(0)
  const told = held({ response_format: format })
  expect(told).toBeGreaterThan(0)
  expect(held({ output_config: { format } })).toBe(told)
  expect(held({ output_format: format, tools: [{ name: 'f' }] })).toBeGreaterThan(told)
})

test('what nobody can look into is held for at the longest prompt that the config states', () => {
  const content = [{ type: 'file', file: { file_id: 'x' } }]
  const text = JSON.stringify({ messages: [{ role: 'user', content }] })
  expect(heldFor(text, { inputTokensMax: 8_192 })).toMatchObject({
    inputTokens: text.length + 8_192,
    unseenTokens: 8_192,
  })
  expect(heldFor(text, { inputTokensMax: null }).unseenTokens).toBeGreaterThan(100_000)
})

test.each(['"1h"', '"\\u0031h"', '"1\\u0068"', '"\\u0031\\u0068"'])(
  'a cache for an hour is held for at its price, also if it is written %s',
  (ttl) => {
    const price = builtInPrice('anthropic', 'claude-opus-4-6')!
    const rateOf = (ttl: string) => {
      const cached = `{"type":"text","text":"Hi","cache_control":{"ttl":${ttl}}}`
      return heldFor(`{"system":[${cached}]}`, { price }).rates!.input
    }
    expect(rateOf(ttl)).toBe(price.rates.cacheWriteHour)
    expect(rateOf('"5m"')).toBe(price.rates.cacheWrite)
  },
)
