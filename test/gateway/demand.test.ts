import { expect, test } from 'bun:test'
import { demandOf } from '../../src/gateway/demand.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { imageTokensMax } from '../../src/metering/images.ts'
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
  expect(heldFor('gpt-4o-mini') - text.length).toBe(imageTokensMax('gpt-4o-mini'))
  expect(heldFor('gpt-4o-mini')).toBeGreaterThan(heldFor('gpt-4o'))
})
